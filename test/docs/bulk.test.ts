import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { deviceLines } from "../../app-server/api/bulk/device-lines.ts";
import { startTestApi, type TestApi } from "../support/api.ts";
import { profileFor } from "../support/catalog.ts";
import { createTestTerminal, runProgram } from "../support/terminal.ts";
import { blocksOf, codesIn, readText, tableUnder } from "./markdown.ts";

const page = readText("docs/bulk.md");
const blocks = blocksOf(page);

let api: TestApi;
let folder: string;
let env: Readonly<Record<string, string>>;
beforeAll(async () => {
  api = await startTestApi();
  folder = await mkdtemp(join(tmpdir(), "upchirp-docs-"));
  const key = { tenantId: null, name: "docs", role: "administrator", expiresAt: null } as const;
  const { token } = await api.repositories.apiKeys.create(key);
  const { id } = await api.repositories.tenants.create({ name: "Default", description: "", tags: {} });
  await api.repositories.applications.create({ tenantId: id, name: "water", description: "", tags: {} });
  await api.repositories.deviceProfiles.create(profileFor(id, "meter"));
  const url = await api.app.listen({ host: "127.0.0.1", port: 0 });
  env = { UPCHIRP_URL: url, UPCHIRP_TOKEN: token, UPCHIRP: url, TOKEN: token, TENANT: id };
});
afterAll(async () => {
  await api.end();
  await rm(folder, { recursive: true });
});

/** Names of files are those of the reader's folder. */
const inFolder = (word: string): string => (/\.(csv|jsonl)$/.test(word) ? join(folder, word) : word);

async function runBlock(text: string, exitCode: number): Promise<string> {
  let output = "";
  for (const command of text.trim().split("\n")) {
    const [, ...words] = command.split(" ");
    const run = await runProgram(words.map(inFolder), createTestTerminal({ env, clock: api.clock }));
    expect(run, command).toMatchObject({ exitCode, errors: "" });
    output += run.output;
  }
  return output;
}

describe("docs/bulk.md", () => {
  test("says what its commands do", async () => {
    let output = "";
    let ran = 0;
    for (const { label, text } of blocks) {
      const [, kind, argument = ""] = /^(file|run|output|curl)(?: (\S+))?$/.exec(label) ?? [];
      if (kind === "file") await writeFile(join(folder, argument), text);
      else if (kind === "run") {
        output = await runBlock(text, Number(argument));
        ran += 1;
      } else if (kind === "output") expect(output.trim()).toBe(text.trim());
      else if (kind === "curl") {
        const options = { cwd: folder, env: { PATH: process.env.PATH, ...env, no_proxy: "*" } };
        const { stdout } = await promisify(execFile)("bash", ["--norc", "-euc", text], options);
        expect(JSON.parse(stdout)).toMatchObject({ state: "finished", skipped: 1, key: "sites-of-monday" });
      }
    }
    expect(ran).toBeGreaterThan(4);
    expect(await readFile(join(folder, "devices-of-today.jsonl"), "utf8")).toContain("70b3d57ed0000105");
  });

  test("its table has every column of a device", () => {
    const told = tableUnder(page, "What a file looks like").flatMap(([columns]) => codesIn(columns));
    const known = [...deviceLines.vocabulary.columns.values()].map(({ path }) => path.at(-1) ?? "");
    expect(told.toSorted()).toEqual([...new Set(known)].toSorted());
  });
});
