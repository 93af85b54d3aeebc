/** In the script as its author wrote it; both from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

export interface ScriptTrace {
  /** Line by line. */
  readonly console: readonly string[];
  readonly loadMs: number;
  /** Of the call alone. */
  readonly timeMs: number;
  /** Of the script's heap when the call was over, built-ins included. */
  readonly memoryBytes: number;
}

export type ScriptAnswer =
  /** What the script's function returned, as JSON. */
  | { readonly kind: "returned"; readonly json: string; readonly trace?: ScriptTrace }
  | {
      readonly kind: "failed";
      readonly message: string;
      /** Where it threw or does not parse. */
      readonly place?: Place;
      /** It was stopped at the time limit, or had to be stopped with its worker. */
      readonly overran: boolean;
      readonly trace?: ScriptTrace;
    };

/** What the harness wrote, judged. */
type Judged =
  | {
      readonly kind: "judged";
      readonly answer: ScriptAnswer;
      readonly console: readonly string[];
      readonly isStale: boolean;
    }
  /** There was no room left to say anything. */
  | { readonly kind: "exhausted"; readonly message: string };

/** Levels of an answer, this much being more than anybody reads. */
const deepest = 64;

export function readAnswer(json: string, outputBytes: number): Judged {
  const refused = (message: string): Judged => ({
    kind: "judged",
    answer: { kind: "failed", message, overran: false },
    console: [],
    isStale: true,
  });
  if (Buffer.byteLength(json) > outputBytes) return refused(`the answer is larger than ${outputBytes} bytes`);
  const answer: unknown = json === "" ? undefined : JSON.parse(json);
  if (!isRecord(answer)) return { kind: "exhausted", message: "the script ran out of memory or stack" };
  const console = Array.isArray(answer.console) ? answer.console.map(String) : [];
  const judged = (given: ScriptAnswer): Judged => ({
    kind: "judged",
    answer: given,
    console,
    isStale: answer.stale === true,
  });
  if (typeof answer.failure === "string") {
    const message = answer.failure.slice(0, 1000);
    // With no room left for an error object, QuickJS throws null.
    if (/^(the script does not load: )?null$/.test(message)) {
      return { kind: "exhausted", message: "the script threw null or ran out of memory" };
    }
    if (/out of memory/.test(message)) return { kind: "exhausted", message: "the script ran out of memory" };
    return judged({ kind: "failed", message, overran: false, ...placeIn(answer) });
  }
  if (nestedDeeperThan(answer, deepest)) {
    return judged({ kind: "failed", message: `the answer is nested more than ${deepest} levels deep`, overran: false });
  }
  return judged({ kind: "returned", json: JSON.stringify(answer.result) });
}

function placeIn({ line, column }: Record<string, unknown>): { place?: Place } {
  const isWhole = (value: unknown): value is number => typeof value === "number" && Number.isInteger(value);
  return isWhole(line) && isWhole(column) && line > 0 ? { place: { line, column } } : {};
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function nestedDeeperThan(value: unknown, levels: number): boolean {
  if (!isRecord(value)) return false;
  if (levels === 0) return true;
  return Object.values(value).some(member => nestedDeeperThan(member, levels - 1));
}
