import type { NewDevice, NewDeviceProfile } from "../../app-server/catalog-ports.ts";
import { createApplicationCommands } from "../../app-server/commands.ts";
import type { Diagnosis } from "../../app-server/diagnosis-ports.ts";
import { createDownlinkQueue } from "../../app-server/downlink.ts";
import type { CodecSandbox, DeviceCodec } from "../../app-server/ports.ts";
import { createRefusedCommands } from "../../app-server/refused-commands.ts";
import { applicationEvents } from "../../app-server/uplink.ts";
import { createAppSKeyVault } from "../../app-server/vault.ts";
import { networkControl } from "../../compose/network-control.ts";
import { type DevEui, parseDevAddr, parseDevEui, parseJoinEui } from "../../lorawan/ids.ts";
import { parseAesKey } from "../../lorawan/keys.ts";
import { sealJoinRequest } from "../../lorawan/phy/security.ts";
import type { Activation } from "../../network-server/control.ts";
import type { DeviceConfig, GatewayConfig } from "../../network-server/ports.ts";
import type { FrameRecord } from "../../platform/frames/frame-record.ts";
import { createLog } from "../../platform/log.ts";
import type { DeviceOptions } from "../../simulators/device.ts";
import type { UdpGatewayOptions } from "../../simulators/gateway-udp.ts";
import { startHistory } from "../app-server/history/support.ts";
import { directoryDevice } from "../app-server/support/fixtures.ts";
import { startTestApi } from "./api.ts";
import { addTenantWithDevice, profileFor } from "./catalog.ts";
import { createScenario, type ScenarioOptions } from "./scenario.ts";
import { createVirtualClock } from "./virtual-clock.ts";

export interface DiagnosedOptions extends Omit<ScenarioOptions, "frames"> {
  /** Of the profile as the API has it, beside what the scenario's says. */
  readonly codec?: DeviceCodec;
  readonly sandbox?: CodecSandbox;
  /** Of each gateway. */
  readonly gateway?: Partial<GatewayConfig>;
}

const failing = async () => ({ kind: "failed", message: "no codec here" }) as const;
const noSandbox: CodecSandbox = {
  decode: failing,
  decodeDownlink: failing,
  encode: failing,
  close: async () => undefined,
};

type Scenario = Awaited<ReturnType<typeof createScenario>>;

/**
 * The API on a database, for tests that make a radio life each and ask what is the matter with its device: what the network
 * server sees is written into the history as in an installation, and the answer is that of the API.
 */
