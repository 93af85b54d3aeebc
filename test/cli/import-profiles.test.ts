import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { DeviceProfile } from "../../app-server/catalog-ports.ts";
import { startTestApi, type TestApi } from "../support/api.ts";
import { profileScript as script, writeProfileRepositories } from "../support/profile-repositories.ts";
import { createTestTerminal, type Run, runProgram } from "../support/terminal.ts";

let api: TestApi;
let url: string;
let folder: string;
let token: string;

beforeAll(async () => {
  api = await startTestApi();
  url = await api.app.listen({ host: "127.0.0.1", port: 0 });
  folder = await mkdtemp(join(tmpdir(), "upchirp-profiles-"));
  const key = { tenantId: null, name: "command line", role: "administrator", expiresAt: null } as const;
  ({ token } = await api.repositories.apiKeys.create(key));
  await api.repositories.tenants.create({ name: "Default", description: "", tags: {} });
  await writeProfileRepositories(folder);
});
afterAll(async () => {
  await api.end();
  await rm(folder, { recursive: true });
});

const upchirp = (line: string): Promise<Run> =>
  runProgram(
    line.split(/\s+/),
    createTestTerminal({ env: { UPCHIRP_URL: url, UPCHIRP_TOKEN: token }, clock: api.clock }),
  );

async function profiles(search: string): Promise<readonly DeviceProfile[]> {
  return (await api.repositories.deviceProfiles.list({ tenants: "all", search }, { limit: 100 })).items;
}

describe("profiles of The Things Network's device repository", () => {
  test("are imported with radio settings, codecs and labels, and what could not be is told", async () => {
    const { exitCode, output } = await upchirp(`import-profiles --from ${join(folder, "ttn")} --format ttn`);
    expect(output.split("\n")).toEqual([
      "note: tanks/level 1.0 EU863-870: without its ping slot period",
      "note: tanks/level 1.0 AS923: without its codec: there is no no-codec.yaml",
      "note: tanks/valve 2 US902-928: its 16-bit frame counters are taken for 32-bit ones",
      "note: tanks/valve 2 US902-928: without its preset frequencies",
      "skipped: tanks/level 1.0 MARS: there is no such region here",
      'skipped: tanks/level 1.1 EU863-870: "../../../etc/passwd.yaml" is no name of a file',
      "skipped: tanks/lost: there is no lost.yaml",
      "skipped: broken: index.yaml is not of its format",
      "3 records: 3 created, 0 updated, 0 unchanged, 0 skipped, 0 not taken.",
      "",
    ]);
    expect(exitCode).toBe(0);
    const [asia, europe] = await profiles("Tanks & Co Level");
    expect(europe).toMatchObject({
      name: "Tanks & Co Level 1.0 EU868",
      description: "Says how full a tank is.",
      sourceId: "ttn:tanks/level/1.0/EU863-870",
      vendorId: 676,
      vendorProfileId: 3,
      macVersion: "1.0.3",
      regionalParameters: "RP001-1.0.3-A",
      supportsOtaa: true,
      supportsClassB: true,
      supportsClassC: true,
      classBTimeoutSeconds: 60,
      classCTimeoutSeconds: 45,
      mac: { pingSlotDataRate: 3, pingSlotFrequencyHz: 869_525_000 },
      codec: "javascript",
      codecScript: script,
      tags: { vendor: "tanks", device: "level", firmware: "1.0" },
    });
    expect(asia).toMatchObject({
      region: "AS923",
      macVersion: "1.1.0",
      regionalParameters: "RP001-1.1-B",
      mac: { maxEirpDbm: 14 },
      vendorProfileId: null,
      codec: "none",
    });
    expect(await profiles("Tanks & Co Valve")).toMatchObject([
      {
        region: "US915",
        supportsOtaa: false,
        macVersion: "1.0.0",
        regionalParameters: "TS001-1.0.0",
        abpRx1DelaySeconds: 5,
        abpRx1DrOffset: 1,
        abpRx2DataRate: 8,
        abpRx2FrequencyHz: 923_300_000,
      },
    ]);
  });

  test("are found by their source when they are imported again, whatever they are called by then", async () => {
    const command = `import-profiles --from ${join(folder, "ttn")} --format ttn --vendor tanks --region EU868`;
    expect((await upchirp(command)).output).toContain("1 record: 0 created, 0 updated, 1 unchanged");
    const [before] = (await profiles("Tanks & Co Level")).filter(({ region }) => region === "EU868");
    expect(before).toBeDefined();
    if (before) await api.repositories.deviceProfiles.update(before.id, { name: "Mine", codecScript: "" });
    expect((await upchirp(`${command} --dry-run`)).output).toContain(
      "Nothing was written. It would be 1 record: 0 created, 1 updated",
    );
    expect(await profiles("Mine")).toHaveLength(1);
    expect((await upchirp(command)).output).toContain("1 updated");
    expect(await profiles("Mine")).toEqual([]);
  });

  test("are the profiles of devices that The Things Stack exports", async () => {
    const [tenant] = (await api.repositories.tenants.list({ tenants: "all" }, { limit: 1 })).items;
    await api.repositories.applications.create({
      tenantId: tenant?.id ?? expect.fail(),
      name: "app",
      description: "",
      tags: {},
    });
    const csv = join(folder, "tts.csv");
    const row = "c000000000000001;0000000000000001;tanks;level;1.0;1.0;EU_863_870;000102030405060708090a0b0c0d0e0f";
    await writeFile(
      csv,
      `dev_eui;join_eui;brand_id;model_id;firmware_version;hardware_version;band_id;app_key\n${row}\n`,
    );
    const run = await upchirp(`import devices ${csv} --format tts-csv --application app`);
    expect(run).toMatchObject({ exitCode: 0, output: expect.stringContaining("1 created") });
    const answer = await api.call("GET", "/api/devices/c000000000000001");
    const [profile] = (await profiles("Tanks & Co Level")).filter(({ region }) => region === "EU868");
    expect(answer.json()).toMatchObject({ deviceProfileId: profile?.id });
  });
});

