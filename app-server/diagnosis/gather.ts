import { type GatewayId, parseDevAddr } from "../../lorawan/ids.ts";
import type { Clock } from "../../platform/clock.ts";
import type { FrameRecord } from "../../platform/frames/frame-record.ts";
import type { Device, DeviceProfile, Gateway, Repositories } from "../catalog-ports.ts";
import type { FrameFilter, History, HistoryEvent, HistoryScope } from "../history-ports.ts";
import type { DownlinkQueue, GatewaySummary, NetworkControl, RootKeys, SessionSummary } from "../ports.ts";
import { type EventFacts, eventFacts } from "./event-facts.ts";
import type { Facts, GatewayFact, JoinAttempt, StrayFrame, UplinkFact } from "./facts.ts";
import { downlinkFacts, joinAttempts, nearMissesOf, strayFrames } from "./frame-facts.ts";
import { type NearMiss, nearDevEuis, reversedBytes } from "./near-misses.ts";

export interface DiagnosisSources {
  readonly repositories: Pick<Repositories, "deviceProfiles" | "gateways">;
  readonly history: History;
  readonly control: Pick<NetworkControl, "session" | "gateways" | "gateway">;
  readonly rootKeys: Pick<RootKeys, "has">;
  readonly queue: Pick<DownlinkQueue, "list" | "maxEntries">;
  readonly clock: Clock;
}

const dayMs = 24 * 3600 * 1000;
/** What is older is no symptom of today. */
const lookBackMs = 7 * dayMs;
/** Enough to tell what is the rule from what is chance; what a diagnosis costs is bounded by them. */
const most = { uplinks: 50, otherEvents: 200, frames: 200, strays: 50, addresses: 5, gateways: 1000, hearers: 20 };

/** Everything that is known of a device and matters: a dozen look-ups by index, whatever its history is like. */
export async function gather(sources: DiagnosisSources, device: Device, scope: HistoryScope): Promise<Facts> {
  const nowMs = sources.clock.nowMs();
  const sinceMs = nowMs - lookBackMs;
  const since = new Date(sinceMs).toISOString();
  const { devEui } = device;
  const [profile, hasRootKeys, session, queued, events, frames] = await Promise.all([
    sources.repositories.deviceProfiles.get(device.deviceProfileId),
    sources.rootKeys.has(devEui),
    sources.control.session(devEui),
    sources.queue.list(devEui),
    eventsOf(sources.history, device, scope, since),
    framesOf(sources.history, { ...scope, devEui, since }, most.frames),
  ]);
  if (profile === undefined) throw new Error(`the profile of ${devEui} is gone`);
  const { uplinks, joins, logs, acks } = eventFacts(events);
  const attempts = joinAttempts(frames, joins, logs);
  const strays = await straysOf(sources.history, since, session, { uplinks, joins, logs, acks });
  const isUnheard = uplinks.length === 0 && attempts.length === 0 && session?.lastUplinkAtMs === undefined;
  return {
    nowMs,
    sinceMs,
    device,
    profile,
    hasRootKeys,
    ...(session && { session }),
    uplinks,
    logs,
    acks,
    joins: attempts,
    downlinks: downlinkFacts(frames, logs),
    ...strays,
    nearMisses: isUnheard ? await nearMisses(sources.history, device, profile, session, since) : [],
    gateways: await gatewaysOf(sources, device, uplinks, attempts),
    queue: {
      waiting: queued.map(({ data, enqueuedAtMs }) => ({
        bytes: Buffer.from(data, "base64").length,
        atMs: enqueuedAtMs,
      })),
      capacity: sources.queue.maxEntries,
    },
  };
}

async function eventsOf(
  history: History,
  { devEui }: Device,
  scope: HistoryScope,
  since: string,
): Promise<readonly HistoryEvent[]> {
  const filter = { ...scope, devEui, since };
  const [uplinks, others] = await Promise.all([
    history.events({ ...filter, kinds: ["up"] }, { limit: most.uplinks }),
    history.events({ ...filter, kinds: ["join", "ack", "log"] }, { limit: most.otherEvents }),
  ]);
  return [...uplinks.items, ...others.items];
}

const framesOf = async (history: History, filter: FrameFilter, limit: number): Promise<readonly FrameRecord[]> =>
  (await history.frames(filter, { limit })).items;