export async function startDiagnoses() {
  const idle = createVirtualClock();
  let clock = idle;
  let scenario: Scenario | undefined;
  const unused = async () => undefined;
  const queue = createDownlinkQueue({
    store: {
      queue: async devEui => (await scenario?.store.queue(devEui)) ?? [],
      enqueue: async () => false,
      removeQueued: async () => false,
      reorderQueue: async () => undefined,
      flushQueue: async () => 0,
    },
    directory: { device: unused },
    network: { session: unused, downlinkSession: unused, mostPayload: unused },
    vault: createAppSKeyVault({ kekLabel: "x", kek: new Uint8Array(16) }),
    sandbox: noSandbox,
    clock: idle,
  });
  const api = await startTestApi({
    queue,
    clock: {
      nowMs: () => clock.nowMs(),
      monotonicUs: () => clock.monotonicUs(),
      after: (delayMs, action) => clock.after(delayMs, action),
      advance: durationMs => clock.advance(durationMs),
      settle: () => clock.settle(),
    },
  });
  const { tenant, application, device: first } = await addTenantWithDevice(api.repositories, "T", "0000000000000001");
  await api.repositories.devices.remove(first.devEui);
  const { keeper, frameWriter } = startHistory(api.sql);
  const { tenantId, applicationId } = { tenantId: tenant.id, applicationId: application.id };

  async function clean(): Promise<void> {
    clock = idle;
    for (const table of ["devices", "gateways", "event_history", "frame_history", "frame_history_gateways"]) {
      await api.sql.run(`delete from ${table}`);
    }
    api.rootKeys.stored.clear();
  }

  /** A life of its own; only one at a time. */
  async function life(options: DiagnosedOptions = {}) {
    await clean();
    const frames: FrameRecord[] = [];
    const made = await createScenario({ ...options, frames: { isWanted: true, add: make => frames.push(make()) } });
    scenario = made;
    clock = made.clock;
    const control = networkControl(made.server, made.vault);
    api.control.session = devEui => control.session(devEui);
    api.control.gateways = () => control.gateways();
    api.control.gateway = gatewayId => control.gateway(gatewayId);
    const { profile } = made;
    const stored = await api.repositories.deviceProfiles.create({
      ...profileFor(tenantId, `profile ${crypto.randomUUID()}`),
      ...profileFields(profile),
      ...(options.codec && { codec: options.codec.kind }),
    });

    /** As it was typed in; the DevEUI is the device's own unless it is given. */
    async function create(devEui: DevEui, typed: Partial<NewDevice> = {}): Promise<void> {
      await api.repositories.devices.create({
        devEui,
        joinEui: parseJoinEui("0e0e0e0e0e0e0e0e"),
        applicationId,
        deviceProfileId: stored.id,
        name: `device ${devEui}`,
        description: "",
        isDisabled: false,
        resetsFCnt: false,
        mac: {},
        variables: {},
        tags: {},
        ...typed,
      });
      if (await made.rootKeys.has(devEui)) await api.rootKeys.put(devEui, { nwkKey: "00".repeat(16) });
    }

    return {
      ...made,
      frames,
      create,
      /** In the catalog of both. */
      async addDevice(changes: Partial<DeviceOptions> = {}, config: Partial<DeviceConfig> = {}) {
        const device = await made.addDevice(changes, { tenantId, applicationId, ...config });
        const { disabled = false, resetsFCnt = false } = config;
        await create(device.devEui, { isDisabled: disabled, resetsFCnt });
        return device;
      },
      /** A device with a session of its own, and the same or another one stored here. */
      async addPersonalisedDevice(changes: Partial<DeviceOptions> = {}, stored: Partial<Activation> = {}) {
        const key = "0a".repeat(16);
        const appSKey = "0b".repeat(16);
        const devAddr = parseDevAddr("01020304");
        const personalization = { devAddr, nwkSKey: key, appSKey };
        const device = await made.addDevice({ personalization, ...changes }, { tenantId, applicationId });
        await create(device.devEui);
        const counters = { fCntUp: 0, nFCntDown: 0, aFCntDown: 0 };
        const keys = { fNwkSIntKey: key, sNwkSIntKey: key, nwkSEncKey: key, appSKey: { aesKey: appSKey } };
        await made.server.activate(device.devEui, { devAddr, ...keys, ...counters, ...stored });
        return device;
      },
      /** A device that people typed in otherwise than it is. */
      async addMistypedDevice(
        typed: (own: { readonly devEui: string; readonly joinEui: string }) => {
          readonly devEui: string;
          readonly joinEui?: string;
        },
      ) {
        const device = await made.addDevice();
        const { devEui, joinEui = "0e0e0e0e0e0e0e0e" } = typed({ devEui: device.devEui, joinEui: "0e0e0e0e0e0e0e0e" });
        made.devices.delete(device.devEui);
        const shown = parseDevEui(devEui);
        made.register(shown, { tenantId, applicationId, joinEui: parseJoinEui(joinEui) });
        await api.rootKeys.put(shown, { nwkKey: "00".repeat(16) });
        await create(shown, { joinEui: parseJoinEui(joinEui) });
        return { ...device, devEui: shown };
      },
      async addGateway(changes: Partial<UdpGatewayOptions> = {}, isOwn = true) {
        const gateway = await made.addGateway(changes, { tenantId, ...options.gateway });
        if (isOwn) {
          await api.call("POST", "/api/gateways", {
            gatewayId: gateway.gatewayId,
            tenantId,
            name: `roof ${gateway.gatewayId}`,
          });
        }
        return gateway;
      },
      /** Join-Requests from the air, one every so many milliseconds. */
      async shoutJoins({ devEui }: { readonly devEui: DevEui }, count: number, everyMs: number): Promise<void> {
        const [channel] = made.region.defaultChannels;
        const modulation = made.region.uplinkDataRates[5];
        if (!channel || !modulation) throw new TypeError("the region has a first channel and DR5");
        const from = { senderId: "hasty", position: { eastM: 100, northM: 0, heightM: 2 }, powerDbm: 14 };
        const on = { frequencyHz: channel.uplinkFrequencyHz, modulation, inverted: false };
        const joinEui = parseJoinEui("0e0e0e0e0e0e0e0e");
        for (let devNonce = 0; devNonce < count; devNonce += 1) {
          const startUs = made.clock.monotonicUs();
          const phyPayload = sealJoinRequest(parseAesKey("00".repeat(16)), { joinEui, devEui, devNonce });
          made.air.transmit({ ...from, ...on, phyPayload, startUs, endUs: startUs + 60_000 });
          await made.clock.advance(everyMs);
        }
      },
      /** A `command/down` of the application's. */
      async command(devEui: DevEui, body: string): Promise<void> {
        const tools = { clock: made.clock, metrics: made.metrics, log: createLog({ level: "silent" }) };
        const refused = createRefusedCommands({ ...tools, keeper });
        const directory = {
          device: async () => directoryDevice({ kind: "none" }, { tenantId, applicationId, devEui }),
        };
        const commands = createApplicationCommands({ ...tools, queue, directory, onRefused: refused.keep });
        await commands.down(applicationId, devEui, Buffer.from(body));
        await refused.close();
      },
      /** What was seen so far is written into the history, then the API is asked. */
      async diagnose(devEui: DevEui): Promise<Diagnosis> {
        const device = directoryDevice(options.codec ?? { kind: "none" }, { tenantId, applicationId, devEui });
        const tools = { vault: made.vault, sandbox: options.sandbox ?? noSandbox };
        for (const event of await made.eventsOf(devEui))
          await keeper.keep(await applicationEvents(event, device, tools));
        await frameWriter.write(frames.splice(0));
        const answer = await api.call("GET", `/api/devices/${devEui}/diagnosis`);
        if (answer.statusCode !== 200) throw new Error(answer.body);
        // Keys have 32 digits; ids have hyphens.
        if (/[0-9a-f]{32}/i.test(answer.body)) throw new Error(`a key is told: ${answer.body}`);
        return answer.json();
      },
    };
  }

  return {
    api,
    tenantId,
    noSandbox,
    life,
    async end() {
      await scenario?.server.close();
      await api.end();
    },
  };
}

const profileFields = ({
  region,
  macVersion,
  regionalParameters,
  supportsOtaa,
  supportsClassB,
  supportsClassC,
  expectedUplinkIntervalSeconds,
}: Scenario["profile"]): Partial<NewDeviceProfile> => ({
  region,
  macVersion,
  regionalParameters,
  supportsOtaa,
  supportsClassB,
  supportsClassC,
  expectedUplinkIntervalSeconds,
});
