import { describe, expect, test } from "vitest";
import { configSchema } from "../../compose/config.ts";
import { loadConfig } from "../../platform/config.ts";
import { entryRows, optionRows } from "./configuration-table.ts";
import { blocksOf, rawRows, readText } from "./markdown.ts";

const page = readText("docs/configuration.md");

describe("docs/configuration.md", () => {
  test("the table of options is what `node test/docs/tables.ts` writes", () => {
    expect(rawRows(page, "Options")).toEqual(optionRows(configSchema));
  });

  test("the table of lists is what `node test/docs/tables.ts` writes", () => {
    expect(rawRows(page, "Entries of lists")).toEqual(entryRows(configSchema));
  });

  test.each(
    blocksOf(page)
      .filter(block => block.language === "toml")
      .map((block, index) => [index + 1, block.text] as const),
  )("example file %i is accepted", (_index, fileText) => {
    expect(() => loadConfig(configSchema, { fileText, env: {}, overrides: [] })).not.toThrow();
  });
});
