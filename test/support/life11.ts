import { expect } from "vitest";
import { type DevEui, parseDevEui } from "../../lorawan/ids.ts";
import type { DeviceConfig } from "../../network-server/ports.ts";
import { Device11, type Device11Options } from "./device11.ts";
import { createScenario, type ScenarioOptions } from "./scenario.ts";

const keyOf = (seed: number): Uint8Array => Uint8Array.from({ length: 16 }, (_, index) => seed * 16 + index);

/** A network server with one gateway and one LoRaWAN 1.1 device, which has done nothing yet. */
export async function life11(
  options: ScenarioOptions = {},
  changes: Partial<Device11Options> = {},
  config: Partial<DeviceConfig> = {},
) {
  const scenario = await createScenario({ ...options, profile: { macVersion: "1.1.0", ...options.profile } });
  const gateway = await scenario.addGateway();
  const devEui: DevEui = parseDevEui("1100000000000001");
  const nwkKey = keyOf(1);
  const appKey = keyOf(2);
  scenario.register(devEui, config);
  await scenario.rootKeys.put(devEui, { nwkKey, appKey });
  const device = new Device11({
    air: scenario.air,
    region: scenario.region,
    devEui,
    joinEui: "0e0e0e0e0e0e0e0e",
    nwkKey,
    appKey,
    ...changes,
  });
  const { clock, eventsOf, server } = scenario;
  return {
    ...scenario,
    gateway,
    device,
    devEui,
    events: () => eventsOf(devEui),
    ups: async () => (await eventsOf(devEui)).filter(event => event.kind === "up"),
    session: async () => (await server.session(devEui))?.session,
    async join(): Promise<void> {
      device.join();
      await clock.advance(8_000);
    },
    async rejoin(...how: Parameters<Device11["rejoin"]>): Promise<void> {
      device.rejoin(...how);
      await clock.advance(8_000);
    },
    async send(...what: Parameters<Device11["send"]>): Promise<void> {
      device.send(...what);
      await clock.advance(8_000);
    },
  };
}

/** The same, joined, and with RekeyInd confirmed. */
export async function joined11(...options: Parameters<typeof life11>) {
  const life = await life11(...options);
  await life.join();
  await life.send(1, Uint8Array.of(1));
  expect(life.device.accepts).toHaveLength(1);
  expect(life.device.indication).toBe("");
  return life;
}
