import { afterAll, describe, expect, test } from "vitest";
import { createCodecSandbox } from "../../../app-server/codec/sandbox.ts";
import type { DeviceCodec } from "../../../app-server/ports.ts";
import { systemClock } from "../../../platform/clock.ts";
import { createMetrics } from "../../../platform/metrics.ts";

// Loading the parser of TypeScript on a busy machine takes longer than any script may.
const sandbox = createCodecSandbox({ clock: systemClock, metrics: createMetrics(), workers: 1, graceMs: 20_000 });
afterAll(() => sandbox.close());

const input = { bytes: Uint8Array.of(0, 205), fPort: 1, recvTimeMs: 0, variables: {}, scope: "tenant" };
const typescript = (script: string): DeviceCodec => ({ kind: "typescript", script });

describe("a codec in TypeScript", () => {
  test("runs without its types", async () => {
    const script = `
      interface Reading { readonly temperature: number }
      type Bytes = readonly number[];
      const wordAt = (bytes: Bytes, at: number): number => (bytes[at]! << 8) | bytes[at + 1]!;
      export function decodeUplink(input: { bytes: Bytes }): { data: Reading } {
        const raw = wordAt(input.bytes, 0) as number satisfies number;
        return { data: { temperature: raw / 10 } };
      }`;
    expect(await sandbox.decode(typescript(script), input)).toMatchObject({ object: { temperature: 20.5 } });
  });

  test("may take its types from a module that is not there", async () => {
    const script = `import type { UplinkInput } from "./codec.d.ts";
      export const decodeUplink = (input: UplinkInput) => ({ data: { n: input.bytes.length } });`;
    expect(await sandbox.decode(typescript(script), input)).toMatchObject({ object: { n: 2 } });
  });

  test("tells where it threw in the text that its author wrote", async () => {
    const script = `interface A {
  a: number;
}
export function decodeUplink(input: { bytes: number[] }): { data: A } {
  const text: string = "long";      throw new Error(text);
}`;
    const outcome = await sandbox.decode(typescript(script), input);
    expect(outcome).toMatchObject({ message: "Error: long (line 5)", place: { line: 5 } });
    const column = outcome.kind === "failed" ? (outcome.place?.column ?? 0) : 0;
    expect(script.split("\n")[4]?.slice(column - 1)).toMatch(/^(new Error)?\(text\)/);
  });

  test.each([
    ["export function decodeUplink() {\n  return { data: {} }\n", /./, 2],
    ["enum A { B }\nexport function decodeUplink() {}", /enum/, 1],
    ["const a: = 3;", /./, 1],
    ["const ok: number = 1;\nnamespace N { export const a = 1; }", /namespace/i, 2],
  ])("that does not parse says where: %s", async (script, message, line) => {
    const failure = await sandbox.check(typescript(script), "tenant");
    expect(failure).toMatchObject({ message: expect.stringMatching(message), place: { line } });
    expect(failure?.message).toMatch(/does not load/);
  });

  test("is not taken for JavaScript, nor the other way round", async () => {
    const script = "function decodeUplink(input: object) { return { data: {} }; }";
    expect(await sandbox.check({ kind: "javascript", script }, "tenant")).toMatchObject({ place: { line: 1 } });
    expect(await sandbox.check(typescript(script), "tenant")).toBeUndefined();
  });
});

describe("where JavaScript fails", () => {
  test.each([
    ["function decodeUplink(input) {\n  const n = 1;\n  return missing(n);\n}", 3, 10],
    ["export function decodeUplink(input) {\n  return missing;\n}", 2, 10],
    ["function decodeUplink() { return missing; }", 1, 34],
    ["var a = 1;\n\nthrow new Error('at the top');", 3, 16],
    ["function decodeUplink() {\n  return {\n}", 3, 2],
    ["const module = 1;\nfunction decodeUplink() {\n  null.x;\n}", 3, 8],
  ])("%s", async (script, line, column) => {
    const outcome = await sandbox.decode({ kind: "javascript", script }, input);
    expect(outcome).toMatchObject({ kind: "failed", message: expect.stringContaining(`(line ${line})`) });
    const place = outcome.kind === "failed" ? outcome.place : undefined;
    expect(place?.line).toBe(line);
    expect(Math.abs((place?.column ?? 0) - column)).toBeLessThanOrEqual(8);
  });
});

