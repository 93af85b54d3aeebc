import { expect } from "vitest";
import { parseDevAddr } from "../../lorawan/ids.ts";
import { describeCommands } from "../../lorawan/mac/engine.ts";
import type { MacParameters } from "../../lorawan/mac/state.ts";
import type { RadioParameters } from "../../simulators/device-state.ts";
import type { UdpGateway } from "../../simulators/gateway-udp.ts";
import { createScenario, type ScenarioDevice, type ScenarioOptions } from "./scenario.ts";

type Scenario = Awaited<ReturnType<typeof createScenario>>;
type GatewayOptions = Parameters<Scenario["addGateway"]>[0];
type GatewayConfigChanges = Parameters<Scenario["addGateway"]>[1];
type DeviceChanges = Parameters<Scenario["addDevice"]>[0];
type DeviceConfigChanges = Parameters<Scenario["addDevice"]>[1];

export interface LifeOptions extends ScenarioOptions {
  readonly gateways?: readonly GatewayOptions[];
  readonly gatewayConfigs?: readonly GatewayConfigChanges[];
  readonly device?: DeviceChanges;
  readonly config?: DeviceConfigChanges;
}

/** One device that has joined through some gateways. */
export async function joinedLife(options: LifeOptions = {}) {
  const scenario = await createScenario(options);
  const gateways: UdpGateway[] = [];
  for (const [index, gateway] of (options.gateways ?? [{}]).entries()) {
    gateways.push(await scenario.addGateway(gateway, options.gatewayConfigs?.[index]));
  }
  const device = await scenario.addDevice(options.device, options.config);
  device.device.start();
  await scenario.clock.advance(15_000);
  return lifeOf(scenario, gateways, device);
}

/** One device that is activated by personalisation. */
export async function personalisedLife(options: LifeOptions = {}) {
  const scenario = await createScenario(options);
  const gateways: UdpGateway[] = [];
  for (const [index, gateway] of (options.gateways ?? [{}]).entries()) {
    gateways.push(await scenario.addGateway(gateway, options.gatewayConfigs?.[index]));
  }
  const nwkSKey = "0a".repeat(16);
  const appSKey = "0b".repeat(16);
  const devAddr = parseDevAddr("01020304");
  const [sNwkSIntKey, nwkSEncKey] =
    options.profile?.macVersion === "1.1.0" ? ["0c".repeat(16), "0d".repeat(16)] : [nwkSKey, nwkSKey];
  const version11 = sNwkSIntKey === nwkSKey ? {} : { version11: { sNwkSIntKey, nwkSEncKey } };
  const personalization = { devAddr, nwkSKey, appSKey, ...version11 };
  const device = await scenario.addDevice({ personalization, ...options.device }, options.config);
  await scenario.server.activate(device.devEui, {
    devAddr,
    appSKey: { aesKey: appSKey },
    fNwkSIntKey: nwkSKey,
    sNwkSIntKey,
    nwkSEncKey,
    fCntUp: 0,
    nFCntDown: 0,
    aFCntDown: 0,
  });
  return lifeOf(scenario, gateways, device);
}

/** What tests ask of one device and its gateways. */
export function lifeOf(scenario: Scenario, gateways: readonly UdpGateway[], device: ScenarioDevice) {
  const send = async (changes: { readonly confirmed?: boolean } = {}): Promise<void> => {
    device.device.send({ fPort: 1, payload: Uint8Array.of(1, 2, 3), ...changes });
    await scenario.clock.advance(12_000);
  };
  const eventsOfKind = <Kind extends ScenarioDevice["events"][number]["kind"]>(kind: Kind) =>
    device.events.filter(
      (event): event is Extract<ScenarioDevice["events"][number], { kind: Kind }> => event.kind === kind,
    );
  return {
    ...scenario,
    gateways,
    device,
    send,
    eventsOfKind,
    async sendMany(count: number, changes: { readonly confirmed?: boolean } = {}): Promise<void> {
      for (let index = 0; index < count; index += 1) await send(changes);
    },
    /** Names of the commands that the device was sent, in order. */
    commandsHeard: (): readonly string[] =>
      eventsOfKind("downlink").flatMap(({ macCommands }) =>
        describeCommands(Buffer.from(macCommands, "hex"), "down", scenario.profile.macVersion).map(
          command => command.name,
        ),
      ),
    /** What the device itself uses now. */
    parameters() {
      const parameters = device.device.session?.parameters;
      if (!parameters) throw new Error("the device has no session");
      return parameters;
    },
    /** What the server takes the device to use. */
    async believed() {
      const view = await scenario.server.session(device.devEui);
      if (!view) throw new Error("the server has no session");
      return view.session.mac.current;
    },
    /** Every frame that a gateway sent was heard by the device, in the right window, and broke no rule. */
    expectAllHeard(): void {
      const transmitted = gateways.reduce((sum, gateway) => sum + gateway.statistics().transmitted, 0);
      const heard = eventsOfKind("downlink").length + eventsOfKind("joined").length;
      expect(eventsOfKind("violation")).toEqual([]);
      expect(eventsOfKind("bad-mic")).toEqual([]);
      expect(heard).toBe(transmitted);
    },
    async expectAgreementOf(...names: readonly (keyof MacParameters & keyof RadioParameters)[]): Promise<void> {
      const current = await this.believed();
      const present = this.parameters();
      expect(names.map(name => present[name])).toEqual(names.map(name => current[name]));
    },
    /** Server and device are of one mind. */
    async expectAgreement(): Promise<void> {
      const view = await scenario.server.session(device.devEui);
      if (!view) throw new Error("the server has no session");
      const { channels, ...current } = view.session.mac.current;
      const present = device.device.session?.parameters;
      expect(present).toMatchObject(current);
      expect(present?.channels).toEqual(Array.from(channels, channel => channel ?? null));
    },
  };
}
