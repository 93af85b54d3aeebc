import type { ChaosViolation } from "./checker.ts";
import type { ChaosReport } from "./run.ts";
import type { StruckFault } from "./truth.ts";

const row = (name: string, value: string | number): string => `  ${name.padEnd(14)}${value}`;
const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
const shownViolations = 50;

/** For people; with a line break at its end. */
export function reportText(report: ChaosReport): string {
  const { counts, violations, struck } = report;
  const kinds = [...new Set(struck.map(({ kind }) => kind))].sort();
  const faultRows = kinds.map(kind => {
    const own = struck.filter(fault => fault.kind === kind);
    const cost = own.reduce((sum, { number }) => sum + (counts.notAcceptedByFault[number] ?? 0), 0);
    const longest = Math.max(...own.map(({ fromMs, toMs }) => toMs - fromMs));
    return row(
      `  ${kind}`.padEnd(30),
      `${own.length} times, at most ${seconds(longest)}, ${cost} uplinks not accepted`,
    );
  });
  return `${[
    `Chaos on the ${report.set} set with seed ${report.seed}:`,
    row("devices", `${report.devices}, ${report.devicesJoined} joined`),
    row("uplinks", `${counts.uplinksSent} sent, ${counts.uplinksHeard} heard, ${counts.uplinksAnswered} answered`),
    row("delivered", counts.delivered),
    ...Object.entries(counts.duplicates).map(([name, again]) => row("", `${again} more than once to ${name}`)),
    row("not accepted", `${counts.notAccepted}, ${counts.notAcceptedAfterPushAck} of them after a PUSH_ACK`),
    row("", `the earliest heard ${counts.longestUncommittedMs} ms before the fault that cost it`),
    row("downlinks", counts.downlinks),
    row("join-accepts", counts.joinAccepts),
    row("commands", `${counts.commands} kept by the server, confirmed`),
    row("programs", `ended ${report.exits} times without having been killed`),
    row("faults", struck.length),
    ...faultRows,
    ...report.impossible.map(reason => row("  not tried", reason)),
    row("violations", violations.length + report.unreadable.length),
    ...violations.slice(0, shownViolations).map(violation => violationLine(violation, struck)),
    ...(report.folder === undefined ? [] : [row("folder", report.folder)]),
    report.passed ? "Passed." : "Failed.",
  ].join("\n")}\n`;
}

function violationLine({ kind, devEui, atMs, detail }: ChaosViolation, struck: readonly StruckFault[]): string {
  const last = struck.findLast(({ fromMs }) => fromMs <= atMs);
  const after = last ? ` (after ${last.kind}, ${seconds(last.fromMs)} to ${seconds(last.toMs)})` : "";
  return `    ${seconds(atMs)} ${kind} ${devEui}: ${detail}${after}`;
}
