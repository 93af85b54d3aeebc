import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { progressText } from "../../cli/import-progress.ts";
import { startTestApi, type TestApi } from "../support/api.ts";
import { addTenantWithDevice } from "../support/catalog.ts";
import { createTestTerminal, type Run, runProgram } from "../support/terminal.ts";

let api: TestApi;
let url: string;
let folder: string;
let token: string;

beforeAll(async () => {
  api = await startTestApi();
  url = await api.app.listen({ host: "127.0.0.1", port: 0 });
  folder = await mkdtemp(join(tmpdir(), "upchirp-cli-"));
  const { tenant } = await addTenantWithDevice(api.repositories, "Default", "0000000000000001");
  await api.repositories.applications.create({ tenantId: tenant.id, name: "water", description: "", tags: {} });
  const key = { tenantId: null, name: "command line", role: "administrator", expiresAt: null } as const;
  ({ token } = await api.repositories.apiKeys.create(key));
});
afterAll(async () => {
  await api.end();
  await rm(folder, { recursive: true });
});

const upchirp = (line: string, input = ""): Promise<Run> =>
  runProgram(
    line.split(/\s+/),
    createTestTerminal({ env: { UPCHIRP_URL: url, UPCHIRP_TOKEN: token }, input, clock: api.clock }),
  );

async function fileOf(name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
}

const into = "--application water --profile Default-profile";

describe("upchirp import", () => {
  test("imports a file by its ending, and tells what came of it", async () => {
    await api.call("POST", "/api/device-profiles", {
      tenantId: (await api.repositories.tenants.list({ tenants: "all" }, { limit: 1 })).items[0]?.id,
      name: "Default-profile",
      region: "EU868",
    });
    const csv = await fileOf("meters.csv", "dev_eui,name\nb000000000000001,one\nb000000000000002,two\n");
    expect(await upchirp(`import devices ${csv} ${into}`)).toEqual({
      exitCode: 0,
      output: "2 records: 2 created, 0 updated, 0 unchanged, 0 skipped, 0 not taken.\n",
      errors: "",
    });
    const json = await fileOf("meters.jsonl", '{"devEui":"b000000000000003","name":"three"}\n');
    expect(await upchirp(`import devices ${json} ${into}`)).toMatchObject({ exitCode: 0 });
    const again = await upchirp(`import devices ${csv} ${into} --on-existing update`);
    expect(again.output).toContain("2 unchanged");
  });

  test("tells every faulty line, and exits with 1", async () => {
    const csv = await fileOf(
      "faulty.csv",
      "dev_eui,name,app_key\nxyz,a,\nb000000000000001,b,\nb000000000000009,c,12\n",
    );
    const { exitCode, output } = await upchirp(`import devices ${csv} ${into}`);
    expect(exitCode).toBe(1);
    expect(output.split("\n")).toEqual([
      "line 2, dev_eui: 16 hex digits are expected, as printed on the device, like 70b3d57ed0001234.",
      "line 3, dev_eui: It is there already; import with onExisting skip or update to leave or change it.",
      "line 4, app_key: 32 hex digits are expected.",
      "3 records: 0 created, 0 updated, 0 unchanged, 0 skipped, 3 not taken.",
      "",
    ]);
  });

  test("writes nothing in a dry run, which may be repeated", async () => {
    const input = "dev_eui,name\nb00000000000000a,a\n";
    for (let round = 0; round < 2; round += 1) {
      const { output } = await upchirp(`import devices - ${into} --dry-run`, input);
      expect(output).toBe(
        "Nothing was written. It would be 1 record: 1 created, 0 updated, 0 unchanged, 0 skipped, 0 not taken.\n",
      );
    }
    expect((await upchirp(`import devices - ${into}`, input)).output).toContain("1 created");
  });

  test("of a file that was imported before is another import", async () => {
    const csv = await fileOf("twice.csv", "name\nOrchard\n");
    expect((await upchirp(`import applications ${csv}`)).output).toContain("1 created");
    const { exitCode, output } = await upchirp(`import applications ${csv}`);
    expect({ exitCode, output }).toMatchObject({
      exitCode: 1,
      output: expect.stringContaining("line 2, name: It is there"),
    });
  });

  test("says what it cannot do", async () => {
    expect(await upchirp("import devices /nonexistent.csv")).toMatchObject({
      exitCode: 1,
      errors: expect.stringContaining("ENOENT"),
    });
    const csv = await fileOf("g.csv", "gatewayId,name\n");
    expect(await upchirp(`import gateways ${csv} --application water`)).toMatchObject({ exitCode: 2 });
    expect(await upchirp(`import things ${csv}`)).toMatchObject({ exitCode: 2 });
    expect(await upchirp(`import gateways ${csv} --json`)).toMatchObject({
      exitCode: 0,
      output: expect.stringContaining('"faults": []'),
    });
  });
});

describe("upchirp export", () => {
  test("gives what an import takes, to a file or to standard output", async () => {
    const path = join(folder, "devices.jsonl");
    expect(await upchirp(`export devices --application water --output ${path}`)).toEqual({
      exitCode: 0,
      output: "",
      errors: "",
    });
    const text = await readFile(path, "utf8");
    expect(text).toContain('"application":"water"');
    expect(await upchirp(`import devices ${path} --on-existing update`)).toMatchObject({ exitCode: 0 });
    const { output } = await upchirp("export devices");
    expect(output).toMatch(/^"devEui","joinEui","name",/);
    expect(output).toContain("0000000000000001");
  });

  test("leaves no half of a file behind", async () => {
    const missing = join(folder, "no", "such", "folder.csv");
    expect(await upchirp(`export gateways --output ${missing}`)).toMatchObject({
      exitCode: 1,
      errors: expect.stringContaining("cannot be written"),
    });
  });
});

test("progress has a rate and the time that is left", () => {
  const first = { atMs: 0, position: 0, bytes: 0 };
  expect(progressText(first, { atMs: 3000, position: 12_300, bytes: 300_000 }, 1_000_000)).toBe(
    "12,300 records, 4,100/s, 30 %, about 7 s left",
  );
  expect(progressText(first, first, 0)).toBe("0 records, 0/s");
});