/** Frames of nobody, by whoever sent them: they carry an address that is or was the device's. */
async function straysOf(
  history: History,
  since: string,
  session: SessionSummary | undefined,
  { uplinks, joins }: EventFacts,
): Promise<Pick<Facts, "unsigned" | "unowned">> {
  const under = async (devAddr: string, result: string): Promise<readonly StrayFrame[]> =>
    strayFrames(
      await framesOf(history, { tenants: "all", devAddr: parseDevAddr(devAddr), result, since }, most.strays),
    );
  const known = new Set([...joins, ...uplinks].map(({ devAddr }) => devAddr));
  const earlier = [...known].filter(devAddr => devAddr !== session?.devAddr).slice(0, most.addresses);
  const [unsigned, ...unowned] = await Promise.all([
    session === undefined ? [] : under(session.devAddr, "bad-mic"),
    ...earlier.map(devAddr => under(devAddr, "unknown-device")),
  ]);
  return { unsigned, unowned: unowned.flat().toSorted((left, right) => right.atMs - left.atMs) };
}

async function nearMisses(
  history: History,
  device: Device,
  profile: DeviceProfile,
  session: SessionSummary | undefined,
  since: string,
): Promise<readonly NearMiss[]> {
  const kinds = nearDevEuis(device);
  const requests = profile.supportsOtaa
    ? await history.joinsOfNobody([...kinds.keys()], { since, limit: most.strays })
    : [];
  const near = nearMissesOf(requests, kinds, device.devEui);
  if (session === undefined) return near;
  const devAddr = parseDevAddr(reversedBytes(session.devAddr));
  const underReversed =
    devAddr === session.devAddr ? [] : await framesOf(history, { tenants: "all", devAddr, since }, most.strays);
  return [
    ...near,
    ...strayFrames(underReversed).map(
      ({ atMs, gatewayIds }): NearMiss => ({ kind: "address-reversed", atMs, heard: devAddr, gatewayIds }),
    ),
  ];
}

/** Those that heard the device; else all of its tenant. */
async function gatewaysOf(
  { repositories, control }: DiagnosisSources,
  { tenantId }: Device,
  uplinks: readonly UplinkFact[],
  joins: readonly JoinAttempt[],
): Promise<readonly GatewayFact[]> {
  const heardIds = new Set([
    ...uplinks.flatMap(({ heardBy }) => heardBy.map(({ gatewayId }) => gatewayId)),
    ...joins.flatMap(({ gatewayIds }) => gatewayIds),
  ]);
  if (heardIds.size === 0) {
    const own = (await repositories.gateways.list({ tenants: [tenantId] }, { limit: most.gateways })).items;
    const statuses = new Map((await control.gateways()).map(status => [status.gatewayId, status]));
    return own.map(gateway => gatewayFact(gateway.gatewayId, gateway, statuses.get(gateway.gatewayId), false));
  }
  return Promise.all(
    [...heardIds].slice(0, most.hearers).map(async gatewayId => {
      const [gateway, status] = await Promise.all([repositories.gateways.get(gatewayId), control.gateway(gatewayId)]);
      return gatewayFact(gatewayId, gateway?.tenantId === tenantId ? gateway : undefined, status, true);
    }),
  );
}

function gatewayFact(
  gatewayId: GatewayId,
  own: Gateway | undefined,
  summary: GatewaySummary | undefined,
  hasHeardDevice: boolean,
): GatewayFact {
  const clockAheadMs = summary && clockAhead(summary);
  return {
    gatewayId,
    isOwn: own !== undefined,
    ...(own && { name: own.name }),
    isDisabled: own?.isDisabled ?? false,
    hasHeardDevice,
    status: summary === undefined ? "never-seen" : summary.online ? "online" : "offline",
    ...(summary && { lastSeenAtMs: summary.lastSeenAtMs }),
    uplinkCount: summary?.counts.uplinks ?? 0,
    ...(summary?.gps && { hasGpsTime: summary.gps.hasTime }),
    ...(clockAheadMs !== undefined && { clockAheadMs }),
  };
}

/** `stat` says the time as `2030-01-31 12:00:00 GMT`, when it was sent: at most a statistics interval before it was last seen. */
function clockAhead({ lastStatistics, lastSeenAtMs }: GatewaySummary): number | undefined {
  const told = Date.parse(String(lastStatistics?.time ?? ""));
  return Number.isNaN(told) ? undefined : told - lastSeenAtMs;
}
