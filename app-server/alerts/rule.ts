import type { AlertCondition, AlertDetails, AlertKind, AlertRule, AlertStep } from "../alert-ports.ts";
import { alertDefinitions } from "../alert-rule-ports.ts";

/** What was seen of a subject: how much it is now, or that something happened once more. */
export type Observation =
  | { readonly kind: "value"; readonly value: number; readonly details: AlertDetails }
  /** `name`: of this one and no other, so that it counts once however often it is told. */
  | { readonly kind: "happened"; readonly atMs: number; readonly name: string; readonly details: AlertDetails };

const unwatched: AlertCondition = { value: 0, times: [], isRaised: false };

/** More of them tell nothing that fewer do not. */
const mostTimes = 200;

/**
 * What becomes of a subject by what was seen of it, or by the time alone. An alert is raised when the value has been beyond the
 * one threshold for long enough, and over when it has been back at the other for long enough; in between it stays as it is.
 */
export function step(
  kind: AlertKind,
  rule: AlertRule,
  before: AlertCondition | undefined,
  seen: readonly Observation[],
  nowMs: number,
): AlertStep {
  const { counts, isLow } = alertDefinitions[kind];
  const noted = noteAll(before ?? (isLow ? { ...unwatched, value: Number.POSITIVE_INFINITY } : unwatched), seen);
  const sinceMs = nowMs - rule.windowMinutes * 60_000;
  const times = counts ? noted.times.filter(([atMs]) => atMs > sinceMs) : [];
  const value = counts ? times.length : noted.value;
  const isBeyond = rule.isEnabled && (isLow ? value <= rule.raise : value >= rule.raise);
  const isBack = !rule.isEnabled || (isLow ? value >= rule.clear : value <= rule.clear);
  const { beyondSinceMs: beyond = nowMs, backSinceMs: back = nowMs, isRaised } = noted;
  const details = seen.at(-1)?.details ?? {};
  const windowEndsAtMs = times[0] === undefined ? undefined : times[0][0] + rule.windowMinutes * 60_000 + 1;
  const next = (condition: AlertCondition, ...checks: readonly (number | undefined)[]): AlertStep => {
    const checkAtMs = Math.min(...[...checks, windowEndsAtMs].filter(atMs => atMs !== undefined));
    return { condition, ...(Number.isFinite(checkAtMs) && { checkAtMs }) };
  };
  const kept = { value, times };
  if (isRaised) {
    if (!isBack) return next({ ...kept, isRaised });
    const clearAtMs = back + rule.clearAfterSeconds * 1000;
    if (nowMs < clearAtMs && rule.isEnabled) return next({ ...kept, isRaised, backSinceMs: back }, clearAtMs);
    const left: AlertStep = times.length > 0 ? next({ ...kept, isRaised: false }) : { condition: undefined };
    return { ...left, transition: { kind: "clear" } };
  }
  if (!isBeyond) return isBack && times.length === 0 ? { condition: undefined } : next({ ...kept, isRaised });
  const raiseAtMs = beyond + rule.raiseAfterSeconds * 1000;
  if (nowMs < raiseAtMs) return next({ ...kept, isRaised, beyondSinceMs: beyond }, raiseAtMs);
  return { ...next({ ...kept, isRaised: true }), transition: { kind: "raise", value, rule, details } };
}

function noteAll(before: AlertCondition, seen: readonly Observation[]): AlertCondition {
  let { value } = before;
  const times = new Map(before.times.map(([atMs, name]) => [name, atMs]));
  for (const observation of seen) {
    if (observation.kind === "value") value = observation.value;
    else if (!times.has(observation.name)) times.set(observation.name, observation.atMs);
  }
  const ordered = [...times].map(([name, atMs]) => [atMs, name] as const).toSorted(([one], [other]) => one - other);
  return { ...before, value, times: ordered.slice(-mostTimes) };
}

/** A value that is as it should be needs no look into the database, unless something was wrong before. */
export function isFine(kind: AlertKind, rule: AlertRule, { kind: how, ...seen }: Observation): boolean {
  if (how !== "value" || !("value" in seen)) return false;
  return alertDefinitions[kind].isLow ? seen.value >= rule.clear : seen.value <= rule.clear;
}