describe("a traced run", () => {
  test("tells what was written to the console, the time and the memory", async () => {
    const script = `function decodeUplink(input) {
      console.log("bytes", input.bytes, { deep: [1] }, null, undefined, 1n);
      console.error(new Error("no error"));
      return { data: {} };
    }`;
    const outcome = await sandbox.decode({ kind: "javascript", script }, { ...input, isTraced: true });
    expect(outcome.trace?.console).toEqual(['bytes [0,205] {"deep":[1]} null undefined 1', "Error: no error"]);
    expect(outcome.trace?.timeMs).toBeGreaterThan(0);
    expect(outcome.trace?.loadMs).toBeGreaterThan(0);
    expect(outcome.trace?.memoryBytes).toBeGreaterThan(10_000);
  });

  test("has what a script wrote before it was stopped, and not all of what one writes without end", async () => {
    const stopped = "function decodeUplink() { console.log('here'); for (;;); }";
    const outcome = await sandbox.decode({ kind: "javascript", script: stopped }, { ...input, isTraced: true });
    expect(outcome).toMatchObject({ kind: "failed", trace: { console: ["here"] } });
    const much =
      "function decodeUplink() { for (let n = 0; n < 500; n += 1) console.log('x'.repeat(2000)); return { data: {} }; }";
    const { trace } = await sandbox.decode({ kind: "javascript", script: much }, { ...input, isTraced: true });
    expect(trace?.console).toHaveLength(200);
    expect(trace?.console[0]).toHaveLength(1000);
  });

  test("is no part of a run for a device", async () => {
    const script = "function decodeUplink() { console.log('x'); return { data: {} }; }";
    expect(await sandbox.decode({ kind: "javascript", script }, input)).not.toHaveProperty("trace");
  });
});

describe("variables", () => {
  const variables = { token: "s3cr3t-t0ken", long: "s3cr3t-t0ken-and-more", offset: "3" };
  const withVariables = (body: string, isTraced = false) =>
    sandbox.decode(
      { kind: "javascript", script: `function decodeUplink(input) { ${body} }` },
      { ...input, variables, isTraced },
    );

  test("come with the device's tags", async () => {
    const script =
      "function decodeUplink({ variables, tags }) { return { data: { offset: variables.offset, site: tags.site } }; }";
    const outcome = await sandbox.decode(
      { kind: "javascript", script },
      { ...input, variables, tags: { site: "roof" } },
    );
    expect(outcome).toMatchObject({ object: { offset: "3", site: "roof" } });
  });

  test.each([
    "throw new Error('bad ' + input.variables.token + input.variables.long + 3);",
    "return { errors: ['bad ' + input.variables.token + input.variables.long + 3] };",
    "return { data: {}, warnings: ['bad ' + input.variables.token + input.variables.long + 3] };",
  ])("are not repeated in words: %s", async body => {
    const outcome = JSON.stringify(await withVariables(body));
    expect(outcome).toContain("bad ******3");
    expect(outcome).not.toContain("s3cr3t");
  });

  test("are not repeated by a normalizer", async () => {
    const script = `function decodeUplink() { return { data: {} }; }
      function normalizeUplink() { throw new Error("s3cr3t-t0ken"); }`;
    const outcome = await sandbox.decode({ kind: "javascript", script }, { ...input, variables });
    expect(outcome).toMatchObject({ kind: "decoded", normalized: { kind: "failed" } });
    expect(JSON.stringify(outcome)).not.toContain("s3cr3t");
  });

  test("are shown to the one who gave them for a test", async () => {
    expect(JSON.stringify(await withVariables("throw new Error(input.variables.token);", true))).toContain(
      "s3cr3t-t0ken",
    );
  });
});
