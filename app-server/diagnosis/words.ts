import type { Evidence, Finding, FindingCode, Severity } from "../diagnosis-ports.ts";
import type { Facts, GatewayFact } from "./facts.ts";

/** A question of the checklist: what there is, and what is wrong with it. */
export interface Check {
  readonly name: string;
  readonly found: (facts: Facts) => string;
  readonly findings: (facts: Facts) => readonly Finding[];
}

export const finding = (
  code: FindingCode,
  severity: Severity,
  summary: string,
  evidence: readonly Evidence[],
  whatToDo: readonly string[],
): Finding => ({ code, severity, summary, evidence, whatToDo });

export const evidence = (what: string, value: string | number, atMs?: number): Evidence => ({
  what,
  value: String(value),
  ...(atMs !== undefined && { at: new Date(atMs).toISOString() }),
});

export const countOf = (count: number, one: string, many = `${one}s`): string => `${count} ${count === 1 ? one : many}`;

/** Like `868.1 MHz`. */
export const megahertz = (hz: number): string => `${Number((hz / 1e6).toFixed(6))} MHz`;

/** Like `3 hours`: one unit, rounded. */
export function duration(ms: number): string {
  const seconds = Math.round(ms / 1000);
  if (seconds < 120) return countOf(seconds, "second");
  const minutes = Math.round(seconds / 60);
  if (minutes < 120) return countOf(minutes, "minute");
  const hours = Math.round(minutes / 60);
  return hours < 48 ? countOf(hours, "hour") : countOf(Math.round(hours / 24), "day");
}

export const timeSince = ({ nowMs }: Pick<Facts, "nowMs">, atMs: number): string => `${duration(nowMs - atMs)} ago`;

/** Its name where it is the tenant's own. */
export const gatewayText = (gatewayId: string, gateways: readonly GatewayFact[]): string => {
  const name = gateways.find(gateway => gateway.gatewayId === gatewayId)?.name;
  return name === undefined || name === gatewayId ? gatewayId : `${name} (${gatewayId})`;
};

export const gatewayTexts = (gatewayIds: readonly string[], gateways: readonly GatewayFact[]): string =>
  gatewayIds.length === 0 ? "unknown" : [...new Set(gatewayIds)].map(id => gatewayText(id, gateways)).join(", ");

/** The longest list first: what is the case most often. */
export function mostOften<Value>(values: readonly Value[]): Value | undefined {
  const counts = new Map<Value, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  const [first] = [...counts].toSorted(([, left], [, right]) => right - left);
  return first?.[0];
}
