import { finished } from "node:stream/promises";
import { CsvError, type Parser, parse } from "csv-parse";
import { maxRecordLength, type SourceRecord } from "./text.ts";

const delimiters = [",", ";", "\t"] as const;

/** The delimiter that the header has most of; commas and the like in quotes are part of a name. */
function delimiterOf(header: string): string {
  const plain = header.replace(/"[^"]*"/g, "");
  const counts = delimiters.map(delimiter => plain.split(delimiter).length);
  return delimiters[counts.indexOf(Math.max(...counts))] ?? ",";
}

/** Everything up to the end of the first line, and then the rest. */
async function* withHead(texts: AsyncIterable<string>): AsyncGenerator<string> {
  let head: string | undefined = "";
  for await (const text of texts) {
    if (head === undefined) {
      yield text;
      continue;
    }
    head += text;
    if (!/\S[^\r\n]*[\r\n]/.test(head) && head.length < maxRecordLength) continue;
    yield head;
    head = undefined;
  }
  if (head !== undefined) yield head;
}

const faultTexts: Readonly<Record<string, string>> = {
  CSV_QUOTE_NOT_CLOSED: "A quote is opened here and not closed before the file ends.",
  CSV_MAX_RECORD_SIZE: `A record is longer than ${maxRecordLength} characters; most often a quote is not closed.`,
};

/**
 * The records of a CSV file, the header first. The delimiter is found out, and lines may end in any way. A quote that is
 * never closed ends the file with a faulty record: what follows cannot be told apart.
 */
export async function* csvRecords(texts: AsyncIterable<string>): AsyncGenerator<SourceRecord> {
  const parts = withHead(texts);
  const first = await parts.next();
  if (first.done === true) return;
  const [header = ""] = first.value.trimStart().split(/[\r\n]/, 1);
  const parsed: SourceRecord[] = [];
  const place = { line: 1, bytes: 0 };
  /** CR LF in quotes, of which the parser counts both. */
  let pairs = 0;
  const parser = parse({
    delimiter: delimiterOf(header),
    // Found out by the first line alone, the end of a line that ends in another way would be part of its last cell.
    record_delimiter: ["\r\n", "\n", "\r"],
    relax_quotes: true,
    relax_column_count: true,
    skip_empty_lines: true,
    max_record_size: maxRecordLength,
    // Taken here and not from the stream, which drops what it holds when it comes upon a fault.
    on_record: (cells: string[], { lines, bytes }) => {
      pairs += occurrences(cells, /\r\n/g);
      Object.assign(place, { line: lines - pairs + 1, bytes });
      parsed.push(recordOf(cells, lines - pairs, bytes));
      return null;
    },
  });
  parser.on("error", () => undefined).resume();
  for (let part: IteratorResult<string> = first; part.done !== true; part = await parts.next()) {
    const fault = await written(parser, part.value);
    yield* parsed.splice(0);
    if (fault !== undefined) return yield faultyRecord(fault, place);
  }
  parser.end();
  const fault = await finished(parser).then(() => undefined, codeOf);
  yield* parsed.splice(0);
  if (fault !== undefined) yield faultyRecord(fault, place);
}

const codeOf = (error: unknown): string => {
  if (error instanceof CsvError) return error.code;
  throw error;
};

/** The code of the fault that the text has, if it has one. */
const written = (parser: Parser, text: string): Promise<string | undefined> =>
  new Promise<void>((resolve, reject) => {
    parser.write(text, error => (error ? reject(error) : resolve()));
  }).then(() => undefined, codeOf);

function recordOf(cells: readonly string[], endLine: number, bytes: number): SourceRecord {
  const breaks = occurrences(cells, /\r\n|\r|\n/g);
  return { line: endLine - breaks, bytes, text: JSON.stringify(cells), content: { kind: "cells", cells } };
}

const occurrences = (cells: readonly string[], pattern: RegExp): number =>
  cells.reduce((sum, cell) => sum + (cell.match(pattern)?.length ?? 0), 0);

const faultyRecord = (code: string, place: { readonly line: number; readonly bytes: number }): SourceRecord => ({
  ...place,
  text: code,
  content: { kind: "faulty", message: faultTexts[code] ?? "This line is no CSV." },
});
