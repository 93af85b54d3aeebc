import { MalformedValue } from "../../lorawan/errors.ts";
import { type JoinEui, parseApplicationId, parseDevEui, parseJoinEui } from "../../lorawan/ids.ts";
import { isVersion11, type MacVersion } from "../../lorawan/version.ts";
import type { QueueItem } from "../../platform/state/queue-item.ts";
import type { CarriedDevice, CarriedKey, CarriedNonces, CarriedProfile, CarriedSession } from "../carried.ts";
import { hasRisingDevNonce } from "../nonces.ts";
import type { NoteTopic } from "../notes.ts";
import { decodeQueueItem } from "./queue.ts";
import { bool, has, hexText, integer, json, type Row, tags, text, timeMs } from "./row.ts";
import { type DecodedSession, decodeSession, type SessionRow } from "./session-message.ts";

/** Rows and records of one device. */
export interface DeviceParts {
  readonly row: Row;
  readonly keys: Row | undefined;
  readonly queue: readonly Row[];
  readonly profile: CarriedProfile;
  /** The message DeviceSession. */
  readonly session: Uint8Array | undefined;
  /** The key in the clear, where the one that it is under is known. */
  readonly opened: (key: CarriedKey) => CarriedKey;
}

export interface DecodedDevice {
  readonly device: CarriedDevice;
  readonly notes: readonly NoteTopic[];
  readonly faultyDownlinks: readonly string[];
}

const noJoinEui = parseJoinEui("0".repeat(16));

/** Throws MalformedValue. A session, or a downlink, that cannot be read does not keep the rest of the device back. */
export function decodeDevice({ row, keys, queue, profile, session: message, opened }: DeviceParts): DecodedDevice {
  const notes: NoteTopic[] = [];
  const enabledClass = text(row, "enabled_class").trim();
  const stored = has(row, "join_eui") ? parseJoinEui(hexText(row, "join_eui", 8)) : noJoinEui;
  const sessionRow: SessionRow = {
    fCntUp: has(row, "f_cnt_up") ? integer(row, "f_cnt_up") : 0,
    joinEui: stored === noJoinEui || !profile.supportsOtaa ? undefined : stored,
    enabledClass,
    lastSeenAtMs: timeMs(row, "last_seen_at"),
  };
  const decoded = message && decodedOrReason(message, sessionRow, opened);
  const session = typeof decoded === "object" ? decoded.session : undefined;
  const joinEui = stored === noJoinEui ? (session?.joinEui ?? noJoinEui) : stored;
  const items = decodeItems(queue, session);
  const awaited = items.items.find(({ sent }) => sent !== undefined);
  if (enabledClass === "B") notes.push("class-b");
  if (has(row, "latitude")) notes.push("device-locations");
  const nonces = keys ? noncesOf(keys, joinEui, profile.macVersion, notes) : [];
  const rootKeys = keys ? rootKeysOf(keys, profile.macVersion, notes) : undefined;
  if (!keys && profile.supportsOtaa) notes.push("no-root-keys");
  const device: CarriedDevice = {
    device: {
      devEui: parseDevEui(hexText(row, "dev_eui", 8)),
      joinEui,
      applicationId: parseApplicationId(text(row, "application_id")),
      deviceProfileId: profile.id,
      name: text(row, "name"),
      description: text(row, "description"),
      isDisabled: bool(row, "is_disabled"),
      resetsFCnt: bool(row, "skip_fcnt_check"),
      mac: {},
      variables: tags(row, "variables"),
      tags: tags(row, "tags"),
    },
    profile,
    ...(rootKeys && { rootKeys }),
    nonces,
    ...(typeof decoded === "string" && { session: decoded }),
    ...(typeof decoded === "object" && { session: withAwaitedAck(decoded.session, awaited) }),
    ...(typeof decoded === "object" && decoded.rejoined && { rejoined: decoded.rejoined }),
    queue: items.items,
  };
  return { device, notes, faultyDownlinks: items.faults };
}

