import { stringify } from "smol-toml";
import type { Static, TSchema } from "typebox";
import { expectedOf, isTable, member, type SchemaNode, schemaNode } from "./schema.ts";

const hidden = "(hidden)";

/** Passwords in URLs are secrets whatever the schema says. */
const withoutUrlPassword = (text: string): string => text.replace(/(\/\/[^/:@\s]*):[^/@\s]*@/g, `$1:${hidden}@`);

function visible(node: SchemaNode | undefined, value: unknown): unknown {
  if (node?.secret === true && value !== undefined && value !== "") return hidden;
  if (Array.isArray(value))
    return value.map((item: unknown) =>
      visible(node?.kind === "tables" ? { ...node, secret: false } : undefined, item),
    );
  if (isTable(value)) {
    return Object.fromEntries(
      Object.entries(value).map(([name, below]) => [name, visible(node?.members.get(name), below)]),
    );
  }
  return typeof value === "string" ? withoutUrlPassword(value) : value;
}

/** The effective configuration as TOML, with secrets hidden. */
export const printConfig = <Schema extends TSchema>(schema: Schema, config: Static<Schema>): string =>
  stringify(visible(schemaNode(schema), config));

const heading = `# Upchirp's configuration with its defaults. Remove the "# " before an option to change it.
# A variable overrides the file and a flag overrides both: networkServer.udp.port is the variable
# UPCHIRP_NETWORK_SERVER_UDP_PORT and the flag --set networkServer.udp.port=1701.
`;

const lineWidth = 100;

/** As comments, wrapped between words. */
function wrapped(text: string): readonly string[] {
  const lines: string[] = [];
  let line = "#";
  for (const word of text.split(/\s+/)) {
    if (line.length + word.length + 1 > lineWidth) {
      lines.push(line);
      line = "#";
    }
    line += ` ${word}`;
  }
  return [...lines, line];
}

const comment = (node: SchemaNode): readonly string[] =>
  node.description === undefined ? [] : wrapped(node.description);

function leafLines(name: string, node: SchemaNode & { readonly required: boolean }): readonly string[] {
  const presence = node.default !== undefined ? "" : node.required ? ", required" : ", may be left out";
  const expected = wrapped(`${capital(expectedOf(node.schema))}${presence}.`);
  const assignment = stringify({ [name]: node.default ?? placeholders.get(member(node.schema, "type")) ?? "..." });
  return [...comment(node), ...expected, `# ${assignment.trim()}`, ""];
}

/** For options without a default. */
const placeholders = new Map<unknown, unknown>([
  ["integer", 0],
  ["number", 0],
  ["boolean", false],
  ["array", []],
]);

const capital = (text: string): string => `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;

function tablesLines(path: string, node: SchemaNode): readonly string[] {
  const below = [...node.members].flatMap(([name, leaf]) => leafLines(name, leaf));
  return [...comment(node), `# [[${path}]]`, ...below];
}

/** TOML wants a section's own options before the sections in it. */
function sectionLines(path: readonly string[], node: SchemaNode, given: boolean): readonly string[] {
  const members = [...node.members];
  const leaves = members.filter(([, below]) => below.kind === "leaf");
  const header = `[${path.join(".")}]`;
  const lines: string[] = [];
  if (path.length > 0 && (leaves.length > 0 || !given)) lines.push(...comment(node), given ? header : `# ${header}`);
  for (const [name, leaf] of leaves) lines.push(...leafLines(name, leaf));
  for (const [name, below] of members) {
    const place = [...path, name];
    if (below.kind === "tables") lines.push(...tablesLines(place.join("."), below));
    if (below.kind === "section") lines.push(...sectionLines(place, below, given && below.required));
  }
  return lines;
}

/** A TOML file that documents every option and, as it stands, changes none: options are commented out. */
export const exampleConfig = (schema: TSchema): string =>
  `${[heading, ...sectionLines([], schemaNode(schema), true)].join("\n").trimEnd()}\n`;
