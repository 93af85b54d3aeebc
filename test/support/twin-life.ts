import { createDownlinkQueue } from "../../app-server/downlink.ts";
import { createEventConsumer } from "../../app-server/events.ts";
import type { CodecSandbox, DirectoryDevice, TwinCodec } from "../../app-server/ports.ts";
import { startTwins } from "../../app-server/twin/start.ts";
import { createTwins } from "../../app-server/twin/twins.ts";
import type { TwinMessage, TwinStore } from "../../app-server/twin-ports.ts";
import { networkControl } from "../../compose/network-control.ts";
import type { LeaseHolder, Leases } from "../../platform/leases/leases.ts";
import { createLocalLeases } from "../../platform/leases/local.ts";
import { createLog } from "../../platform/log.ts";
import { partitionCount } from "../../platform/state/store.ts";
import { directoryDevice } from "../app-server/support/fixtures.ts";
import { createMemoryTwins } from "./memory-twins.ts";
import { joinedLife, type LifeOptions } from "./radio-life.ts";

const configPort = 20;
const interval = (object: object): number => ("interval" in object ? Number(object.interval) : 0);
const failed = async () => ({ kind: "failed", message: "not used here" }) as const;

/** A codec as a device's vendor would write it: a reading is a byte, the configuration an interval of two. */
const codec: CodecSandbox & TwinCodec = {
  async decode(_codec, { bytes, fPort }) {
    const object =
      fPort === configPort ? { interval: (bytes[0] ?? 0) * 256 + (bytes[1] ?? 0) } : { level: bytes[0] ?? 0 };
    return { kind: "decoded", object, warnings: [] };
  },
  async encodeDesired(_codec, { delta }) {
    const seconds = interval(delta);
    if (seconds > 65_535) return { kind: "failed", message: "the interval is too long for this device" };
    return { kind: "encoded", fPort: configPort, bytes: Uint8Array.of(seconds >> 8, seconds & 0xff), warnings: [] };
  },
  decodeDownlink: failed,
  encode: failed,
  close: async () => undefined,
};

export interface TwinLifeOptions extends LifeOptions {
  /** Stands between everybody and the twins. */
  readonly twins?: (store: TwinStore) => TwinStore;
  /** Of the first application server; all of them without it. */
  readonly leases?: Leases;
  readonly maxAirtimeMs?: number;
  /** Called each time that the codec writes a downlink, which waits for it, with the number of the application server. */
  readonly onEncode?: (server: number) => Promise<void>;
}

/** What of the log is one application server's, and what it is told when that changes. */
export function createMovingLeases(
  isHolder: boolean,
): Leases & { take(): void; giveUp(): Promise<void>; lose(): void } {
  let holder: LeaseHolder | undefined;
  let holds = isHolder;
  const partitions = Array.from({ length: partitionCount }, (_, partition) => partition);
  const all = (tell: (partition: number) => void): void => partitions.forEach(tell);
  return {
    async start(started) {
      holder = started;
      if (holds) all(partition => started.acquired(partition));
    },
    isHeld: () => holds,
    close: async () => undefined,
    take() {
      holds = true;
      all(partition => holder?.acquired(partition));
    },
    async giveUp() {
      await Promise.all(partitions.map(partition => holder?.released(partition)));
      holds = false;
    },
    lose() {
      holds = false;
      all(partition => holder?.lost(partition));
    },
  };
}

/**
 * A device that has joined, which does what downlinks on port 20 tell it and reports it with `report`, and an application
 * server with its twin, which can be started again.
 */
export async function twinLife({ maxAirtimeMs = 10_000, ...options }: TwinLifeOptions = {}) {
  const life = await joinedLife(options);
  const { clock, store, vault, metrics, device, server } = life;
  const log = createLog({ level: "silent" });
  const isClassC = options.profile?.supportsClassC === true;
  const owner: DirectoryDevice = directoryDevice(
    { kind: "javascript", script: "" },
    {
      devEui: device.devEui,
      applicationId: life.devices.get(device.devEui)?.applicationId ?? directoryDevice().info.applicationId,
      deviceClassEnabled: isClassC ? "CLASS_C" : "CLASS_A",
    },
  );
  const directory = {
    device: async (devEui: string) => (devEui === device.devEui ? owner : undefined),
    deviceIn: async () => undefined,
  };
  const twinStore = options.twins?.(createMemoryTwins()) ?? createMemoryTwins();
  const network = networkControl(server, vault);
  const queue = createDownlinkQueue({ store, directory, network, vault, sandbox: codec, clock, maxEntries: 3 });
  const twins = createTwins({ store: twinStore, directory, queue, clock });
  const told: TwinMessage[] = [];
  const config = { enabled: true, firstRetrySeconds: 60, longestRetrySeconds: 3600, maxAirtimeMsPerDay: maxAirtimeMs };
  const outlets = [async (message: TwinMessage) => void told.push(message)];

  let servers = 0;
  const startServer = async (leases: Leases = createLocalLeases()) => {
    servers += 1;
    const server = servers;
    const sandbox: TwinCodec = {
      async encodeDesired(...given) {
        await options.onEncode?.(server);
        return codec.encodeDesired(...given);
      },
    };
    const kept = startTwins(
      config,
      { store: twinStore, directory, queue, sandbox, outlets, lookEveryMs: 10_000 },
      { clock, log, metrics },
    );
    if (kept === undefined) throw new Error("twins are off");
    const consumer = createEventConsumer({
      ...{ store, leases, directory, sinks: [], followers: [kept.driver.holder] },
      observers: [kept.keeper],
      ...{ vault, sandbox: codec, clock, log, metrics, saveIntervalMs: 10_000 },
    });
    await kept.driver.start();
    await consumer.start();
    return { ...kept, consumer };
  };
  let running = await startServer(options.leases);

  /** What the device does now. */
  const state = { interval: 300 };
  const heard = () =>
    life.eventsOfKind("downlink").filter(({ fPort, payload }) => fPort === configPort && payload.length === 2);
  let obeyed = 0;
  const obey = (): void => {
    for (const { payload } of heard().slice(obeyed)) state.interval = (payload[0] ?? 0) * 256 + (payload[1] ?? 0);
    obeyed = heard().length;
  };
  const send = async (fPort: number, payload: Uint8Array): Promise<void> => {
    device.device.send({ fPort, payload });
    await clock.advance(12_000);
    obey();
  };
  return {
    ...life,
    queue,
    twins,
    twinStore,
    told,
    state,
    heard,
    obey,
    reading: (level = 7) => send(1, Uint8Array.of(level)),
    report: () => send(configPort, Uint8Array.of(state.interval >> 8, state.interval & 0xff)),
    view: async () => {
      const twin = await twins.get(device.devEui);
      if (twin === undefined) throw new Error("there is no such device");
      return twin;
    },
    /** Another application server. */
    addServer: (leases: Leases) => startServer(leases),
    desire: (desired: object) => twins.update(device.devEui, { desired: { ...desired } }),
    /** The process ends without a word, and another begins. */
    async crash(): Promise<void> {
      void running.driver.close();
      void running.consumer.close();
      await clock.advance(5_000);
      running = await startServer();
      await clock.advance(1_000);
    },
  };
}
