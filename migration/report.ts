import { type NoteTopic, noteTexts } from "./notes.ts";

export const reportKinds = [
  "tenant",
  "user",
  "application",
  "profile",
  "gateway",
  "device",
  "session",
  "downlink",
] as const;
export type ReportKind = (typeof reportKinds)[number];

/**
 * `carried` is new here; `raised` was here and has counters, nonces or a session from there that are newer; `present` was here and
 * stays as it is.
 */
export type ReportOutcome = "carried" | "raised" | "present";

export interface ReportFault {
  readonly kind: ReportKind;
  /** EUI, id or email. */
  readonly id: string;
  readonly reason: string;
}

export interface ReportNote {
  readonly topic: NoteTopic;
  readonly count: number;
  /** At most `mostExamples`. */
  readonly examples: readonly string[];
}

export type ReportCounts = Readonly<Record<ReportKind, Readonly<Record<ReportOutcome | "faulty", number>>>>;

/** What has been done so far, or would be. */
export interface Report {
  count(kind: ReportKind, outcome: ReportOutcome): void;
  fault(fault: ReportFault): void;
  note(topic: NoteTopic, example: string): void;
  counts(): ReportCounts;
  faults(): readonly ReportFault[];
  notes(): readonly ReportNote[];
}

const mostExamples = 1000;
const mostFaults = 100_000;

export function createReport(): Report {
  const none = () => ({ carried: 0, raised: 0, present: 0, faulty: 0 });
  const counts = {
    tenant: none(),
    user: none(),
    application: none(),
    profile: none(),
    gateway: none(),
    device: none(),
    session: none(),
    downlink: none(),
  } satisfies Record<ReportKind, unknown>;
  const faults: ReportFault[] = [];
  const notes = new Map<NoteTopic, { count: number; readonly examples: string[] }>();
  return {
    count(kind, outcome) {
      counts[kind][outcome] += 1;
    },
    fault(fault) {
      counts[fault.kind].faulty += 1;
      if (faults.length < mostFaults) faults.push(fault);
    },
    note(topic, example) {
      const note = notes.get(topic) ?? { count: 0, examples: [] };
      note.count += 1;
      if (note.examples.length < mostExamples && !note.examples.includes(example)) note.examples.push(example);
      notes.set(topic, note);
    },
    counts: () => counts,
    faults: () => faults,
    notes: () => [...notes].map(([topic, note]) => ({ topic, ...note })),
  };
}

export interface ReportDocument {
  readonly isDryRun: boolean;
  /** Blocks for the configuration file, for regions that it does not have as the other server had them. */
  readonly regionBlocks: string;
}

/** For programs. Holds no keys. */
export function reportJson(report: Report, { isDryRun, regionBlocks }: ReportDocument): string {
  const notes = report.notes().map(note => ({ ...note, ...noteTexts[note.topic] }));
  const document = { dryRun: isDryRun, counts: report.counts(), faults: report.faults(), notes, regionBlocks };
  return `${JSON.stringify(document, null, 2)}\n`;
}

const plurals: Readonly<Record<ReportKind, string>> = {
  tenant: "tenants",
  user: "users",
  application: "applications",
  profile: "device profiles",
  gateway: "gateways",
  device: "devices",
  session: "sessions",
  downlink: "waiting downlinks",
};

const shownExamples = 5;
const shownFaults = 50;

/** For people. */
export function reportText(report: Report, { isDryRun, regionBlocks }: ReportDocument): string {
  const faults = report.faults();
  const more = faults.length - shownFaults;
  return [
    ...tableLines(report, isDryRun),
    ...section("Worth knowing", report.notes().flatMap(noteLines)),
    ...section("To put into the configuration before the devices go on", regionBlocks.split("\n").filter(Boolean)),
    ...section("Not carried", [
      ...faults.slice(0, shownFaults).map(({ kind, id, reason }) => `  ${kind} ${id}: ${reason}`),
      ...(more > 0 ? [`  and ${more} more; --report writes all of them into a file`] : []),
    ]),
    "",
  ].join("\n");
}

const section = (title: string, lines: readonly string[]): readonly string[] =>
  lines.length === 0 ? [] : ["", `${title}:`, ...lines];

function tableLines(report: Report, isDryRun: boolean): readonly string[] {
  const heads = ["", isDryRun ? "would be carried" : "carried", "raised", "here already", "not carried"];
  const counts = report.counts();
  const rows = reportKinds.map(kind => {
    const { carried, raised, present, faulty } = counts[kind];
    return [plurals[kind], ...[carried, raised, present, faulty].map(String)];
  });
  const widths = heads.map((head, column) => Math.max(head.length, ...rows.map(row => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join("  ");
  return [heads, ...rows].map(line);
}

function noteLines({ topic, count, examples }: ReportNote): readonly string[] {
  const { what, advice } = noteTexts[topic];
  const shown = examples.slice(0, shownExamples).join(", ");
  return [`  ${what} (${count}): ${shown}${examples.length > shownExamples ? ", ..." : ""}`, `    ${advice}`];
}
