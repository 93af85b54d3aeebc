import { Cluster } from "ioredis";
import type { DevEui } from "../../lorawan/ids.ts";
import { parseDevEui } from "../../lorawan/ids.ts";
import type { RedisContext } from "./redis-context.ts";
import {
  addressedBy,
  corrupt,
  decodeDocument,
  positionOf,
  splitAddress,
  splitMember,
  textsOf,
} from "./redis-records.ts";
import {
  type AppendedEvents,
  type CommitOutcome,
  type DeviceCommit,
  type DeviceDocument,
  partitionOf,
  type StateStore,
} from "./store.ts";

/**
 * Devices with their index of addresses. An address has a slot of its own, so the index cannot change in one step with
 * the documents. It may hold too much, never too little: an entry, device and token, is added before the commit that
 * needs it and after that token was written down beside the document as under way, which only happens before the entry
 * is there. Once the document does not hold the address by that token and the token is not under way any more, the entry
 * is of no use for ever and may go.
 */
export function createDevices(
  context: RedisContext,
): Pick<StateStore, "device" | "devicesByDevAddr" | "commit" | "dueDevices"> {
  const { client, keys, retry, notices, losses, metrics, watch } = context;
  const partitions = keys.partitions.map(partition => partition.wakeUps);
  // One script may touch one slot of a cluster; a single server answers for all partitions at once.
  const wakeUps = client instanceof Cluster ? partitions.map(name => [name]) : [partitions];
  const read = async (devEui: DevEui) => {
    const record = await retry(() => client.getBuffer(keys.device(devEui).document));
    if (record === null) return undefined;
    const document = decodeDocument(record);
    return { ...document, version: versionSince(losses.count(), document.version) };
  };
  return {
    async device(devEui) {
      const found = await read(devEui);
      return found && { devEui, version: found.version, value: found.value };
    },
    async devicesByDevAddr(devAddr) {
      const members = (await retry(() => client.smembers(keys.address(devAddr)))).map(splitMember);
      const devEuis = [...new Set(members.map(member => member.devEui))];
      const found = new Map(await Promise.all(devEuis.map(async devEui => [devEui, await read(devEui)] as const)));
      for (const { devEui, token } of members) {
        if (found.get(devEui)?.addresses.includes(devAddr + token)) continue;
        context.behind(() => removeIfStale(context, devEui, devAddr, token));
      }
      return [...found].flatMap(([devEui, document]): readonly DeviceDocument[] =>
        document !== undefined && addressedBy(document, devAddr)
          ? [{ devEui, version: document.version, value: document.value }]
          : [],
      );
    },
    async commit(change) {
      const beganAtUs = watch.begin();
      const { outcome, before, ids } = await commit(context, change);
      watch.end(beganAtUs);
      if (outcome.kind === "conflict") metrics?.storeConflicts.inc();
      else if (change.events?.length) notices.appended(partitionOf(change.devEui), appendedBy(change, before, ids));
      return outcome;
    },
    async dueDevices(nowMs, limit) {
      if (limit <= 0 || nowMs < 0) return [];
      const found = (await Promise.all(wakeUps.map(names => dueIn(context, names, nowMs, limit)))).flat();
      return found
        .flatMap((devEui, index) => (index % 2 === 0 ? [{ devEui, at: Number(found[index + 1]) }] : []))
        .sort((a, b) => a.at - b.at)
        .slice(0, limit)
        .map(({ devEui }) => parseDevEui(devEui));
    },
  };
}

/** Versions that callers see have the number of losses before them, so that no loss makes one come twice. */
const versionsOfALoss = 2 ** 32;
const versionSince = (losses: number, stored: number): number => (stored === 0 ? 0 : losses * versionsOfALoss + stored);

/** What is to be in the store for a commit to go on; nothing is, for a version from before a loss. */
function storedVersion(version: number, losses: number): string {
  const isOfNow = version === 0 || Math.floor(version / versionsOfALoss) === losses;
  return isOfNow ? String(version % versionsOfALoss) : "lost";
}

async function dueIn(
  { client, retry }: RedisContext,
  names: readonly string[],
  nowMs: number,
  limit: number,
): Promise<readonly string[]> {
  const [only = ""] = names;
  // The client of a cluster finds the slot by the first argument, so a count cannot come first there.
  return names.length === 1
    ? retry(() => client.zrangebyscore(only, "-inf", nowMs, "WITHSCORES", "LIMIT", 0, limit))
    : textsOf(await retry(() => client.upchirpDue(names.length, ...names, nowMs, limit)));
}

