import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Text of a file of the repository, by its path from the root. */
export const readText = (path: string): string => readFileSync(join(root, path), "utf8");

/** Paths from the root of every TypeScript file under these folders; a folder that is not there has none. */
export const sourcesUnder = (...folders: readonly string[]): readonly string[] =>
  folders.flatMap(folder => filesUnder(folder).filter(name => name.endsWith(".ts") && !name.endsWith(".d.ts")));

export function filesUnder(folder: string): readonly string[] {
  try {
    return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).map(name => join(folder, name));
  } catch {
    return [];
  }
}

export interface Block {
  /** What the comment right before the fence says: `<!-- event up -->` gives `event up`; empty without one. */
  readonly label: string;
  readonly language: string;
  readonly text: string;
}

/** Fenced code blocks in their order. */
export const blocksOf = (markdown: string): readonly Block[] =>
  [...markdown.matchAll(/(?:<!-- ([^\n]*?) -->\n)?^```(\w*)\n([\s\S]*?)^```$/gm)].map(
    ([, label = "", language = "", text = ""]) => ({ label, language, text }),
  );

/** Rows of the first table under a heading as they stand there, without its header. Throws when there is none. */
export function rawRows(markdown: string, heading: string): readonly string[] {
  const lines = markdown.split("\n");
  const start = lines.findIndex(line => /^#+ /.test(line) && line.replace(/^#+ /, "") === heading);
  const first = start < 0 ? -1 : lines.findIndex((line, index) => index > start && line.startsWith("|"));
  if (first < 0) throw new Error(`there is no table under the heading "${heading}"`);
  const after = lines.findIndex((line, index) => index > first && !line.startsWith("|"));
  return lines.slice(first + 2, after < 0 ? undefined : after);
}

/** Cells of the same rows. */
export const tableUnder = (markdown: string, heading: string): readonly (readonly string[])[] =>
  rawRows(markdown, heading).map(cellsOf);

/** A `|` inside a cell is written `\|`. */
export const cellsOf = (line: string): readonly string[] =>
  line
    .split(/(?<!\\)\|/)
    .slice(1, -1)
    .map(cell => cell.trim().replaceAll("\\|", "|"));

/** Text of a cell that is one piece of code, without its backticks. */
export const plain = (cell: string | undefined): string => (cell ?? "").replaceAll("`", "");

/** Every piece of code in a cell. */
export const codesIn = (cell: string | undefined): readonly string[] =>
  [...(cell ?? "").matchAll(/`([^`]+)`/g)].map(match => match[1] ?? "");
