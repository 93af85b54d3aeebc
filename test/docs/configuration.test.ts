import { describe, expect, test } from "vitest";
import { configSchema } from "../../compose.ts";
import { loadConfig } from "../../platform/config.ts";
import { entryRows, optionRows } from "./configuration-table.ts";
import { blocksOf, readText } from "./markdown.ts";

const page = readText("docs/configuration.md");

/** Rows of the first table under a heading as they stand in the file. */
function rawRows(heading: string): readonly string[] {
  const [, section = ""] = page.split(`\n## ${heading}\n`);
  return (section.split("\n## ")[0] ?? "")
    .split("\n")
    .filter(line => line.startsWith("|"))
    .slice(2);
}

describe("docs/configuration.md", () => {
  test("the table of options is what `node test/docs/configuration.ts` writes", () => {
    expect(rawRows("Options")).toEqual(optionRows(configSchema));
  });

  test("the table of lists is what `node test/docs/configuration.ts` writes", () => {
    expect(rawRows("Entries of lists")).toEqual(entryRows(configSchema));
  });

  test.each(
    blocksOf(page)
      .filter(block => block.language === "toml")
      .map((block, index) => [index + 1, block.text] as const),
  )("example file %i is accepted", (_index, fileText) => {
    expect(() => loadConfig(configSchema, { fileText, env: {}, overrides: [] })).not.toThrow();
  });
});