interface Committed {
  readonly outcome: CommitOutcome;
  /** Ids in the log of what was appended, and of what was there before; none where the answer does not tell. */
  readonly before: string;
  readonly ids: readonly string[];
}

async function commit(context: RedisContext, change: DeviceCommit): Promise<Committed> {
  const { client, keys, retry, losses, notices } = context;
  const { devEui, expectedVersion } = change;
  const token = context.newToken();
  const { document, order, values, intents, recent } = keys.device(devEui);
  const { wakeUps, log, waiting, channel } = keys.ofDevice(devEui);
  const names = [document, wakeUps, log, order, values, waiting, intents, recent, channel] as const;
  const args = commitArguments(context, change);
  let added: AddedEntries = { token: "", devAddrs: [], losses: 0 };
  // Never one that was used before: its entries may be on their way out.
  let next = token;
  const send = () => {
    const count = losses.count();
    // A server that came back may have lost the entries, while another, with the document, still knows of the intent.
    const usable = added.losses === count ? added.token : "";
    const version = storedVersion(expectedVersion, count);
    return client.upchirpCommit(...names, token, usable, next, devEui, version, ...args);
  };
  for (;;) {
    const [kind, ...rest] = textsOf(await retry(send));
    switch (kind) {
      case "committed": {
        const [version = "", dropped = "", before = "", appended = ""] = rest;
        if (dropped !== "") context.behind(() => removeEntries(context, devEui, dropped.split(",")));
        const outcome = { kind, version: versionSince(losses.count(), Number(version)) };
        return { outcome, before, ids: appended === "" ? [] : appended.split(",") };
      }
      case "queued":
      case "conflict": {
        if (kind === "queued") notices.awaited.add(devEui);
        const { devAddrs, token: unused } = added;
        context.behind(() => Promise.all(devAddrs.map(devAddr => removeIfStale(context, devEui, devAddr, unused))));
        return { outcome: { kind: "conflict" }, before: "", ids: [] };
      }
      case "index":
        added = { token: next, devAddrs: (rest[0] ?? "").split(","), losses: losses.count() };
        next = context.newToken();
        await addEntries(context, devEui, added);
        break;
      default:
        throw corrupt("device");
    }
  }
}

interface AddedEntries {
  readonly token: string;
  readonly devAddrs: readonly string[];
  /** The count of losses from before they were added. */
  readonly losses: number;
}

async function addEntries(
  { client, keys, retry }: RedisContext,
  devEui: DevEui,
  { devAddrs, token }: AddedEntries,
): Promise<void> {
  await Promise.all(devAddrs.map(devAddr => retry(() => client.sadd(keys.address(devAddr), devEui + token))));
}

function commitArguments({ notices }: RedisContext, change: DeviceCommit): readonly (string | Buffer)[] {
  const { value, devAddrs, wakeAtMs, expectsNoQueue = false, events = [], queue = [] } = change;
  return [
    value === null ? "" : [...new Set(devAddrs)].join(","),
    value === null || wakeAtMs === undefined ? "" : String(wakeAtMs),
    value === null ? "0" : "1",
    Buffer.from(value ?? []),
    notices.publish,
    notices.instance,
    expectsNoQueue ? "1" : "0",
    String(events.length),
    ...events.map(event => Buffer.from(event)),
    ...queue.flatMap(each => [each.kind, each.id, each.kind === "replace" ? Buffer.from(each.value) : ""]),
  ];
}

/** Undefined when the answer did not tell where they are. */
function appendedBy(
  { devEui, events = [], sources }: DeviceCommit,
  before: string,
  ids: readonly string[],
): AppendedEvents | undefined {
  if (ids.length !== events.length) return undefined;
  return {
    after: before === "" ? "" : positionOf(before),
    events: events.map((value, index) => {
      const source = sources?.[index];
      return { position: positionOf(ids[index] ?? ""), devEui, value, ...(source && { source }) };
    }),
  };
}

/** Entries that no document holds any more and no commit under way can bring back. */
async function removeEntries(
  { client, keys }: RedisContext,
  devEui: DevEui,
  addresses: readonly string[],
): Promise<void> {
  await Promise.all(
    addresses.map(splitAddress).map(({ devAddr, token }) => client.srem(keys.address(devAddr), devEui + token)),
  );
}

async function removeIfStale(context: RedisContext, devEui: DevEui, devAddr: string, token: string): Promise<void> {
  const { document, intents } = context.keys.device(devEui);
  const stale = Number(await context.client.upchirpStale(document, intents, devAddr, token)) === 1;
  if (stale) await removeEntries(context, devEui, [devAddr + token]);
}
