import { createApplicationCommands } from "../../../app-server/commands.ts";
import { createDownlinkQueue } from "../../../app-server/downlink.ts";
import type { CodecSandbox, DirectoryDevice, DownlinkSession, SessionSummary } from "../../../app-server/ports.ts";
import { createAppSKeyVault, type KeyEncryptionKey } from "../../../app-server/vault.ts";
import type { Clock } from "../../../platform/clock.ts";
import { createMetrics } from "../../../platform/metrics.ts";
import { devAddr, devEui, directoryDevice } from "./fixtures.ts";
import { createQueueStore } from "./queue-store.ts";

export const session = (maxPayload: number): SessionSummary => ({
  devAddr,
  macVersion: "1.0.4",
  region: "EU868",
  deviceClass: "A",
  fCntUp: 1,
  nFCntDown: 1,
  aFCntDown: 1,
  dataRate: 0,
  txPowerIndex: 0,
  nbTrans: 1,
  rx1DelaySeconds: 1,
  rx1DrOffset: 0,
  rx2DataRate: 0,
  rx2FrequencyHz: 869_525_000,
  enabledChannels: [0, 1, 2],
  uplinkFrequenciesHz: [868_100_000, 868_300_000, 868_500_000],
  maxPayload,
});

/** A queue and the commands that fill it, for one device. */
export function createDownlinks(
  clock: Clock,
  sandbox: CodecSandbox,
  options: {
    device?: DirectoryDevice;
    maxPayload?: number;
    mostPayload?: number;
    downlinkSession?: DownlinkSession;
    ownKek?: KeyEncryptionKey;
  } = {},
) {
  const { device = directoryDevice(), maxPayload, mostPayload, downlinkSession, ownKek } = options;
  const metrics = createMetrics();
  const store = createQueueStore();
  const directory = { device: async (asked: string) => (asked === devEui ? device : undefined) };
  const network = {
    session: async () => (maxPayload === undefined ? undefined : session(maxPayload)),
    downlinkSession: async () => downlinkSession,
    mostPayload: async () => mostPayload,
  };
  const vault = createAppSKeyVault({
    kekLabel: "upchirp",
    kek: new Uint8Array(32).fill(7),
    applicationOnly: ownKek ? [ownKek] : [],
  });
  const queue = createDownlinkQueue({ store, directory, network, vault, sandbox, clock, maxEntries: 3 });
  const commands = createApplicationCommands({ queue, directory, clock, metrics });
  return { store, queue, commands, metrics };
}