describe("ChirpStack's device profiles", () => {
  test("are imported with radio settings, codecs and labels, and what could not be is told", async () => {
    const command = `import-profiles --from ${join(folder, "chirpstack")} --format chirpstack`;
    const { exitCode, output } = await upchirp(command);
    expect(output.split("\n")).toEqual([
      "skipped: pumps/gone.toml: there is no gone.toml",
      expect.stringMatching(/^skipped: pumps\/pump.toml 1 odd.toml: (macVersion|regionalParameters): /),
      "4 records: 3 created, 0 updated, 0 unchanged, 0 skipped, 1 not taken.",
      "",
    ]);
    expect(exitCode).toBe(1);
    expect(await profiles("Fans")).toMatchObject([
      { vendorId: null, regionalParameters: "TS001-1.0.1", codec: "none" },
    ]);
    const [australia, europe] = await profiles("Pumps Pump");
    expect(europe).toMatchObject({
      name: "Pumps Pump 1 EU868 class C",
      sourceId: "chirpstack:pumps/pump/1/EU868",
      vendorId: 77,
      vendorProfileId: 5,
      macVersion: "1.0.2",
      regionalParameters: "RP001-1.0.2-B",
      supportsClassC: true,
      classCTimeoutSeconds: 120,
      classBTimeoutSeconds: 8,
      mac: {},
      codecScript: script,
    });
    expect(australia).toMatchObject({
      supportsOtaa: false,
      regionalParameters: "RP002-1.0.3",
      vendorProfileId: null,
      abpRx1DelaySeconds: 1,
      abpRx1DrOffset: 2,
      abpRx2DataRate: 8,
      abpRx2FrequencyHz: 923_300_000,
      mac: { maxEirpDbm: 20 },
    });
    expect((await upchirp(command)).output).toContain("3 unchanged");
  });

  test("need a checkout", async () => {
    expect(await upchirp(`import-profiles --from ${join(folder, "ttn")} --format chirpstack`)).toMatchObject({
      exitCode: 1,
      errors: expect.stringContaining("there is no folder vendors"),
    });
    expect(await upchirp(`import-profiles --from ${join(folder, "chirpstack")} --format ttn`)).toMatchObject({
      exitCode: 1,
    });
    expect(await upchirp(`import-profiles --from ${join(folder, "ttn")} --format ttn --vendor nobody`)).toMatchObject({
      exitCode: 1,
    });
  });
});

test("a device is created by the text of its QR code", async () => {
  await api.repositories.deviceProfiles.update((await profiles("Pumps Pump 1 EU868"))[0]?.id ?? expect.fail(), {
    vendorId: 78,
  });
  const created = await upchirp(
    "device create --application app --name scanned --qr LW:D0:70B3D57ED0000001:70B3D57ED0009999:004E0005:S12",
  );
  expect(created).toMatchObject({ exitCode: 0, output: "Created device scanned 70b3d57ed0009999.\n" });
  const answer = await api.call("GET", "/api/devices/70b3d57ed0009999");
  expect(answer.json()).toMatchObject({ joinEui: "70b3d57ed0000001", tags: { serialNumber: "12" } });
  const unknown = await upchirp(
    "device create --application app --qr LW:D0:70B3D57ED0000001:70B3D57ED0009998:FFFF0005",
  );
  expect(unknown).toMatchObject({
    exitCode: 2,
    errors: expect.stringContaining("required option '--profile <profile>' not specified"),
  });
  expect(await upchirp("device create --application app --qr nonsense")).toMatchObject({ exitCode: 1 });
});
