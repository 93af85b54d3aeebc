import { Readable } from "node:stream";
import type { FastifyReply } from "fastify";
import Type, { type Static } from "typebox";
import type { Page } from "../catalog-ports.ts";
import { csvLine } from "./csv.ts";

export const ExportFormat = Type.Optional(
  Type.Enum(["jsonl", "csv"], {
    default: "jsonl",
    description: "One JSON document a line, or comma-separated values with a line of names.",
  }),
);
type Format = NonNullable<Static<typeof ExportFormat>>;

export const exportAnswer = {
  200: {
    description: "Everything that is found, newest first.",
    content: {
      "application/jsonl": { schema: Type.Unsafe<Readable>(Type.String()) },
      "text/csv": { schema: Type.Unsafe<Readable>(Type.String()) },
    },
  },
};

/** Items that a page holds while it is written out. */
export const exportPageSize = 500;

/** Which cells a table has for an item; the same names for each. */
export interface ExportColumns<Item> {
  readonly names: readonly string[];
  readonly cells: (item: Item) => readonly string[];
}

/** Sends page after page as the client takes them, so that a year is no more at once than a page. */
export async function sendExport<Item>(
  reply: FastifyReply,
  format: Format | undefined,
  name: string,
  columns: ExportColumns<Item>,
  pageAfter: (after: string | undefined) => Promise<Page<Item>>,
): Promise<FastifyReply> {
  const isCsv = format === "csv";
  // Read before anything is sent, so that what is wrong with the question is said as an answer.
  const first = await pageAfter(undefined);
  async function* lines(): AsyncGenerator<string> {
    if (isCsv) yield csvLine(columns.names);
    for (let page = first; ; ) {
      yield page.items.map(item => (isCsv ? csvLine(columns.cells(item)) : `${JSON.stringify(item)}\n`)).join("");
      if (page.next === undefined) return;
      page = await pageAfter(page.next);
    }
  }
  const [type, ending] = isCsv ? ["text/csv; charset=utf-8", "csv"] : ["application/jsonl", "jsonl"];
  reply.type(type).header("content-disposition", `attachment; filename="${name}.${ending}"`);
  return reply.send(Readable.from(lines(), { objectMode: false }));
}
