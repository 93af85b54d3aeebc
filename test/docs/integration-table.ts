import type { SinkKind } from "../../app-server/integration/sinks/kind.ts";
import { expectedOf, schemaNode } from "../../platform/config/schema.ts";

const row = (...cells: readonly string[]): string =>
  `| ${cells.map(cell => cell.replaceAll("|", "\\|")).join(" | ")} |`;

/** Patterns say little to a reader: the description does. */
const expected = (schema: object): string => {
  const text = expectedOf(schema).replace(/ that matches .*$/, "");
  return text === "a section" ? "an object" : text;
};

const rowsOf = (schema: unknown, part: string): readonly string[] =>
  [...schemaNode(schema).members].map(([name, node]) =>
    row(`\`${part}.${name}\`${node.required ? "" : "?"}`, expected(node.schema), node.description ?? ""),
  );

/** Rows of the table of a kind's settings and secrets. */
export const sinkRows = ({ settings, secrets }: SinkKind): readonly string[] => [
  ...rowsOf(settings, "settings"),
  ...rowsOf(secrets, "secrets"),
];
