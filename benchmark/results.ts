import { loadRow, loadTitles, percentileCell, wholeText } from "../cli/load-table.ts";
import { renderTable } from "../cli/table.ts";
import type { Terminal } from "../cli/terminal.ts";
import type { FloorReport } from "../simulators/load/floor.ts";
import type { JoinReport, LoadReport } from "../simulators/load/load.ts";
import { isClean } from "../simulators/load/truth.ts";
import type { MicroResult } from "./micro.ts";
import type { Result } from "./run-mode.ts";

export interface RatedResult extends Result {
  /** Datagrams a second of the floor for each of ours; absent when the floor was not measured. */
  readonly floorRatio?: number;
}

/** Nothing was lost, doubled or out of order, and whoever wanted to join has joined. */
export const isPassed = ({ report, halfRate, quiet, joins }: Result): boolean =>
  [report, halfRate, quiet].every(each => each === undefined || isClean(each)) &&
  (joins === undefined || (joins.joined === joins.devices && joins.duplicated === 0));

const titles = [...loadTitles, "floor/ours"];

const ratedRow = (name: string, report: LoadReport, floorRatio: number | undefined): readonly string[] => [
  ...loadRow(name, report),
  floorRatio === undefined ? "" : floorRatio.toFixed(1),
];

const floorRow = ({ framesPerSecond, lost, cpuUsPerFrame, residentBytes }: FloorReport): readonly string[] => [
  "floor",
  "",
  wholeText(framesPerSecond),
  wholeText(lost),
  "",
  "-",
  "-",
  `${cpuUsPerFrame.toFixed(1)} a frame`,
  wholeText(residentBytes / 1e6),
  "1.0",
];

/** A line for each part. */
export const microText = (terminal: Terminal, parts: readonly MicroResult[]): string =>
  renderTable(
    terminal,
    ["part", "median us", "p99 us", "a second"],
    parts.map(({ name, medianUs, p99Us, perSecond }) => [
      name,
      medianUs.toFixed(2),
      p99Us.toFixed(2),
      wholeText(perSecond),
    ]),
  );

const joinText = (name: string, { devices, joined, rounds, requests, drainSeconds, latencyMs }: JoinReport): string =>
  `${name}: ${joined} of ${devices} devices joined in ${drainSeconds.toFixed(1)} s with ${requests} requests in ${rounds} ` +
  `rounds; to the join event p50/p95/p99 ${percentileCell(latencyMs)} ms\n`;

/** A line for each run, the floor first, and what is known of each installation. */
export function resultText(
  terminal: Terminal,
  floor: FloorReport | undefined,
  results: readonly RatedResult[],
): string {
  const rows = results.flatMap(({ mode, set, networkServers, report, halfRate, quiet, floorRatio }) => {
    const parts = networkServers > 1 ? `${set} x ${networkServers}` : set;
    const name = set === "embedded" ? mode : `${mode}, ${parts}`;
    return [
      ...(quiet ? [ratedRow(`${name}, before`, quiet, undefined)] : []),
      ratedRow(name, report, floorRatio),
      ...(halfRate ? [ratedRow(`${name}, half`, halfRate, undefined)] : []),
    ];
  });
  const starts = results.map(
    ({ mode, devices, provisionSeconds, startMs }) =>
      `${mode}: ${devices} devices put in within ${provisionSeconds.toFixed(1)} s; the server starts in ${wholeText(startMs)} ms\n`,
  );
  const joins = results.flatMap(({ mode, joins: report }) => (report ? [joinText(mode, report)] : []));
  return renderTable(terminal, titles, [...(floor ? [floorRow(floor)] : []), ...rows]) + [...starts, ...joins].join("");
}
