import { execFile, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { sortMembers } from "../../app-server/catalog-ports.ts";
import { parseApplicationId, parseDevEui, parseTenantId } from "../../lorawan/ids.ts";
import { startTestApi, type TestApi } from "../support/api.ts";
import { addTenantWithDevice } from "../support/catalog.ts";
import { blocksOf, codesIn, readText, tableUnder } from "./markdown.ts";

const page = readText("docs/api.md");
const blocks = blocksOf(page);
const run = promisify(execFile);

let api: TestApi;
let home: string;
/** What a reader who follows the page has in the shell by now. */
const shell: Record<string, string> = {};

beforeAll(async () => {
  api = await startTestApi();
  shell.UPCHIRP = await api.app.listen({ host: "127.0.0.1", port: 0 });
  shell.TOKEN = (
    await api.repositories.apiKeys.create({ tenantId: null, name: "setup", role: "administrator", expiresAt: null })
  ).token;
  // As on a server that is in use already.
  await addTenantWithDevice(api.repositories, "before", "0000000000000001");
  home = await mkdtemp(join(tmpdir(), "upchirp-docs-"));
  await writeFile(join(home, ".curlrc"), 'silent\nnoproxy = "*"\nmax-time = 20\nwrite-out = "\\n%{http_code}"\n');
});
afterAll(async () => {
  await rm(home, { recursive: true, force: true });
  await api.end();
});

const environment = () => ({ PATH: process.env.PATH, HOME: home, CURL_HOME: home, ...shell });

async function curl(command: string): Promise<{ readonly status: number; readonly body: string }> {
  const { stdout } = await run("bash", ["--norc", "-euc", command], { env: environment() });
  const end = stdout.lastIndexOf("\n");
  return { status: Number(stdout.slice(end + 1)), body: stdout.slice(0, end) };
}

function emitUplink(fCnt: number): void {
  const { TENANT: tenantId = "", APPLICATION: applicationId = "" } = shell;
  api.feed.emit({
    kind: "up",
    tenantId: parseTenantId(tenantId),
    applicationId: parseApplicationId(applicationId),
    devEui: parseDevEui("70b3d57ed0001234"),
    json: JSON.stringify({ fCnt }),
  });
}

const examples = blocks.flatMap(({ label, text }, index) => {
  const [, status, name, member] = /^curl (\d+)(?: (\w+)=(\w+))?$/.exec(label) ?? [];
  const following = blocks[index + 1];
  const answer = following?.label === "answer" ? following.text : undefined;
  return status === undefined
    ? []
    : [{ title: text.split("\n")[0], text, status: Number(status), name, member, answer }];
});

describe("docs/api.md", () => {
  test("says of every call with curl what comes of it", () => {
    const calls = blocks.filter(({ text }) => text.startsWith("curl "));
    expect(calls.filter(({ label }) => !/^(curl \d+|stream)/.test(label))).toEqual([]);
    expect(examples.length).toBeGreaterThan(10);
  });

  test.each(examples)("$status $title", async ({ text, status, name, member, answer }) => {
    const { status: answered, body } = await curl(text);
    expect(answered, body).toBe(status);
    if (answer !== undefined) expect(JSON.parse(body)).toEqual(JSON.parse(answer));
    if (name === undefined || member === undefined) return;
    const { [member]: value } = JSON.parse(body);
    expect(value, body).toEqual(expect.any(String));
    shell[name] = String(value);
  });

  test("the stream carries an event of the application", async () => {
    const [stream] = blocks.filter(({ label }) => label === "stream");
    const child = spawn("bash", ["--norc", "-euc", `exec ${stream?.text}`], { env: environment() });
    try {
      await vi.waitUntil(() => api.feed.listeners.size > 0, { timeout: 20_000 });
      emitUplink(4);
      let text = "";
      for await (const chunk of child.stdout) {
        text += String(chunk);
        if (text.includes('event: up\ndata: {"fCnt":4}')) return;
      }
      throw new Error(`the stream ended: ${text}`);
    } finally {
      child.kill();
    }
  });

  test("the WebSocket carries an event of the application", async () => {
    const [program] = blocks.filter(({ label }) => label === "socket");
    const child = spawn(process.execPath, ["--input-type=module", "--eval", program?.text ?? ""], {
      env: environment(),
    });
    try {
      let text = "";
      child.stdout.on("data", chunk => {
        text += String(chunk);
      });
      await vi.waitFor(
        () => {
          emitUplink(5);
          expect(text).toMatch(/^5\n/);
        },
        { timeout: 20_000 },
      );
    } finally {
      child.kill();
    }
  });

  test("lists are sorted as the table says", () => {
    const [, text] = tableUnder(page, "Lists").find(([parameter]) => parameter === "`sort`") ?? [];
    expect(codesIn(text).filter(code => code !== "-")).toEqual([...sortMembers]);
  });
});
