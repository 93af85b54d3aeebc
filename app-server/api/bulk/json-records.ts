import { maxRecordLength, type RecordContent, type SourceRecord } from "./text.ts";

/** Deeper than any record is. */
const maxDepth = 32;

const isSpace = (code: number): boolean => code === 32 || code === 10 || code === 13 || code === 9;
const [quote, backslash, comma, newline] = [34, 92, 44, 10];
const [openBracket, closeBracket, openBrace, closeBrace] = [91, 93, 123, 125];

/** Where the scan of a file stands: between two records, or inside of one. */
interface Scan {
  line: number;
  /** 0 between records; brackets of the array around all records are not counted. */
  depth: number;
  deepest: number;
  inString: boolean;
  isEscaped: boolean;
  isArray: boolean | undefined;
  /** The array has ended. */
  isClosed: boolean;
  record: string;
  recordLine: number;
  length: number;
  bytes: number;
}

/**
 * The records of a JSON array, of JSON lines, or of objects one after the other. Only the record that is being read is in
 * memory, and of a longer one than `maxRecordLength` nothing. Text that is no JSON between records ends the file with a
 * faulty record.
 */
export async function* jsonRecords(texts: AsyncIterable<string>): AsyncGenerator<SourceRecord> {
  const scan: Scan = {
    line: 1,
    depth: 0,
    deepest: 0,
    inString: false,
    isEscaped: false,
    isArray: undefined,
    isClosed: false,
    record: "",
    recordLine: 1,
    length: 0,
    bytes: 0,
  };
  for await (const text of texts) {
    for (const record of scanText(scan, text)) {
      yield record;
      if (record.content.kind === "faulty" && scan.isClosed) return;
    }
  }
  if (scan.depth > 0) yield finished(scan, { kind: "faulty", message: "The file ends in the middle of a record." });
  else if (scan.isArray === true && !scan.isClosed) {
    yield finished(
      { ...scan, recordLine: scan.line },
      { kind: "faulty", message: "The file ends before its closing ]." },
    );
  }
}

function* scanText(scan: Scan, text: string): Generator<SourceRecord> {
  let start = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === newline) scan.line += 1;
    if (scan.depth === 0) {
      const between = judgeBetween(scan, code);
      if (between === "begins") {
        start = at;
        Object.assign(scan, { depth: 1, deepest: 1, record: "", length: 0, recordLine: scan.line });
      } else if (between === "wrong") {
        scan.isClosed = true;
        const message = "A JSON object is expected here: a file is an array of objects, or one object a line.";
        yield finished({ ...scan, recordLine: scan.line }, { kind: "faulty", message });
        return;
      }
      continue;
    }
    if (!step(scan, code)) continue;
    take(scan, text.slice(start, at + 1));
    yield finished(scan, contentOf(scan));
  }
  if (scan.depth > 0) take(scan, text.slice(start));
}

function judgeBetween(scan: Scan, code: number): "nothing" | "begins" | "wrong" {
  scan.bytes += 1;
  if (isSpace(code)) return "nothing";
  if (scan.isClosed) return "wrong";
  if (code === openBrace) {
    scan.isArray ??= false;
    return "begins";
  }
  if (code === openBracket && scan.isArray === undefined) {
    scan.isArray = true;
    return "nothing";
  }
  if (scan.isArray === true && code === closeBracket) {
    scan.isClosed = true;
    return "nothing";
  }
  // What stands between records of an array more strictly than commas do is left to whoever wrote it.
  return scan.isArray === true && code === comma ? "nothing" : "wrong";
}

/** One character inside a record. True when it ends the record. */
function step(scan: Scan, code: number): boolean {
  if (scan.isEscaped) scan.isEscaped = false;
  else if (scan.inString) {
    if (code === backslash) scan.isEscaped = true;
    else if (code === quote) scan.inString = false;
  } else if (code === quote) scan.inString = true;
  else if (code === openBrace || code === openBracket) {
    scan.depth += 1;
    scan.deepest = Math.max(scan.deepest, scan.depth);
  } else if (code === closeBrace || code === closeBracket) {
    scan.depth -= 1;
    return scan.depth === 0;
  }
  return false;
}

function take(scan: Scan, part: string): void {
  scan.length += part.length;
  scan.bytes += Buffer.byteLength(part);
  scan.record = scan.length > maxRecordLength ? "" : scan.record + part;
}

function contentOf({ record, length, deepest }: Scan): RecordContent {
  if (length > maxRecordLength) {
    return { kind: "faulty", message: `The record has ${length} characters, and ${maxRecordLength} is the most.` };
  }
  if (deepest > maxDepth) return { kind: "faulty", message: "The record is nested too deeply." };
  try {
    return { kind: "value", value: JSON.parse(record) };
  } catch {
    // The parser's own message would repeat what is there, which may be a key.
    return {
      kind: "faulty",
      message: "The record is no JSON: look for a missing quote, a comma too many or a comment.",
    };
  }
}

const finished = (scan: Scan, content: RecordContent): SourceRecord => ({
  line: scan.recordLine,
  bytes: scan.bytes,
  text: scan.length > maxRecordLength ? String(scan.length) : scan.record,
  content,
});