function decodedOrReason(message: Uint8Array, row: SessionRow, opened: DeviceParts["opened"]): DecodedSession | string {
  try {
    const { session, rejoined } = decodeSession(message, row);
    const withKey = (each: CarriedSession) => ({ ...each, ...(each.appSKey && { appSKey: opened(each.appSKey) }) });
    return { session: withKey(session), ...(rejoined && { rejoined: withKey(rejoined) }) };
  } catch (error) {
    if (error instanceof MalformedValue) return error.message;
    throw error;
  }
}

const withAwaitedAck = (session: CarriedSession, awaited: QueueItem | undefined): CarriedSession =>
  awaited?.sent === undefined
    ? session
    : { ...session, awaitedAck: { queueItemId: awaited.id, fCntDown: awaited.sent.fCntDown } };

function decodeItems(rows: readonly Row[], session: CarriedSession | undefined) {
  const items: QueueItem[] = [];
  const faults: string[] = [];
  for (const row of rows) {
    try {
      items.push(decodeQueueItem(row, session));
    } catch (error) {
      if (!(error instanceof MalformedValue)) throw error;
      faults.push(error.message);
    }
  }
  // The one that waits for its acknowledgement is first.
  const order = ({ sent, enqueuedAtMs }: QueueItem): number => (sent ? Number.NEGATIVE_INFINITY : enqueuedAtMs);
  return { items: items.sort((one, other) => order(one) - order(other)), faults };
}

/** In 1.0.x the column of the NwkKey holds the AppKey. */
function rootKeysOf(keys: Row, macVersion: MacVersion, notes: NoteTopic[]): CarriedDevice["rootKeys"] {
  const nwkKey = hexText(keys, "nwk_key", 16);
  if (/^0+$/.test(nwkKey)) notes.push("zero-keys");
  return isVersion11(macVersion) ? { nwkKey, appKey: hexText(keys, "app_key", 16) } : { nwkKey };
}

function noncesOf(keys: Row, joinEui: JoinEui, macVersion: MacVersion, notes: NoteTopic[]): readonly CarriedNonces[] {
  const joinNonce = has(keys, "join_nonce") ? integer(keys, "join_nonce") : 0;
  const used = usedNonces(json(keys, "dev_nonces"), joinEui);
  if ((used.get(noJoinEui) ?? []).length > 0) notes.push("unknown-join-eui");
  const isRising = hasRisingDevNonce(macVersion);
  const all: CarriedNonces[] = [];
  for (const [scope, devNonces] of used) {
    if (isRising && devNonces.some((nonce, index) => nonce <= (devNonces[index - 1] ?? -1))) {
      notes.push("unsorted-dev-nonces");
    }
    const highest = devNonces.reduce((most, nonce) => Math.max(most, nonce), -1);
    all.push({ joinEui: scope, joinNonce, devNonces, ...(isRising && highest >= 0 && { lastDevNonce: highest }) });
  }
  return all;
}

/** A list up to 4.10, then a list for each JoinEUI; those of a device's own come even if there is none. */
function usedNonces(stored: unknown, joinEui: JoinEui): ReadonlyMap<JoinEui, readonly number[]> {
  const lists = Array.isArray(stored) ? { [joinEui]: stored } : stored;
  if (typeof lists !== "object" || lists === null) throw new MalformedValue("dev_nonces is no list");
  const used = new Map<JoinEui, readonly number[]>([[joinEui, []]]);
  for (const [name, list] of Object.entries(lists)) {
    if (!Array.isArray(list) || !list.every(isDevNonce))
      throw new MalformedValue("dev_nonces holds what is no DevNonce");
    // In a database of an older version devices without a JoinEUI keep theirs under zeros.
    const scope = parseJoinEui(name) === noJoinEui ? joinEui : parseJoinEui(name);
    used.set(scope, [...(used.get(scope) ?? []), ...list]);
  }
  return used;
}

const isDevNonce = (value: unknown): value is number =>
  typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= 0xffff;
