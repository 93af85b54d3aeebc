import { describe, expect, test } from "vitest";
import { configSchema } from "../../compose/config.ts";
import { loadConfig } from "../../platform/config.ts";
import { createTestActions, createTestTerminal, runProgram } from "../support/terminal.ts";
import { blocksOf, readText } from "./markdown.ts";

const page = readText("docs/migration.md");
const examples = (language: string): readonly string[] =>
  blocksOf(page)
    .filter(block => block.language === language)
    .map(block => block.text.trim());

describe("docs/migration.md", () => {
  test.each(examples("sh").flatMap(text => text.split("\n")))("%s is a command line that is understood", async line => {
    const [program, ...args] = line.split(" ");
    expect(program).toBe("upchirp");
    const actions = createTestActions();
    const { exitCode, errors } = await runProgram(args, createTestTerminal(), actions);
    expect({ exitCode, errors }).toEqual({ exitCode: 0, errors: "" });
    expect(actions.calls.map(([name]) => name)).toEqual(["migrateFrom"]);
  });

  test.each(examples("toml"))("a block for the configuration is accepted: %s", fileText => {
    expect(() => loadConfig(configSchema, { fileText, env: {}, overrides: [] })).not.toThrow();
  });
});
