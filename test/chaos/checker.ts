import type { Delivery, DeviceFinding, Hearing, SentUplink, StruckFault, Told, Truth } from "./truth.ts";

export interface ChaosViolation {
  readonly kind:
    | "lost"
    | "altered"
    | "never-sent"
    | "foreign-deduplication-id"
    | "shared-deduplication-id"
    | "out-of-order"
    | "f-cnt-down-reused"
    | "join-nonce-reused"
    | "dev-nonce-accepted-twice"
    | "command-lost"
    | "device-finding"
    | "not-recovered";
  readonly devEui: string;
  readonly atMs: number;
  readonly detail: string;
}

export interface ChaosCounts {
  readonly uplinksSent: number;
  readonly uplinksHeard: number;
  /** For sure, because a downlink answered them. */
  readonly uplinksAnswered: number;
  /** To every subscriber. */
  readonly delivered: number;
  /** Second copies with the first one's deduplicationId, for each subscriber. */
  readonly duplicates: Readonly<Record<string, number>>;
  /** Heard and not delivered, each within a fault that may cost it. */
  readonly notAccepted: number;
  /** Of those, the ones that some datagram was acknowledged for. */
  readonly notAcceptedAfterPushAck: number;
  readonly downlinks: number;
  readonly joinAccepts: number;
  /** Confirmed commands that the server has said it keeps. */
  readonly commands: number;
  /** By the number of the fault that each one's last copy met. */
  readonly notAcceptedByFault: Readonly<Record<number, number>>;
  /** How long before the fault the earliest of them was heard, for those that were heard before it. */
  readonly longestUncommittedMs: number;
}

export interface ChaosVerdict {
  readonly counts: ChaosCounts;
  readonly violations: readonly ChaosViolation[];
}

/** Frames that reached the server so shortly before a fault may be on their way to the first commit: on a busy disk longer. */
const beforeFaultMs = 2000;
/** Datagrams on their way while everything comes back. */
const afterFaultMs = 500;

const keyOf = ({ devEui, devAddr, fCnt }: Pick<Delivery, "devEui" | "devAddr" | "fCnt">): string =>
  `${devEui} ${devAddr} ${fCnt}`;

const nameOf = ({ devAddr, fCnt }: Pick<Delivery, "devAddr" | "fCnt">): string => `FCntUp ${fCnt} of ${devAddr}`;

/** Holds what applications were told, and what gateways were asked to send, against what really happened. */
export function judge(truth: Truth, told: Told, faults: readonly StruckFault[]): ChaosVerdict {
  const arrivals = [...told.deliveries].map(([name, deliveries]) => judgeArrivals(truth.uplinks, name, deliveries));
  const losses = judgeLosses(truth.uplinks, arrivals, faults);
  const heard = truth.uplinks.filter(({ hearings }) => hearings.length > 0);
  return {
    counts: {
      uplinksSent: truth.uplinks.length,
      uplinksHeard: heard.length,
      uplinksAnswered: heard.filter(({ answeredAtMs }) => answeredAtMs !== undefined).length,
      duplicates: Object.fromEntries(arrivals.map(({ subscriber, duplicates }) => [subscriber, duplicates])),
      downlinks: truth.downlinks.length,
      joinAccepts: truth.joinAccepts.length,
      commands: told.commands.length,
      ...losses.counts,
    },
    violations: [
      ...losses.violations,
      ...arrivals.flatMap(({ violations }) => violations),
      ...counterViolations(truth),
      ...nonceViolations(truth),
      ...commandViolations(truth, told),
      ...truth.deviceFindings.map(findingViolation),
    ],
  };
}

/** At one subscriber. */
interface Arrivals {
  readonly subscriber: string;
  readonly first: ReadonlyMap<string, Delivery>;
  readonly duplicates: number;
  readonly violations: readonly ChaosViolation[];
}

