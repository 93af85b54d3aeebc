import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { codecDialect } from "../../app-server/codec/dialect.ts";
import { measurementFields } from "../../app-server/codec/normalized.ts";
import { createCodecSandbox } from "../../app-server/codec/sandbox.ts";
import type { DeviceCodec } from "../../app-server/ports.ts";
import { withOfflineCodecs } from "../../compose/codec-bench.ts";
import { systemClock } from "../../platform/clock.ts";
import { createMetrics } from "../../platform/metrics.ts";
import { startTestApi, type TestApi } from "../support/api.ts";
import { addTenantWithDevice } from "../support/catalog.ts";
import { createTestActions, createTestTerminal, runProgram } from "../support/terminal.ts";
import { type Block, blocksOf, codesIn, plain, readText, tableUnder } from "./markdown.ts";

const page = readText("docs/codecs.md");
const blocks = blocksOf(page);
// Loading a script on a busy machine may take longer than the default for a call.
const sandbox = createCodecSandbox({
  clock: systemClock,
  metrics: createMetrics(),
  workers: 1,
  timeMs: 500,
  graceMs: 20_000,
});
afterAll(() => sandbox.close());

const scripts = (kind: string): readonly (readonly [string, Block])[] =>
  blocks.filter(block => block.label.startsWith(`script ${kind} `)).map(block => [block.label, block]);
const codecOf = (block: Block): DeviceCodec => ({ kind: "javascript", script: block.text });
const bytesOf = (hex: string | undefined): Uint8Array => Buffer.from(hex ?? "", "hex");
const decode = (codec: DeviceCodec, fPort: number, bytes: Uint8Array) =>
  sandbox.decode(codec, { bytes, fPort, recvTimeMs: 1_770_000_000_000, variables: {} });

