import { filesUnder, readText } from "./markdown.ts";

export interface NumberedTest {
  /** Path from the root. */
  readonly file: string;
  /** Without its numbers. */
  readonly name: string;
}

/** Numbers of behaviours that a page lists. */
export const checkCount = 75;

const title = /\(\s*(["'`])((?:C\d+ )+)((?:\\.|(?!\1).)*)\1/g;

/**
 * Tests and groups of tests whose names begin with `C<number> `, by number, in the order of their files. Several numbers may
 * stand in a row.
 */
export function numberedTests(): ReadonlyMap<number, readonly NumberedTest[]> {
  const found = new Map<number, NumberedTest[]>();
  // These are about documents, not about the server.
  const files = filesUnder("test").filter(name => name.endsWith(".ts") && !name.startsWith("test/docs/"));
  for (const file of [...files].sort()) {
    for (const [, , numbers = "", name = ""] of readText(file).matchAll(title)) {
      for (const [, number] of numbers.matchAll(/C(\d+) /g)) {
        const tests = found.get(Number(number)) ?? [];
        tests.push({ file, name: name.replace(/\\(.)/g, "$1") });
        found.set(Number(number), tests);
      }
    }
  }
  return found;
}

/** One link for each file, with the name of its first test and how many more there are. */
export function testsCell(tests: readonly NumberedTest[]): string {
  const files = [...new Set(tests.map(test => test.file))];
  return files
    .map(file => {
      const names = tests.filter(test => test.file === file).map(test => test.name);
      const more = names.length > 1 ? ` (${names.length - 1})` : "";
      return `[${file.replace("test/", "").replace(/(\.test)?\.ts$/, "")}](../${file}): ${cellText(names[0] ?? "")}${more}`;
    })
    .join("<br>");
}

const cellText = (text: string): string => text.replaceAll("|", "\\|").replaceAll("`", "'").replaceAll("*", "\\*");

export type CoverageState = "covered" | "partly" | "not yet";

export function stateOf(tests: readonly NumberedTest[], missing: string): CoverageState {
  if (tests.length === 0) return "not yet";
  return missing === "" ? "covered" : "partly";
}
