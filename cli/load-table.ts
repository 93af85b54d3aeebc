import type { LoadReport } from "../simulators/load/load.ts";
import type { Percentiles } from "../simulators/percentiles.ts";

/** Titles of a table with a line for each run of a load. */
export const loadTitles: readonly string[] = [
  "run",
  "uplinks/s",
  "frames/s",
  "lost",
  "duplicated",
  "to MQTT p50/p95/p99 ms",
  "to gateway p50/p95/p99 ms",
  "CPU us/uplink",
  "RSS MB",
];

export const wholeText = (value: number): string => value.toFixed(0);

export const percentileCell = ({ count, p50, p95, p99 }: Percentiles): string =>
  count === 0 ? "-" : [p50, p95, p99].map(wholeText).join(" / ");

/** A line under `loadTitles`. */
export const loadRow = (name: string, report: LoadReport): readonly string[] => [
  name,
  wholeText(report.uplinksPerSecond),
  wholeText(report.framesPerSecond),
  report.unanswered === 0 ? wholeText(report.lost) : `${report.lost} and ${report.unanswered} answers`,
  wholeText(report.duplicated),
  percentileCell(report.latencyMs),
  percentileCell(report.answerLatencyMs),
  wholeText(report.cpuUsPerUplink),
  wholeText(report.residentBytes / 1e6),
];