/** Each event is of an uplink that was sent, as it was sent; copies carry the first one's deduplicationId and nobody else's. */
function judgeArrivals(uplinks: readonly SentUplink[], subscriber: string, deliveries: readonly Delivery[]): Arrivals {
  const sent = new Map(uplinks.map(uplink => [keyOf(uplink), uplink]));
  const first = new Map<string, Delivery>();
  const owners = new Map<string, string>();
  const violations: ChaosViolation[] = [];
  let duplicates = 0;
  for (const delivery of deliveries) {
    const key = keyOf(delivery);
    const report = (kind: ChaosViolation["kind"], detail: string): void => {
      const { devEui, atMs } = delivery;
      violations.push({ kind, devEui, atMs, detail: `${nameOf(delivery)}: ${detail} (${subscriber})` });
    };
    const uplink = sent.get(key);
    if (uplink === undefined) report("never-sent", "no device has sent this");
    else if (uplink.fPort !== delivery.fPort || uplink.data !== delivery.data) {
      report("altered", `port ${uplink.fPort} ${uplink.data} arrived as port ${delivery.fPort} ${delivery.data}`);
    }
    const known = first.get(key);
    const { deduplicationId } = delivery;
    if (known === undefined) first.set(key, delivery);
    else if (known.deduplicationId === deduplicationId) duplicates += 1;
    else report("foreign-deduplication-id", `came as ${known.deduplicationId} and again as ${deduplicationId}`);
    const owner = owners.get(deduplicationId) ?? key;
    owners.set(deduplicationId, owner);
    if (owner !== key) report("shared-deduplication-id", `${deduplicationId} is that of ${owner} as well`);
  }
  violations.push(...orderViolations(uplinks, subscriber, deliveries));
  return { subscriber, first, duplicates, violations };
}

/**
 * An uplink that was accepted for sure has to arrive everywhere: one that was answered, that another subscriber got, or that
 * was heard while nothing was broken.
 */
function judgeLosses(uplinks: readonly SentUplink[], arrivals: readonly Arrivals[], faults: readonly StruckFault[]) {
  const notAcceptedByFault: Record<number, number> = {};
  const violations: ChaosViolation[] = [];
  const counts = { delivered: 0, notAccepted: 0, notAcceptedAfterPushAck: 0, longestUncommittedMs: 0 };
  for (const uplink of uplinks) {
    const missing = arrivals.filter(({ first }) => !first.has(keyOf(uplink)));
    const last = uplink.hearings.at(-1);
    if (last === undefined) continue;
    if (missing.length === 0) {
      counts.delivered += 1;
      continue;
    }
    const excuses = uplink.hearings.map(hearing => excuseOf(hearing, faults));
    const excuse = excuses.at(-1);
    const accepted = uplink.answeredAtMs !== undefined || missing.length < arrivals.length;
    if (accepted || excuse === undefined || excuses.includes(undefined)) {
      const detail = lossDetail(
        uplink,
        missing.map(({ subscriber }) => subscriber),
      );
      violations.push({ kind: "lost", devEui: uplink.devEui, atMs: last.atMs, detail });
      continue;
    }
    counts.notAccepted += 1;
    counts.longestUncommittedMs = Math.max(counts.longestUncommittedMs, excuse.fromMs - last.atMs);
    if (uplink.hearings.some(({ pushAckedAtMs }) => pushAckedAtMs !== undefined)) counts.notAcceptedAfterPushAck += 1;
    notAcceptedByFault[excuse.number] = (notAcceptedByFault[excuse.number] ?? 0) + 1;
  }
  return { violations, counts: { ...counts, notAcceptedByFault } };
}

/** The fault that may have cost this copy. */
const excuseOf = (hearing: Hearing, faults: readonly StruckFault[]): StruckFault | undefined =>
  faults.find(({ mayLose, server, fromMs, toMs }) => {
    if (server !== undefined && server !== hearing.server) return false;
    if (hearing.atMs < fromMs - beforeFaultMs || hearing.atMs > toMs + afterFaultMs) return false;
    return mayLose === "uncommitted" || (mayLose === "unacknowledged" && hearing.pushAckedAtMs === undefined);
  });

function lossDetail(uplink: SentUplink, subscribers: readonly string[]): string {
  const seconds = (ms: number): string => `${(ms / 1000).toFixed(3)} s`;
  const heard = uplink.hearings.map(
    ({ atMs, pushAckedAtMs }) => `${seconds(atMs)}${pushAckedAtMs === undefined ? "" : " with PUSH_ACK"}`,
  );
  const answered = uplink.answeredAtMs === undefined ? "" : `, answered at ${seconds(uplink.answeredAtMs)}`;
  return `${nameOf(uplink)} never arrived at ${subscribers.join(", ")}: heard at ${heard.join(", ")}${answered}`;
}

