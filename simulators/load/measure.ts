import { type FloorReport, isFloorSustained, openFloor } from "./floor.ts";
import type { Load, LoadReport } from "./load.ts";
import { findHighestRate } from "./search.ts";
import { isSustained } from "./truth.ts";

export interface Measurement {
  /** At the highest rate that held, or at the one that was asked for. */
  readonly report: LoadReport;
  /** At half of it, where latency shows what the way takes and not what queues do; absent for a given rate. */
  readonly halfRate?: LoadReport;
}

export interface MeasureOptions {
  readonly seconds: number;
  readonly firstRate: number;
  readonly progress: (text: string) => void;
}

const stepSeconds = 5;
const highestRate = 100_000;
const precision = 0.06;
const confirmations = 4;
const stepDown = 0.93;
/** A server collects its whole heap about once in this time: a shorter run has one in it or none, by chance. */
const leastHalfSeconds = 60;

/** One rate, after a while at the same rate that is not counted: a program that has just started is slow. */
export async function measureAt(load: Load, ratePerSecond: number, options: MeasureOptions): Promise<Measurement> {
  options.progress(`warming up at ${ratePerSecond}/s`);
  await load.run(ratePerSecond, Math.min(stepSeconds, options.seconds));
  options.progress(`measuring ${ratePerSecond}/s for ${options.seconds} s`);
  return { report: await load.run(ratePerSecond, options.seconds) };
}

/** The highest rate that holds in short runs, then runs of the full length at it, or a little below, and at half of it. */
export async function measureHighest(load: Load, options: MeasureOptions): Promise<Measurement> {
  const { firstRate, seconds, progress } = options;
  await load.run(Math.ceil(firstRate / 2), stepSeconds);
  const attempt = async (ratePerSecond: number): Promise<boolean> => {
    const report = await load.run(ratePerSecond, stepSeconds);
    progress(stepText(report));
    return isSustained(report);
  };
  let rate = (await findHighestRate({ firstRate, highestRate, precision, repeats: 1, attempt })) ?? 1;
  let report = await load.run(rate, seconds);
  for (let tries = 1; tries < confirmations && !isSustained(report); tries += 1) {
    progress(`${stepText(report)} over ${seconds} s`);
    rate = Math.max(1, Math.floor(rate * stepDown));
    report = await load.run(rate, seconds);
  }
  progress(`${stepText(report)} over ${seconds} s`);
  const half = Math.ceil(rate / 2);
  const halfSeconds = Math.max(seconds, leastHalfSeconds);
  progress(`measuring ${half}/s for ${halfSeconds} s`);
  return { report, halfRate: await load.run(half, halfSeconds) };
}

function stepText(report: LoadReport): string {
  const { ratePerSecond, lost, latencyMs, cpuUsPerUplink } = report;
  const verdict = isSustained(report) ? "held" : "not held";
  return `${ratePerSecond}/s ${verdict}: lost ${lost}, p99 ${latencyMs.p99.toFixed(0)} ms, ${cpuUsPerUplink.toFixed(0)} us of CPU`;
}

export interface FloorMeasureOptions {
  readonly payloadBytes: number;
  readonly progress: (text: string) => void;
}

const floorGateways = 16;
const firstFloorRate = 10_000;

/** The highest rate of the floor. */
export async function measureFloor(options: FloorMeasureOptions): Promise<FloorReport> {
  const { payloadBytes, progress } = options;
  const floor = await openFloor({ gateways: floorGateways, payloadBytes });
  try {
    await floor.run(firstFloorRate, 1);
    let best: FloorReport | undefined;
    const attempt = async (ratePerSecond: number): Promise<boolean> => {
      const report = await floor.run(ratePerSecond, stepSeconds);
      const holds = isFloorSustained(report);
      if (holds && (best === undefined || report.ratePerSecond > best.ratePerSecond)) best = report;
      progress(`floor, ${ratePerSecond}/s: ${holds ? "held" : `lost ${report.lost}`}`);
      return holds;
    };
    await findHighestRate({ firstRate: firstFloorRate, highestRate, precision, repeats: 1, attempt });
    return best ?? (await floor.run(1, 1));
  } finally {
    await floor.close();
  }
}
