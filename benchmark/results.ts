import { renderTable } from "../cli/table.ts";
import type { Terminal } from "../cli/terminal.ts";
import type { FloorReport } from "../simulators/load/floor.ts";
import type { LoadReport } from "../simulators/load/load.ts";
import type { Measurement } from "../simulators/load/measure.ts";
import type { Percentiles } from "../simulators/percentiles.ts";

export interface Result extends Measurement {
  readonly mode: string;
  readonly devices: number;
  readonly gateways: number;
  readonly copies: number;
  /** Putting the devices into the installation. */
  readonly provisionSeconds: number;
  /** From the start of the server's process to its readiness. */
  readonly startMs: number;
  /** Datagrams a second of the floor for each of ours; absent when the floor was not measured. */
  readonly floorRatio?: number;
}

const titles = [
  "mode",
  "uplinks/s",
  "frames/s",
  "lost",
  "duplicated",
  "MQTT p50/p95/p99 ms",
  "gateway p50/p95/p99 ms",
  "CPU us/uplink",
  "RSS MB",
  "floor / ours",
];

const whole = (value: number): string => value.toFixed(0);
const triple = ({ count, p50, p95, p99 }: Percentiles): string =>
  count === 0 ? "" : [p50, p95, p99].map(whole).join(" / ");

function row(name: string, report: LoadReport, floorRatio: number | undefined): readonly string[] {
  return [
    name,
    whole(report.uplinksPerSecond),
    whole(report.framesPerSecond),
    whole(report.lost),
    whole(report.duplicated),
    triple(report.latencyMs),
    triple(report.answerLatencyMs),
    whole(report.cpuUsPerUplink),
    whole(report.residentBytes / 1e6),
    floorRatio === undefined ? "" : floorRatio.toFixed(1),
  ];
}

/** A line for each run; the floor first. */
export function resultTable(terminal: Terminal, floor: FloorReport | undefined, results: readonly Result[]): string {
  const floorRow = floor && [
    "floor",
    "",
    whole(floor.framesPerSecond),
    whole(floor.lost),
    "",
    "",
    "",
    `${floor.cpuUsPerFrame.toFixed(1)} a frame`,
    whole(floor.residentBytes / 1e6),
    "1.0",
  ];
  const rows = results.flatMap(({ mode, report, halfRate, floorRatio }) => [
    row(mode, report, floorRatio),
    ...(halfRate ? [row(`${mode}, half`, halfRate, undefined)] : []),
  ]);
  return renderTable(terminal, titles, [...(floorRow ? [floorRow] : []), ...rows]);
}
