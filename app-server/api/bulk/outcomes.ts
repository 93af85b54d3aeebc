import type { BulkVerdict } from "../../bulk-ports.ts";
import type { ImportCounts, ImportFault } from "../../import-ports.ts";
import { limitText } from "../../tenant-limit-ports.ts";
import type { Line, LineKind, LineOutcome } from "./lines.ts";

type Spoken = Pick<LineKind<unknown>, "noun" | "keyMember" | "needs">;

export interface Summary {
  readonly counts: ImportCounts;
  readonly faults: readonly ImportFault[];
}

/** What came of a batch: of lines that could be read by their outcomes, of others by their faults. */
export function summaryOf(
  kind: Spoken,
  lines: readonly Line<unknown>[],
  outcomes: readonly LineOutcome[],
  unread: readonly (readonly ImportFault[])[],
): Summary {
  const counts = { created: 0, updated: 0, unchanged: 0, skipped: 0, failed: unread.length };
  const faults: ImportFault[] = unread.flat();
  outcomes.forEach((outcome, index) => {
    const line = lines[index];
    if (line === undefined) return;
    if (outcome.kind === "faulty") {
      counts.failed += 1;
      faults.push(...outcome.faults);
      return;
    }
    switch (outcome.verdict.kind) {
      case "created":
      case "updated":
      case "unchanged":
      case "skipped":
        counts[outcome.verdict.kind] += 1;
        break;
      default:
        counts.failed += 1;
        faults.push(faultOf(kind, line, outcome.verdict));
    }
  });
  return { counts, faults: faults.toSorted((one, other) => one.line - other.line) };
}

function faultOf(
  { noun, keyMember, needs }: Spoken,
  { line, nameOf }: Line<unknown>,
  verdict: BulkVerdict,
): ImportFault {
  const { kind } = verdict;
  const column = nameOf(`/${keyMember}`);
  if (kind === "over-limit") return { line, column, message: limitText(verdict.of, verdict.limit) };
  const texts: Readonly<Partial<Record<BulkVerdict["kind"], string>>> = {
    exists: "It is there already; import with onExisting skip or update to leave or change it.",
    elsewhere: "This is taken outside of what the import is into: in another application, or by somebody else.",
    incomplete: `There is no such thing yet, and ${noun} that is to be added needs ${needs}.`,
    ambiguous: "Several have this name; give the id.",
  };
  return { line, column, message: texts[kind] ?? "It was refused." };
}
