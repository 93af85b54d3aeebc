import Type, { type Static } from "typebox";
import { type AdrSample, type Immutable, UnreadableSession } from "./session-record.ts";
import { rowOf } from "./stored-json.ts";

/**
 * ADR samples in a device's document (session-lines.ts): they are a third of it, so they stand member by member in place of
 * sample by sample. Their counters mostly follow each other, and gateways are few.
 */

/** One digit for each number, or numbers where one has no digit. */
const gatewayCounts = Type.Union([Type.String({ pattern: "^[0-9a-z]+$" }), Type.Array(Type.Integer())]);
type GatewayCounts = Immutable<Static<typeof gatewayCounts>>;

const historyRow = rowOf({
  /** Of the first sample. */
  fCnt: Type.Integer(),
  snrsDb: Type.Array(Type.Number(), { minItems: 1 }),
  gatewayCounts,
  /** Which samples are not the next frame after the one before them, and by how many frames they are after it; in turn. */
  gaps: Type.Optional(Type.Array(Type.Integer())),
});

/** Undefined without samples. This is written with each frame, hence loops. */
export function storedHistory(samples: readonly AdrSample[]): readonly unknown[] | undefined {
  const [first] = samples;
  if (!first) return undefined;
  const snrsDb: number[] = [];
  const digits: number[] = [];
  const gaps: number[] = [];
  let next = first.fCnt;
  for (const { fCnt, snrDb, gatewayCount } of samples) {
    if (fCnt !== next) gaps.push(snrsDb.length, fCnt - next + 1);
    snrsDb.push(snrDb);
    if (hasDigit(gatewayCount)) digits.push(digitOf(gatewayCount));
    next = fCnt + 1;
  }
  const areDigits = digits.length === samples.length;
  const counts = areDigits ? String.fromCharCode(...digits) : samples.map(({ gatewayCount }) => gatewayCount);
  return gaps.length > 0 ? [first.fCnt, snrsDb, counts, gaps] : [first.fCnt, snrsDb, counts];
}

/** Throws UnreadableSession. */
export function historyOf(stored: unknown): readonly AdrSample[] {
  const { fCnt: first, snrsDb, gatewayCounts, gaps = [] } = historyRow.read(stored);
  if (gatewayCounts.length !== snrsDb.length) throw new UnreadableSession("the stored ADR samples are not complete");
  const samples: AdrSample[] = [];
  let fCnt = first;
  let gap = 0;
  for (const snrDb of snrsDb) {
    const index = samples.length;
    if (gaps[gap] === index) {
      fCnt += (gaps[gap + 1] ?? 1) - 1;
      gap += 2;
    }
    samples.push({ fCnt, snrDb, gatewayCount: countAt(gatewayCounts, index) });
    fCnt += 1;
  }
  return samples;
}

const zero = 48;
const nine = 57;
const letters = 87;
const mostDigits = 36;

const hasDigit = (number: number): boolean => Number.isInteger(number) && number >= 0 && number < mostDigits;
const digitOf = (number: number): number => (number < 10 ? zero + number : letters + number);

function countAt(counts: GatewayCounts, index: number): number {
  if (typeof counts !== "string") return counts[index] ?? 0;
  const code = counts.charCodeAt(index);
  return code <= nine ? code - zero : code - letters;
}