/** What arrives for the first time is newer than all that this device's events have told before. */
function orderViolations(
  uplinks: readonly SentUplink[],
  subscriber: string,
  deliveries: readonly Delivery[],
): readonly ChaosViolation[] {
  const turns = new Map(uplinks.map((uplink, turn) => [keyOf(uplink), turn]));
  const newest = new Map<string, { readonly turn: number; readonly delivery: Delivery }>();
  const seen = new Set<string>();
  const violations: ChaosViolation[] = [];
  for (const delivery of deliveries) {
    const key = keyOf(delivery);
    const turn = turns.get(key);
    if (turn === undefined || seen.has(key)) continue;
    seen.add(key);
    const { devEui, atMs } = delivery;
    const before = newest.get(devEui);
    if (before === undefined || turn > before.turn) newest.set(devEui, { turn, delivery });
    else {
      const detail = `${nameOf(delivery)} arrived after ${nameOf(before.delivery)} (${subscriber})`;
      violations.push({ kind: "out-of-order", devEui, atMs, detail });
    }
  }
  return violations;
}

/** The same frame may be sent again, in another window or by another gateway; another frame under its counter may not. */
function counterViolations({ downlinks }: Truth): readonly ChaosViolation[] {
  return reused(
    downlinks,
    ({ devAddr, fCnt }) => `${devAddr} ${fCnt}`,
    ({ devAddr, fCnt, atMs }, before) => ({
      kind: "f-cnt-down-reused",
      devEui: devAddr,
      atMs,
      detail: `FCntDown ${fCnt} under two frames, ${before.phyPayload} at ${before.atMs} ms and another one`,
    }),
  );
}

/** A command that was kept reaches its device, or its end is told, or it still waits. */
function commandViolations({ commandsHeard }: Truth, { commands, accounted }: Told): readonly ChaosViolation[] {
  const heard = new Set(commandsHeard.map(({ devEui, data }) => `${devEui} ${data}`));
  return commands
    .filter(({ id, devEui, data }) => !heard.has(`${devEui} ${data}`) && !accounted.has(id))
    .map(({ id, devEui, atMs }) => ({
      kind: "command-lost",
      devEui,
      atMs,
      detail: `${id} was kept, never heard, and is not in the queue any more`,
    }));
}

function nonceViolations({ joinAccepts }: Truth): readonly ChaosViolation[] {
  return [
    ...reused(
      joinAccepts,
      ({ devEui, joinNonce }) => `${devEui} ${joinNonce}`,
      ({ devEui, joinNonce, atMs }) => ({
        kind: "join-nonce-reused",
        devEui,
        atMs,
        detail: `JoinNonce ${joinNonce} in two Join-Accepts`,
      }),
    ),
    ...reused(
      joinAccepts,
      ({ devEui, devNonce }) => `${devEui} ${devNonce}`,
      ({ devEui, devNonce, atMs }) => ({
        kind: "dev-nonce-accepted-twice",
        devEui,
        atMs,
        detail: `DevNonce ${devNonce} was answered by two Join-Accepts`,
      }),
    ),
  ];
}

function reused<Frame extends { readonly phyPayload: string }>(
  frames: readonly Frame[],
  keyOfFrame: (frame: Frame) => string,
  violation: (frame: Frame, before: Frame) => ChaosViolation,
): readonly ChaosViolation[] {
  const known = new Map<string, Frame>();
  return frames.flatMap(frame => {
    const key = keyOfFrame(frame);
    const before = known.get(key) ?? frame;
    known.set(key, before);
    return before.phyPayload === frame.phyPayload ? [] : [violation(frame, before)];
  });
}

const findingViolation = ({ devEui, atMs, violation, detail }: DeviceFinding): ChaosViolation => ({
  kind: "device-finding",
  devEui,
  atMs,
  detail: `${violation}: ${detail}`,
});