describe("codecs in docs/codecs.md", () => {
  test("every script says what it does", () => {
    const written = blocks.filter(block => block.language === "js" || block.language === "ts");
    const labelled = written.filter(({ label }) => /^script (decode|encode|fails|normalize|typescript) /.test(label));
    expect(labelled).toHaveLength(written.length);
  });

  test.each(scripts("normalize"))("%s", async (label, block) => {
    const [, fPort, hex, measurements] = /^script normalize (\d+) (\w+) => (.*)$/.exec(label) ?? [];
    expect(await decode(codecOf(block), Number(fPort), bytesOf(hex))).toMatchObject({
      kind: "decoded",
      normalized: { kind: "normalized", measurements: JSON.parse(measurements ?? "") },
    });
  });

  test.each(scripts("typescript"))("%s", async (label, block) => {
    const [, fPort, hex, object] = /^script typescript (\d+) (\w+) => (.*)$/.exec(label) ?? [];
    const codec = { kind: "typescript", script: block.text } as const;
    expect(await decode(codec, Number(fPort), bytesOf(hex))).toMatchObject({ object: JSON.parse(object ?? "") });
  });

  test("the table of measurements has every value that is accepted", () => {
    const namesOf = (fields: typeof measurementFields, prefix = ""): string[] =>
      Object.entries(fields).flatMap(([name, field]) =>
        field.kind === "group" ? namesOf(field.fields, `${prefix}${name}.`) : [`${prefix}${name}`],
      );
    const rows = tableUnder(page, "Normalized measurements").map(([name]) => plain(name));
    expect(rows).toEqual(namesOf(measurementFields));
  });

  test.each(scripts("decode"))("%s", async (label, block) => {
    const [, fPort, hex, object] = /^script decode (\d+) (\w+) => (.*)$/.exec(label) ?? [];
    expect(await decode(codecOf(block), Number(fPort), bytesOf(hex))).toMatchObject({
      kind: "decoded",
      object: JSON.parse(object ?? ""),
    });
  });

  test.each(scripts("encode"))("%s", async (label, block) => {
    const [, fPort, object, chosenPort, hex] = /^script encode (\d+) (.*) => (\d+) (\w+)$/.exec(label) ?? [];
    const input = { fPort: Number(fPort), object: JSON.parse(object ?? ""), variables: {} };
    const outcome = await sandbox.encode(codecOf(block), input);
    if (outcome.kind === "failed") throw new Error(outcome.message);
    expect(outcome.fPort ?? Number(fPort)).toBe(Number(chosenPort));
    expect(Buffer.from(outcome.bytes).toString("hex")).toBe(hex);
  });

  test.each(scripts("fails").map(([, block], index) => [index + 1, block] as const))(
    "failing example %i fails",
    async (_index, block) => {
      expect(await decode(codecOf(block), 1, Uint8Array.of(0))).toMatchObject({ kind: "failed" });
    },
  );

  test("the Cayenne LPP example decodes and encodes", async () => {
    const [example] = blocks.filter(block => block.label.startsWith("cayenne "));
    const hex = example?.label.split(" ")[1];
    const object = JSON.parse(example?.text ?? "");
    expect(await decode({ kind: "cayenne-lpp" }, 1, bytesOf(hex))).toMatchObject({ kind: "decoded", object });
    const encoded = await sandbox.encode({ kind: "cayenne-lpp" }, { fPort: 1, object, variables: {} });
    expect(encoded.kind === "encoded" && Buffer.from(encoded.bytes).toString("hex")).toBe(hex);
  });

  test("the Cayenne LPP types are those of the code", () => {
    const source = readText("app-server/codec/cayenne-lpp.ts");
    const types = [...source.matchAll(/^ {2}(?:single|named)\((\d+), "(\w+)"/gm)].map(
      ([, code, name]) => `${code} ${name}`,
    );
    const rows = tableUnder(page, "Cayenne LPP").map(([code, name]) => `${code} ${plain(name)}`);
    expect(rows).toEqual(types);
  });

  test("the functions are those that the sandbox looks for", () => {
    const named = tableUnder(page, "JavaScript").flatMap(([, functions]) =>
      codesIn(functions).map(code => code.split("(")[0]),
    );
    expect([...named, "normalizeUplink"].sort()).toEqual([...codecDialect.functions].sort());
  });
});

describe("how docs/codecs.md tries codecs", () => {
  const folder = mkdtempSync(join(tmpdir(), "codecs-page-"));
  let api: TestApi;
  let url: string;
  const named = (label: string): string => blocks.find(block => block.label === label)?.text ?? "";
  const first = blocks.find(block => block.label.startsWith("script decode "))?.text ?? "";
  beforeAll(async () => {
    api = await startTestApi();
    const { profile } = await addTenantWithDevice(api.repositories, "ours", "0000000000000001");
    url = `/api/device-profiles/${profile.id}`;
    writeFileSync(join(folder, "meter.js"), first);
    writeFileSync(join(folder, "meter.cases.json"), named("cases"));
    writeFileSync(join(folder, "event.json"), JSON.stringify({ data: "Acg=", fPort: 1, time: "2026-01-02T03:04:05Z" }));
  });
  afterAll(async () => {
    rmSync(folder, { recursive: true });
    await api.end();
  });

  const commands = blocks.filter(({ label }) => label === "command").flatMap(({ text }) => text.trim().split("\n"));

  test.each(commands)("%s", async line => {
    const args = line.split(" ").slice(1);
    const placed = args.map(arg => (/^[a-z.]+\.(js|json)$/.test(arg) ? join(folder, arg) : arg));
    const actions = createTestActions({ withCodecs: withOfflineCodecs });
    const { output, exitCode } = await runProgram(placed, createTestTerminal(), actions);
    expect(output).toContain(args[1] === "cases" ? "1 of 2 cases passed" : '"temperature": 45.6');
    expect(exitCode).toBe(args[1] === "cases" ? 1 : 0);
  });

  test("the request for a test has the answer that is shown, but for time and memory", async () => {
    const cost = { timeMs: expect.any(Number), loadMs: expect.any(Number), memoryBytes: expect.any(Number) };
    const answer = await api.call("POST", `${url}/codec/test`, JSON.parse(named("test request")));
    expect(answer.json()).toEqual({ ...JSON.parse(named("test answer")), ...cost });
  });

  test("a profile with the cases is refused with the problem that is shown", async () => {
    const body = { codec: "javascript", codecScript: first, codecCases: JSON.parse(named("cases")) };
    expect((await api.call("PATCH", url, body)).json()).toEqual(JSON.parse(named("cases problem")));
  });
});
