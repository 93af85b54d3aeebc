import type { AlertSubject } from "../alert-ports.ts";
import type { GatewaySummary } from "../ports.ts";
import type { Fact } from "./facts.ts";
import { type AlertTools, observe } from "./keeper.ts";
import { step } from "./rule.ts";
import { longestPauseMs } from "./silence.ts";

export interface SweepOptions extends AlertTools {
  /** What network servers know of gateways. */
  readonly gateways: () => Promise<readonly GatewaySummary[]>;
}

const batch = 1000;
const keepClearedMs = 90 * 86_400_000;
const slowEveryMs = 600_000;
/** Fewer frames say nothing about the air. */
const leastFrames = 20;

/** Looks after what time alone makes wrong, but for silent devices, and what no event tells of. One process of an installation does. */
export function createSweep(options: SweepOptions): () => Promise<void> {
  const { store, clock } = options;
  let beganAtMs = clock.nowMs();
  let slowAtMs = Number.NEGATIVE_INFINITY;
  return async () => {
    const nowMs = clock.nowMs();
    // The installation was away itself: every device and gateway gets the time again.
    if (await store.looked(nowMs, longestPauseMs)) beganAtMs = nowMs;
    await sweepGateways(options, beganAtMs);
    await sweepSinks(options);
    if (nowMs - slowAtMs >= slowEveryMs) {
      slowAtMs = nowMs;
      await sweepKeys(options);
      await sweepAddresses(options);
      await store.forgetGone(nowMs);
      await store.dropOld(nowMs - keepClearedMs);
    }
    await sweepDue(options);
  };
}

/** What was wrong and is not seen any more is as it should be. */
async function observeAll(kind: AlertSubject["kind"], wrong: readonly Fact[], tools: AlertTools): Promise<void> {
  const known = new Set(wrong.map(({ subject: { id } }) => id));
  const mended = (await tools.store.watched()).filter(({ subject }) => subject.kind === kind && !known.has(subject.id));
  const facts = mended.map(({ subject }): Fact => ({ subject, observation: { kind: "value", value: 0, details: {} } }));
  await observe([...wrong, ...facts], tools);
}

async function sweepGateways(options: SweepOptions, beganAtMs: number): Promise<void> {
  const { store, clock, gateways } = options;
  const owners = new Map((await store.gateways()).map(({ gatewayId, tenantId }) => [gatewayId, tenantId]));
  const facts = (await gateways()).flatMap((gateway): readonly Fact[] => {
    const tenantId = owners.get(gateway.gatewayId);
    if (tenantId === undefined) return [];
    const subject = { tenantId, applicationId: null, type: "gateway", id: gateway.gatewayId } as const;
    const silentMs = clock.nowMs() - Math.max(gateway.lastSeenAtMs, beganAtMs);
    const details = { lastSeenAt: new Date(gateway.lastSeenAtMs).toISOString() };
    const noise = noiseOf(gateway.lastStatistics);
    return [
      {
        subject: { ...subject, kind: "gateway-silent" },
        observation: { kind: "value", value: Math.max(0, Math.round(silentMs / 1000)), details },
      },
      ...(noise === undefined
        ? []
        : [
            {
              subject: { ...subject, kind: "noise" },
              observation: { kind: "value", value: noise, details: {} },
            } as const,
          ]),
    ];
  });
  await observe(facts, options);
}

/** Percent of what the radio received whose CRC is wrong, by the forwarder's `rxnb` and `rxok`. */
function noiseOf(statistics: GatewaySummary["lastStatistics"]): number | undefined {
  const { rxnb, rxok } = statistics ?? {};
  if (typeof rxnb !== "number" || typeof rxok !== "number" || rxnb < leastFrames || rxok > rxnb) return undefined;
  return Math.round(100 * (1 - rxok / rxnb));
}

async function sweepSinks(options: SweepOptions): Promise<void> {
  const troubled = await options.store.troubledSinks();
  const facts = troubled.map(
    ({ subject, error }): Fact => ({
      subject,
      observation: { kind: "value", value: 1, details: { lastError: error } },
    }),
  );
  await observeAll("sink-trouble", facts, options);
}

async function sweepKeys(options: SweepOptions): Promise<void> {
  const facts = (await options.store.weakKeys()).map(
    ({ subject, reason }): Fact => ({ subject, observation: { kind: "value", value: 1, details: { reason } } }),
  );
  await observeAll("weak-root-key", facts, options);
}

async function sweepAddresses(options: SweepOptions): Promise<void> {
  // Tenants may want to know of two; whoever wants to know of more is told by the rule.
  const facts = (await options.store.sharedAddresses(2)).map(
    ({ subject, devAddr, count }): Fact => ({
      subject,
      observation: { kind: "value", value: count, details: { devAddr } },
    }),
  );
  await observeAll("shared-dev-addr", facts, options);
}

/** What is held or counted becomes another thing by the time alone. */
async function sweepDue({ store, rules, clock }: SweepOptions): Promise<void> {
  const nowMs = clock.nowMs();
  const due = await store.due(nowMs, batch);
  if (due.length === 0) return;
  await store.change(due, nowMs, (subject, condition) => step(subject.kind, rules.of(subject), condition, [], nowMs));
}
