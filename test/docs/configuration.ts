// Writes the tables of docs/configuration.md anew from the schema: node test/docs/configuration.ts
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { configSchema } from "../../compose.ts";
import { entryRows, optionRows } from "./configuration-table.ts";
import { readText } from "./markdown.ts";

/** The page with other rows in the first table under a heading. */
function withRows(page: string, heading: string, rows: readonly string[]): string {
  const start = page.indexOf(`\n## ${heading}\n`);
  const table = /(\n\|[^\n]*\n\|[-|]+\n)((?:\|[^\n]*\n)*)/.exec(page.slice(start));
  if (start < 0 || table === null) throw new Error(`there is no table under the heading "${heading}"`);
  const first = start + table.index + (table[1]?.length ?? 0);
  return page.slice(0, first) + rows.map(line => `${line}\n`).join("") + page.slice(first + (table[2]?.length ?? 0));
}

const withOptions = withRows(readText("docs/configuration.md"), "Options", optionRows(configSchema));
writeFileSync(
  fileURLToPath(new URL("../../docs/configuration.md", import.meta.url)),
  withRows(withOptions, "Entries of lists", entryRows(configSchema)),
);
