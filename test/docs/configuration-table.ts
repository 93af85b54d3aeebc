import { environmentName, expectedOf, leavesOf, type SchemaNode, schemaNode } from "../../platform/config/schema.ts";

/** Rows of the table of options: path, variable, what is expected, default, meaning. */
export function optionRows(schema: unknown): readonly string[] {
  return leavesOf(schemaNode(schema)).map(({ path, node }) =>
    row(code(path.join(".")), code(environmentName(path)), expected(node), defaultOf(node), meaning(node)),
  );
}

/** Rows of the options of one entry of each list of tables. */
export function entryRows(schema: unknown): readonly string[] {
  return leavesOf(schemaNode(schema)).flatMap(({ path, node }) => listRows(path.join("."), node));
}

function listRows(path: string, node: SchemaNode): readonly string[] {
  if (node.kind !== "tables") return [];
  return [...node.members].flatMap(([name, entry]) => {
    const place = `${path}[].${name}`;
    const presence = entry.default === undefined && entry.required ? "required" : defaultOf(entry);
    return [row(code(place), expected(entry), presence, meaning(entry)), ...listRows(place, entry)];
  });
}

const row = (...cells: readonly string[]): string =>
  `| ${cells.map(cell => cell.replaceAll("|", "\\|")).join(" | ")} |`;
const code = (text: string): string => `\`${text}\``;

/** Patterns are code, so that Markdown leaves their signs alone. */
const expected = (node: SchemaNode): string =>
  expectedOf(node.schema).replace(/that matches (\S+)/g, "that matches `$1`");

const defaultOf = (node: SchemaNode): string => (node.default === undefined ? "" : code(JSON.stringify(node.default)));

const meaning = (node: SchemaNode): string => `${node.description ?? ""}${node.secret ? " Secret." : ""}`.trim();
