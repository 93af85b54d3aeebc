import { type CellFault, type Header, readHeader, recordOfCells } from "./cells.ts";
import { csvRecords } from "./csv-records.ts";
import { jsonRecords } from "./json-records.ts";
import type { LineKind } from "./lines.ts";
import type { ReadRecord } from "./run.ts";
import { decoded, notUnicode, type SourceRecord } from "./text.ts";
import { csvOfTts, fromTts, isTtsObject } from "./tts.ts";

export const importFormats = ["csv", "json", "tts-csv", "tts-json"] as const;
export type ImportFormat = (typeof importFormats)[number];

/** The records of a file, each read as far as that can be without the catalog. A header that is wrong is all there is. */
export async function* readRecords<Value>(
  chunks: AsyncIterable<Uint8Array>,
  format: ImportFormat,
  kind: LineKind<Value>,
): AsyncGenerator<ReadRecord<Value>> {
  const isCsv = format === "csv" || format === "tts-csv";
  const texts = decoded(chunks);
  const { read } = kind;
  let header: Header | undefined;
  let isEmpty = true;
  for await (const record of isCsv ? csvRecords(texts) : jsonRecords(texts)) {
    isEmpty = false;
    const { content, line } = record;
    if (content.kind === "cells" && header === undefined) {
      const begun = readHeader(content.cells, vocabularyFor(format, kind), format === "tts-csv");
      header = begun.header;
      if (begun.faults.length > 0) return yield faulty(record, begun.faults);
      continue;
    }
    switch (content.kind) {
      case "faulty":
        yield faulty(record, [{ column: null, message: content.message }]);
        break;
      case "cells": {
        const { record: given, faults } = recordOfCells(content.cells, header ?? { columns: [], names: [] });
        yield { ...placeOf(record), read: read(spoken(given, format), line, header, faults) };
        break;
      }
      case "value":
        yield { ...placeOf(record), read: read(spoken(content.value, format), line, undefined, []) };
        break;
    }
  }
  if (isEmpty) yield faulty({ line: 1, bytes: 0, text: "" }, [{ column: null, message: "The file is empty." }]);
}

const vocabularyFor = (format: ImportFormat, kind: Pick<LineKind<unknown>, "vocabulary">) =>
  format === "tts-csv" ? csvOfTts : kind.vocabulary;

const spoken = (record: unknown, format: ImportFormat): unknown =>
  format.startsWith("tts") && isTtsObject(record) ? fromTts(record) : record;

type Place = Pick<SourceRecord, "line" | "bytes" | "text">;
const placeOf = ({ line, bytes, text }: Place): Place => ({ line, bytes, text });

const faulty = (place: Place, faults: readonly CellFault[]): ReadRecord<never> => ({
  ...placeOf(place),
  read: faults.map(({ column, message }) => ({
    line: place.line,
    column,
    message: column?.includes("\ufffd") === true ? notUnicode : message,
  })),
});
