import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { deviceLines } from "../../../../app-server/api/bulk/device-lines.ts";
import { readRecords } from "../../../../app-server/api/bulk/records.ts";
import { runImport } from "../../../../app-server/api/bulk/run.ts";
import type { OnExisting } from "../../../../app-server/bulk-ports.ts";
import { parseDevEui } from "../../../../lorawan/ids.ts";
import { SqlError } from "../../../../platform/errors.ts";
import { startTestApi, type TestApi } from "../../../support/api.ts";
import { addTenantWithDevice, type TenantWithDevice } from "../../../support/catalog.ts";

let api: TestApi;
let ours: TenantWithDevice;
let made = 0;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.end());
beforeEach(async () => {
  made += 1;
  ours = await addTenantWithDevice(api.repositories, `T${made}`, made.toString(16).padStart(16, "0"));
  api.control.activations.clear();
  api.control.refusal = undefined;
});

const key = "000102030405060708090a0b0c0d0e0f";
const count = 1200;
const eui = (number: number) => `a0${made.toString(16).padStart(4, "0")}${number.toString(16).padStart(10, "0")}`;
const rowsOf = (from: number, to: number, session = "") =>
  Array.from({ length: to - from }, (_, index) => `${eui(from + index)},n,${key}${session}`);

const header = "devEui,name,appKey";
const abpHeader = `${header},devAddr,nwkSKey,appSKey`;
const abp = `,01020304,${key},${key}`;

async function* fileOf(lines: readonly string[], cutAfter = lines.length): AsyncGenerator<Uint8Array> {
  for (const [index, line] of lines.entries()) {
    if (index === cutAfter) throw new Error("cut off");
    yield Buffer.from(`${line}\n`);
  }
}

const begin = (onExisting: OnExisting = "fail") =>
  api.deps.imports.begin({
    tenantId: ours.tenant.id,
    applicationId: null,
    kind: "devices",
    key: "file",
    onExisting,
    isDryRun: false,
    startedBy: "test",
    totalBytes: null,
  });

async function run(
  chunks: AsyncIterable<Uint8Array>,
  onExisting: OnExisting = "fail",
  deps: Partial<Parameters<typeof runImport>[4]> = {},
) {
  const { control, clock } = api;
  const rule = { tenantId: ours.tenant.id, applicationId: ours.application.id, onExisting, isDryRun: false };
  const context = { rule, deviceProfile: ours.profile.id };
  const records = readRecords(chunks, "csv", deviceLines);
  return runImport(await begin(onExisting), records, deviceLines, context, {
    bulk: api.deps.bulk,
    imports: api.deps.imports,
    control,
    clock,
    ...deps,
  });
}

const known = async () => (await begin()).position;

describe("an import that was cut off", () => {
  test("goes on behind the last record that is there, and doubles none", async () => {
    const lines = [header, ...rowsOf(0, count)];
    await expect(run(fileOf(lines, 900))).rejects.toThrow("cut off");
    expect(await known()).toBe(500);
    await expect(run(fileOf(lines, 1150))).rejects.toThrow("cut off");
    expect(await known()).toBe(1000);
    expect(await run(fileOf(lines))).toMatchObject({ state: "finished", position: count, created: count, failed: 0 });
    const { items } = await api.repositories.devices.list({ tenants: [ours.tenant.id] }, { limit: 2000 });
    expect(items).toHaveLength(count + 1);
  });

  test("keeps the faults of what it has dealt with, each once", async () => {
    const lines = [header, ...rowsOf(0, 300), "nonsense,n,", ...rowsOf(300, 800), "rubbish,n,"];
    await expect(run(fileOf(lines, 700))).rejects.toThrow("cut off");
    const done = await run(fileOf(lines));
    expect(done).toMatchObject({ created: 800, failed: 2, faults: 2 });
    const { items } = await api.deps.imports.faults(done.id, { limit: 10 });
    expect(items.map(({ line }) => line)).toEqual([302, 803]);
  });

  test("starts the sessions that its last batch had left, and no others again", async () => {
    const lines = [abpHeader, ...rowsOf(0, 600, abp)];
    const dying = {
      ensureActive: async (...order: Parameters<typeof api.control.ensureActive>) => {
        if (api.control.activations.size >= 200) throw new SqlError("sql_unavailable", "the process died");
        await api.control.ensureActive(...order);
      },
    };
    await expect(run(fileOf(lines), "fail", { control: dying })).rejects.toThrow("the process died");
    expect(api.control.activations.size).toBe(200);
    const started: string[] = [];
    const watching = {
      ensureActive: async (...order: Parameters<typeof api.control.ensureActive>) => {
        started.push(order[0]);
        await api.control.ensureActive(...order);
      },
    };
    expect(await run(fileOf(lines), "fail", { control: watching })).toMatchObject({ created: 600, faults: 0 });
    expect(api.control.activations.size).toBe(600);
    expect(started).toHaveLength(600);
  });

  test("starts no session of a device that was there before it", async () => {
    const { devEui } = ours.device;
    const lines = [abpHeader, `${devEui},n,${key}${abp}`, ...rowsOf(0, 600, abp)];
    await expect(run(fileOf(lines, 550), "skip")).rejects.toThrow("cut off");
    expect(await run(fileOf(lines), "skip")).toMatchObject({ skipped: 1, created: 600 });
    expect(api.control.activations.has(devEui)).toBe(false);
  });

  test("does not go on with another file", async () => {
    const lines = [header, ...rowsOf(0, count)];
    await expect(run(fileOf(lines, 900))).rejects.toThrow("cut off");
    const other = [header, ...rowsOf(0, 10), `${eui(7777)},n,`, ...rowsOf(11, count)];
    await expect(run(fileOf(other))).rejects.toMatchObject({ code: "conflict" });
    await expect(run(fileOf(lines.slice(0, 300)))).rejects.toMatchObject({ code: "conflict" });
    expect(await known()).toBe(500);
  });
});

test("of two who send an import at a time one goes on, and nothing is doubled", async () => {
  const lines = [header, ...rowsOf(0, count)];
  const done = await Promise.allSettled([run(fileOf(lines)), run(fileOf(lines)), run(fileOf(lines))]);
  const [winner, ...others] = done.filter(({ status }) => status === "fulfilled");
  expect(winner).toMatchObject({ value: { created: count, position: count } });
  expect(others).toEqual([]);
  for (const lost of done.filter(one => one.status === "rejected"))
    expect(lost.reason).toMatchObject({ code: "conflict" });
});

test("a session that the network server refuses is told, and the device stays", async () => {
  api.control.refusal = Object.assign(new SqlError("sql_failed", "no such window"), { code: "invalid_activation" });
  const done = await run(fileOf([abpHeader, ...rowsOf(0, 1, abp)]));
  expect(done).toMatchObject({ created: 1, failed: 0, faults: 1 });
  expect(await api.deps.imports.faults(done.id, { limit: 9 })).toEqual({
    items: [{ line: 2, column: "activation", message: expect.stringContaining("no such window") }],
  });
  expect(await api.repositories.devices.get(parseDevEui(eui(0)))).toBeDefined();
});
