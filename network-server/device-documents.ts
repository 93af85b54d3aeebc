import type { DevAddr, DevEui } from "../lorawan/ids.ts";
import type { NetworkEvent } from "../platform/state/network-event.ts";
import type { DeviceDocument, QueueChange, StateStore } from "../platform/state/store.ts";
import type { DeviceCache } from "./device-cache.ts";
import { decodeDeviceState, encodeDeviceState, withSharedParts } from "./device-record.ts";
import { knowingLosses, pastLosses } from "./lost-counters.ts";
import { type DeviceState, devAddrsOf, type LoadedDevice } from "./session.ts";
import type { OpenUplink } from "./session-record.ts";

/** The state store, and where a process keeps it, what it knows of the devices there. */
export interface DeviceDocuments {
  readonly store: StateStore;
  readonly known?: DeviceCache;
}

export interface DeviceChange {
  readonly state: DeviceState;
  readonly events?: readonly NetworkEvent[];
  readonly queue?: readonly QueueChange[];
  /** The change was decided for a device that nothing was known to wait for. */
  readonly expectsNoQueue?: boolean;
}

/** An uplink that is accepted and not completed by then is completed from what the store has: its process died. */
const abandonedAfterMs = 5_000;

/** Empty state at version 0 for a device that the store does not know. Throws UnreadableSession. */
export async function loadDevice(documents: DeviceDocuments, devEui: DevEui): Promise<LoadedDevice> {
  const document = await documents.store.device(devEui);
  return document
    ? opened(documents, document)
    : { devEui, version: 0, losses: documents.store.lossCount(), state: {} };
}

/** Throws UnreadableSession. */
export async function loadByDevAddr(documents: DeviceDocuments, devAddr: DevAddr): Promise<readonly LoadedDevice[]> {
  return (await documents.store.devicesByDevAddr(devAddr)).map(document => opened(documents, document));
}

/** The device as it is now, or undefined when someone else changed it since `loaded` was read. */
export async function commitDevice(
  { store, known }: DeviceDocuments,
  loaded: LoadedDevice,
  change: DeviceChange,
): Promise<LoadedDevice | undefined> {
  const losses = store.lossCount();
  if (loaded.losses !== losses) return conflict(known, loaded);
  const state = knowingLosses(change.state, losses);
  const wakeAtMs = wakeAtMsOf(state);
  const outcome = await store.commit({
    devEui: loaded.devEui,
    expectedVersion: loaded.version,
    value: encodeDeviceState(state),
    devAddrs: devAddrsOf(state),
    ...(wakeAtMs !== undefined && { wakeAtMs }),
    ...(change.events?.length && { events: change.events.map(encodeEvent), sources: change.events }),
    ...(change.queue?.length && { queue: change.queue }),
    ...(change.expectsNoQueue && { expectsNoQueue: true }),
  });
  if (outcome.kind === "conflict") return conflict(known, loaded);
  const committed = { devEui: loaded.devEui, version: outcome.version, losses, state: withSharedParts(state) };
  known?.put(committed);
  return committed;
}

function conflict(known: DeviceCache | undefined, { devEui }: LoadedDevice): undefined {
  known?.forget(devEui);
}

/** Repeats `decide` on the latest state until its change is committed; undefined from it means: leave things as they are. */
export async function updateDevice(
  documents: DeviceDocuments,
  devEui: DevEui,
  decide: (loaded: LoadedDevice) => DeviceChange | undefined | Promise<DeviceChange | undefined>,
): Promise<LoadedDevice | undefined> {
  for (;;) {
    const loaded = await loadDevice(documents, devEui);
    const change = await decide(loaded);
    if (!change) return undefined;
    const committed = await commitDevice(documents, loaded, change);
    if (committed) return committed;
  }
}

/** True for an uplink that whoever accepted it should have completed by now. */
export const isAbandoned = (open: OpenUplink, nowMs: number): boolean => open.receivedAtMs + abandonedAfterMs <= nowMs;

/** The earliest of what someone must see to; undefined when nothing is. */
function wakeAtMsOf({ open, active }: DeviceState): number | undefined {
  const times = [open && open.receivedAtMs + abandonedAfterMs, active?.pacing?.wakeAtMs];
  const known = times.filter(time => time !== undefined);
  return known.length > 0 ? Math.min(...known) : undefined;
}

function opened({ store, known }: DeviceDocuments, { devEui, version, value }: DeviceDocument): LoadedDevice {
  const losses = store.lossCount();
  const device = { devEui, version, losses, state: pastLosses(decodeDeviceState(value), losses) };
  known?.put(device);
  return device;
}

const encodeEvent = (event: NetworkEvent): Uint8Array => Buffer.from(JSON.stringify(event));
