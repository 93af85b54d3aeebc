import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createCodecBench } from "../../../../app-server/codec/cases.ts";
import { createCodecSandbox } from "../../../../app-server/codec/sandbox.ts";
import { systemClock } from "../../../../platform/clock.ts";
import { createMetrics } from "../../../../platform/metrics.ts";
import { startTestApi, type TestApi } from "../../../support/api.ts";
import { addTenantWithDevice, profileFor, type TenantWithDevice } from "../../../support/catalog.ts";

let api: TestApi;
let ours: TenantWithDevice;
let made = 0;
let calls = 0;
const sandbox = createCodecSandbox({
  clock: systemClock,
  metrics: createMetrics(),
  workers: 1,
  timeMs: 50,
  graceMs: 20_000,
});
beforeAll(async () => {
  const bench = createCodecBench(sandbox);
  const codecBench: typeof bench = {
    ...bench,
    check(codec, scope) {
      calls += 1;
      return bench.check(codec, scope);
    },
  };
  api = await startTestApi({ codecBench });
});
afterAll(async () => {
  await api.end();
  await sandbox.close();
});
beforeEach(async () => {
  made += 1;
  calls = 0;
  ours = await addTenantWithDevice(api.repositories, `T${made}`, made.toString().padStart(16, "0"));
});

interface Done {
  readonly id: string;
}

async function send(records: readonly object[], query: Readonly<Record<string, string>> = {}) {
  const headers = await api.keyFor("device-manager", ours.tenant.id);
  const answer = await api.app.inject({
    method: "POST",
    url: "/api/imports/device-profiles",
    query: { tenantId: ours.tenant.id, format: "json", ...query },
    headers: { ...headers, "content-type": "application/x-ndjson" },
    payload: records.map(record => JSON.stringify(record)).join("\n"),
  });
  const done = answer.json<Done>();
  const { items } = (await api.call("GET", `/api/imports/${done.id}/faults`)).json<{ items: object[] }>();
  return { done, faults: items };
}

const profiles = async () =>
  (await api.repositories.deviceProfiles.list({ tenants: [ours.tenant.id] }, { limit: 50 })).items;

const good = "function decodeUplink({ bytes }) {\n  return { data: { level: bytes[0] } };\n}";
const caseOf = (level: number, name = `level ${level}`) => ({
  name,
  direction: "uplink",
  fPort: 1,
  bytes: "2a",
  expected: { object: { level } },
});
const profileOf = (name: string, codecScript: string, codecCases: readonly object[] = []) => ({
  name,
  region: "EU868",
  codec: "javascript",
  codecScript,
  codecCases,
});

describe("an import of device profiles", () => {
  const mixed = [
    profileOf("passes", good, [caseOf(42)]),
    profileOf("fails", good, [caseOf(42), caseOf(41), caseOf(43, "no")]),
    profileOf("does not load", "function decodeUplink( {"),
    { name: "no codec", region: "EU868" },
  ];
  const faults = [
    { line: 2, column: "codecCases", message: "Case level 41: /object/level is 42 instead of 41." },
    { line: 2, column: "codecCases", message: "Case no: /object/level is 42 instead of 43." },
    { line: 3, column: "codecScript", message: expect.stringMatching(/^The codec does not load: .*SyntaxError/) },
  ];

  test("runs the cases of their codecs, tells those that fail by their lines, and takes the others", async () => {
    const { done, faults: found } = await send(mixed);
    expect(found).toEqual(faults);
    expect(done).toMatchObject({ created: 2, failed: 2 });
    expect((await profiles()).map(({ name }) => name).sort()).toEqual(expect.arrayContaining(["no codec", "passes"]));
  });

  test("does so in a dry run, and takes all of them when it is told to", async () => {
    const before = (await profiles()).length;
    const dry = await send(mixed, { dryRun: "true" });
    expect(dry.faults).toEqual(faults);
    expect(dry.done).toMatchObject({ created: 2, failed: 2 });
    expect(await profiles()).toHaveLength(before);
    expect((await send(mixed, { force: "true" })).done).toMatchObject({ created: 4, failed: 0 });
  });

  test("tries what a change makes of a profile that is there, and leaves alone what stays or is not stored", async () => {
    const { id } = await api.repositories.deviceProfiles.create({
      ...profileFor(ours.tenant.id, "meter"),
      codec: "javascript",
      codecScript: good,
    });
    const cases = { name: "meter", codecCases: [caseOf(41)] };
    expect((await send([cases], { onExisting: "update" })).faults).toHaveLength(1);
    expect((await send([{ id, codecCases: [caseOf(42)] }], { onExisting: "update" })).faults).toEqual([]);
    expect(calls).toBe(2);
    expect((await send([{ id, codecCases: [caseOf(42)] }], { onExisting: "update" })).done).toMatchObject({
      unchanged: 1,
    });
    expect((await send([cases], { onExisting: "skip" })).done).toMatchObject({ skipped: 1 });
    expect((await send([cases])).faults).toMatchObject([{ message: expect.stringContaining("there already") }]);
    expect((await send([{ name: "meter", tags: { a: "b" } }], { onExisting: "update" })).done).toMatchObject({
      updated: 1,
    });
    expect(calls).toBe(2);
  });

  test.each([
    ["an endless loop", "function decodeUplink() { while (true) {} }", /time|long|suspended/i],
    ["an endless loop at its top level", "while (true) {}\nfunction decodeUplink() {}", /time|long/i],
    [
      "memory without end",
      "function decodeUplink() { const a = []; while (true) a.push(new Array(1e5).fill(1)); }",
      /memory|time/i,
    ],
    ["a giant answer", "function decodeUplink() { return { data: { a: 'x'.repeat(2e6) } }; }", /./],
    [
      "a regular expression that never ends",
      "function decodeUplink() { /^(a+)+$/.test('a'.repeat(40) + 'b'); return { data: {} }; }",
      /time|long/i,
    ],
    ["no way out", "function decodeUplink() { return { data: { p: typeof process, g: typeof require('fs') } }; }", /./],
  ])("bounds a hostile codec: %s", async (_name, script, words) => {
    const hostile = Array.from({ length: 20 }, (_, n) => caseOf(42, `case ${n}`));
    const { done, faults: found } = await send([
      profileOf("hostile", script, hostile),
      profileOf("good", good, [caseOf(42)]),
    ]);
    expect(done).toMatchObject({ created: 1, failed: 1 });
    expect(found.length).toBeLessThanOrEqual(10);
    expect(JSON.stringify(found)).toMatch(words);
  });
});
