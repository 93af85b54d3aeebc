import { type Percentiles, percentilesOf } from "../percentiles.ts";

/** What was sent: the time of each uplink's last copy, by its number in the run. */
export interface Sent {
  readonly sentAtUs: Float64Array;
}

/** What a subscriber saw. */
export interface Arrived {
  /** By number in the run; 0 for what has not come. */
  readonly arrivedAtUs: Float64Array;
  /** Second and later arrivals of the same uplink. */
  readonly duplicated: number;
  /** Arrived after a younger uplink of the same device. */
  readonly outOfOrder: number;
  /** Of these devices, and never sent like this. */
  readonly unexpected: number;
}

export interface Verdict {
  readonly sent: number;
  readonly delivered: number;
  readonly lost: number;
  readonly duplicated: number;
  readonly outOfOrder: number;
  readonly unexpected: number;
  /** From the last copy's way out to the arrival. */
  readonly latencyMs: Percentiles;
  /** Median of the last tenth of what was sent: higher than that of all when a queue grows. */
  readonly lastTenthMs: number;
}

/** Compares what was sent with what arrived. */
export function judge({ sentAtUs }: Sent, arrived: Arrived): Verdict {
  const latencies: number[] = [];
  const late: number[] = [];
  const lastTenthFrom = Math.floor(sentAtUs.length * 0.9);
  for (let number = 0; number < sentAtUs.length; number += 1) {
    const arrivedAtUs = arrived.arrivedAtUs[number] ?? 0;
    if (arrivedAtUs === 0) continue;
    const latencyMs = (arrivedAtUs - (sentAtUs[number] ?? 0)) / 1000;
    latencies.push(latencyMs);
    if (number >= lastTenthFrom) late.push(latencyMs);
  }
  const { duplicated, outOfOrder, unexpected } = arrived;
  return {
    sent: sentAtUs.length,
    delivered: latencies.length,
    lost: sentAtUs.length - latencies.length,
    duplicated,
    outOfOrder,
    unexpected,
    latencyMs: percentilesOf(latencies),
    lastTenthMs: percentilesOf(late).p50,
  };
}

/** Times from the last copy's way out to the answer, for uplinks that had one. */
export function answersOf(sentAtUs: Float64Array, answeredAtUs: Float64Array): Percentiles {
  const latencies: number[] = [];
  answeredAtUs.forEach((atUs, number) => {
    if (atUs !== 0) latencies.push((atUs - (sentAtUs[number] ?? 0)) / 1000);
  });
  return percentilesOf(latencies);
}

/** A queue that grows shows here first: the last uplinks of a run may not take longer than this. */
const longestLastTenthMs = 300;
const longestLagMs = 250;

/** What the contract promises of a server that nobody killed: nothing lost, nothing twice, and each device's in order. */
export const isClean = ({
  lost,
  duplicated,
  outOfOrder,
  unexpected,
}: Pick<Verdict, "lost" | "duplicated" | "outOfOrder" | "unexpected">): boolean =>
  lost === 0 && duplicated === 0 && outOfOrder === 0 && unexpected === 0;

interface Endurance extends Verdict {
  readonly unanswered: number;
  readonly lateDownlinks: number;
  readonly generatorLagMs: number;
}

/** Clean, every answer in time, no queue growing, and the generator kept to its schedule. */
export const isSustained = (report: Omit<Endurance, "latencyMs" | "sent" | "delivered">): boolean =>
  isClean(report) &&
  report.unanswered === 0 &&
  report.lateDownlinks === 0 &&
  report.lastTenthMs <= longestLastTenthMs &&
  report.generatorLagMs <= longestLagMs;
