// Writes the tables that come from the code anew, options, metrics and settings of integrations: node test/docs/tables.ts
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { sinkKinds } from "../../app-server/integration/sinks/registry.ts";
import { configSchema } from "../../compose/config.ts";
import { entryRows, optionRows } from "./configuration-table.ts";
import { sinkRows } from "./integration-table.ts";
import { readText } from "./markdown.ts";
import { metricRows } from "./metrics-table.ts";

/** The page with other rows in the first table under a heading. */
function withRows(page: string, heading: string, rows: readonly string[]): string {
  const start = page.indexOf(`\n## ${heading}\n`);
  const table = /(\n\|[^\n]*\n\|[-|]+\n)((?:\|[^\n]*\n)*)/.exec(page.slice(start));
  if (start < 0 || table === null) throw new Error(`there is no table under the heading "${heading}"`);
  const first = start + table.index + (table[1]?.length ?? 0);
  return page.slice(0, first) + rows.map(line => `${line}\n`).join("") + page.slice(first + (table[2]?.length ?? 0));
}

const write = (path: string, text: string): void =>
  writeFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), text);

const withOptions = withRows(readText("docs/configuration.md"), "Options", optionRows(configSchema));
write("docs/configuration.md", withRows(withOptions, "Entries of lists", entryRows(configSchema)));
write("docs/operations.md", withRows(readText("docs/operations.md"), "Metrics", await metricRows()));
const integrations = sinkKinds.reduce(
  (page, kind) => withRows(page, kind.title, sinkRows(kind)),
  readText("docs/integrations.md"),
);
write("docs/integrations.md", integrations);
