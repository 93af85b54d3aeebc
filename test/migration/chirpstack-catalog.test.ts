import { describe, expect, test } from "vitest";
import {
  parseApplicationId,
  parseDevEui,
  parseDeviceProfileId,
  parseGatewayId,
  parseTenantId,
  parseUserId,
} from "../../lorawan/ids.ts";
import { openPostgresSource, openSqliteSource } from "../../migration/chirpstack/database.ts";
import type { SourceRedis } from "../../migration/chirpstack/redis.ts";
import { createChirpStackSource } from "../../migration/chirpstack/source.ts";
import { createReport, reportJson, reportText } from "../../migration/report.ts";
import { decodeDeviceState } from "../../network-server/device-record.ts";
import { startTestPostgres } from "../support/postgres.ts";
import { temporaryFolder } from "../support/upchirp-process.ts";
import { createCarriedLife, oldSession, sameRegion } from "./support/carried-life.ts";
import { chirpStackSqlite } from "./support/chirpstack-database.ts";
import {
  applicationId,
  chirpStackPassword,
  gatewayId,
  joinEui,
  profileIds,
  tenantId,
} from "./support/chirpstack-fixture.ts";
import { sourceOf } from "./support/chirpstack-source.ts";
import { sessionMessage } from "./support/session-message.ts";

const devEui = "0102030405060708";
const message = sessionMessage(oldSession(), { macVersion: 3, nFCntDown: 77, fCntUp: 1234, joinEui });

describe.each(["4.6", "4.19"] as const)("ChirpStack %s", generation => {
  test("brings its tenants, applications, profiles and gateways under their own ids", async () => {
    const { migrate, target } = await createCarriedLife();
    const { faults } = await migrate(await sourceOf([{ devEui }], { engine: "PostgreSQL", generation }));
    expect(faults).toEqual([]);
    const { tenants, applications, deviceProfiles, gateways, devices } = target.repositories;
    expect(await tenants.get(parseTenantId(tenantId))).toMatchObject({ name: "Acme" });
    expect(await applications.get(parseApplicationId(applicationId))).toMatchObject({ tenantId, name: "Sensors" });
    expect(await deviceProfiles.get(parseDeviceProfileId(profileIds.classC))).toMatchObject({
      tenantId,
      region: "EU868",
      regionConfigId: "eu868",
      macVersion: "1.0.3",
      regionalParameters: "RP001-1.0.3-A",
      supportsClassC: true,
      classCTimeoutSeconds: 12,
      codec: "javascript",
      codecScript: expect.stringContaining("decodeUplink"),
      expectedUplinkIntervalSeconds: 600,
      tags: { maker: "acme" },
    });
    expect(await deviceProfiles.get(parseDeviceProfileId(profileIds.abp))).toMatchObject({
      supportsOtaa: false,
      abpRx1DelaySeconds: 1,
      abpRx2DataRate: 0,
      abpRx2FrequencyHz: 869_525_000,
    });
    expect(await deviceProfiles.get(parseDeviceProfileId(profileIds.version104))).toMatchObject({
      supportsClassB: true,
      classBTimeoutSeconds: 5,
      classBPingSlotDataRate: 2,
      classBPingSlotFrequencyHz: 868_300_000,
      mac: {},
    });
    expect(await gateways.get(parseGatewayId(gatewayId))).toMatchObject({
      name: "roof",
      location: { latitude: 46.9, longitude: 7.4, altitude: 550 },
      tags: { mast: "1" },
    });
    expect(await devices.get(parseDevEui(devEui))).toMatchObject({
      joinEui,
      applicationId,
      deviceProfileId: profileIds.otaa,
      variables: { key: "value" },
    });
  });
});

describe("users", () => {
  test("log in with the password that they had, and may do what they could; the password that everybody knows is gone", async () => {
    const { migrate, target } = await createCarriedLife();
    const { report } = await migrate(await sourceOf([]));
    const { users } = target.repositories;
    const eve = await users.verify("eve@example.org", "a password of hers");
    expect(eve).toMatchObject({ isAdministrator: false, note: "installer" });
    expect(await users.memberships(parseUserId(eve?.id ?? ""))).toMatchObject([
      { tenantId, role: "device-manager", applicationIds: null },
    ]);
    expect(await users.verify("admin", "admin")).toBeUndefined();
    expect(report.notes()).toContainEqual({ topic: "first-passwords", count: 1, examples: ["admin"] });
  });

  test("that see single applications there see those here, and nobody is limited before 4.19", async () => {
    const id = "22222222-0000-4000-8000-000000000003";
    const bob = { id, email: "bob@example.org", is_active: true, password_hash: chirpStackPassword("x") };
    const membership = { tenant_id: tenantId, user_id: id };
    for (const [generation, rows, grant] of [
      [
        "4.19",
        [{ user_id: id, application_id: applicationId, is_read_only: true }],
        { role: "viewer", applicationIds: [applicationId] },
      ],
      [
        "4.19",
        [{ user_id: id, application_id: applicationId, is_read_only: false }],
        { role: "device-manager", applicationIds: [applicationId] },
      ],
      ["4.19", [], { role: "viewer", applicationIds: [] }],
      ["4.11", [], { role: "viewer", applicationIds: null }],
    ] as const) {
      const { migrate, target } = await createCarriedLife();
      const fixture = (usual: object) => ({
        ...usual,
        user: [bob],
        tenant_user: [membership],
        tenant_user_application: [...rows],
      });
      await migrate(await sourceOf([], { generation, fixture }));
      expect(await target.repositories.users.memberships(parseUserId(id))).toMatchObject([grant]);
    }
  });
});

test("what has no counterpart is told, with what to do about it, and no key is in the report", async () => {
  const { migrate } = await createCarriedLife();
  const { report, regionBlocks } = await migrate(await sourceOf([{ devEui, session: message, fCntUp: 1234 }]));
  const document = { isDryRun: false, regionBlocks };
  const text = reportText(report, document);
  for (const expected of [
    /API keys.*\(1\): dashboard/,
    /integrations \(1\): Http/,
    /multicast groups \(1\): lamps/,
    /tenants with limits/,
  ]) {
    expect(text).toMatch(expected);
  }
  const parsed: unknown = JSON.parse(reportJson(report, document));
  expect(parsed).toMatchObject({ counts: { device: { carried: 1 } }, notes: expect.any(Array) });
  for (const secret of ["a1".repeat(16), "b2".repeat(16), "c3".repeat(16), "pbkdf2"]) {
    expect(reportJson(report, document)).not.toContain(secret);
  }
});

test("a dry run says the same and writes nothing", async () => {
  const life = await createCarriedLife();
  const source = () =>
    sourceOf([{ devEui, session: message, fCntUp: 1234, queue: [{ text: "x", createdAt: "2026-01-01T10:00:00Z" }] }]);
  const dry = await life.migrate(await source(), {}, true);
  expect(await life.store.device(parseDevEui(devEui))).toBeUndefined();
  expect(await life.target.repositories.tenants.get(parseTenantId(tenantId))).toBeUndefined();
  const { counts, report } = await life.migrate(await source());
  expect(dry.counts).toEqual(counts);
  expect(dry.report.notes()).toEqual(report.notes());
});

test("a configuration of a region that is not here is told as it was there, ready for the configuration file", async () => {
  const { migrate } = await createCarriedLife({ regions: [] });
  const own = sessionMessage(oldSession(), { macVersion: 3, nFCntDown: 77, regionConfigId: "eu868-town" });
  const { regionBlocks, report } = await migrate(await sourceOf([{ devEui, session: own, fCntUp: 1234 }]));
  expect(regionBlocks.split("\n").slice(0, 8)).toEqual([
    "[[networkServer.regions]]",
    'id = "eu868-town"',
    'region = "EU868"',
    "rx1DelaySeconds = 5",
    "rx1DrOffset = 0",
    "rx2DataRate = 3",
    "rx2FrequencyHz = 869525000",
    "extraChannels = [",
  ]);
  expect(report.notes()).toContainEqual({ topic: "region-configurations", count: 1, examples: ["eu868-town"] });
});

test("a configuration that is here under the same name, and differs, is told too", async () => {
  const sources = () => sourceOf([{ devEui, session: message, fCntUp: 1234 }]);
  const same = await createCarriedLife();
  expect((await same.migrate(await sources())).regionBlocks).toBe("");
  const other = await createCarriedLife({ regions: [{ ...sameRegion, rx1DelaySeconds: 1 }] });
  const { regionBlocks, report } = await other.migrate(await sources());
  expect(regionBlocks).toMatch(/^# in place of the eu868 that is there\n\[\[networkServer\.regions\]\]\nid = "eu868"/);
  expect(report.notes().map(({ topic }) => topic)).not.toContain("region-configurations");
});

test("sessions of before 4.7 come from Redis, and are told where it is not named", async () => {
  const life = await createCarriedLife();
  const asked: string[] = [];
  const redis: SourceRedis = {
    async session(id) {
      asked.push(id);
      return message;
    },
    heardBy: async () => undefined,
    close: async () => {},
  };
  const { report } = await life.migrate(await sourceOf([{ devEui }], { generation: "4.6" }));
  expect(report.notes().map(({ topic }) => topic)).toContain("sessions-elsewhere");
  await life.migrate(await sourceOf([{ devEui }], { generation: "4.6", redis }));
  expect(asked).toEqual([devEui]);
  const { active } = decodeDeviceState((await life.store.device(parseDevEui(devEui)))?.value ?? new Uint8Array());
  expect(active).toMatchObject({ fCntUp: 1234, nFCntDown: 77, joinEui });
});

describe("what is broken", () => {
  test("is told one by one, and the rest is carried", async () => {
    const life = await createCarriedLife();
    const truncated = message.slice(0, 60);
    const noise = Uint8Array.from({ length: 90 }, (_, index) => (index * 37 + 11) & 0xff);
    const wrongKey = sessionMessage(oldSession({ nwkSKey: "a1" }), { macVersion: 3, nFCntDown: 1 });
    const wrongRate = sessionMessage(oldSession({ parameters: { ...oldSession().parameters, rx2DataRate: 14 } }), {
      macVersion: 3,
      nFCntDown: 1,
    });
    const broken = [truncated, noise, wrongKey, wrongRate].map((session, index) => ({
      devEui: `000000000000000${index + 1}`,
      session,
      fCntUp: 5,
    }));
    const { counts, faults } = await life.migrate(
      await sourceOf([
        ...broken,
        { devEui: "0000000000000005", row: { tags: "[1" } },
        { devEui: "0000000000000006", row: { device_profile_id: "99999999-0000-4000-8000-000000000000" } },
        { devEui: "0000000000000007", row: { name: "" } },
        { devEui: "0000000000000008", nwkKey: "c3" },
        { devEui: "0000000000000009", devNonces: [70_000] },
        {
          devEui: "000000000000000a",
          queue: [{ text: "x", createdAt: "2026-01-01T10:00:00Z", changes: { f_port: 0 } }],
        },
        { devEui, session: message, fCntUp: 1234 },
      ]),
    );
    const told = faults.map(({ kind, id, reason }) => `${kind} ${id.slice(-2)} ${reason}`).sort();
    expect(told).toEqual([
      "device 05 tags is no JSON",
      expect.stringMatching(/^device 06 its device profile 99999999-.* was not carried$/),
      expect.stringMatching(/^device 07 name /),
      "device 08 nwk_key has 1 bytes, where 16 belong",
      "device 09 dev_nonces holds what is no DevNonce",
      "downlink 0a f_port is 0, where 1 to 224 are",
      expect.stringMatching(/^session 01 no protobuf message/),
      expect.stringMatching(/^session 02 /),
      "session 03 fNwkSIntKey has 1 bytes, where 16 belong",
      "session 04 DR14, of RX2, is no downlink of EU868",
    ]);
    // Those whose session alone is broken are here, and join again.
    expect(counts.device).toMatchObject({ carried: 6, faulty: 5 });
    expect(counts.session).toMatchObject({ carried: 1, faulty: 4 });
    for (const { reason } of faults) expect(reason).not.toMatch(/[0-9a-f]{32}/);
  });

  test("is a column that is missing: told for each thing that has it", async () => {
    const { migrate } = await createCarriedLife();
    const file = chirpStackSqlite("4.19", { tenant: [{ id: tenantId, name: "Acme" }] });
    const database = await openSqliteSource(file);
    const without = {
      ...database,
      rows: async (query: string, values?: readonly (string | number | Uint8Array)[]) =>
        (await database.rows(query, values)).map(({ description: _, ...row }) => row),
    };
    const { faults } = await migrate(createChirpStackSource({ database: without, opened: key => key }));
    expect(faults).toEqual([{ kind: "tenant", id: tenantId, reason: "the column description is missing" }]);
  });

  test("is another database altogether: told as such, and nothing is done", async () => {
    const { url, drop } = await startTestPostgres();
    const source = createChirpStackSource({ database: await openPostgresSource(url), opened: key => key });
    await expect(source.read(createReport())[Symbol.asyncIterator]().next()).rejects.toMatchObject({
      code: "migration_source",
      message: expect.stringContaining("no database of ChirpStack 4"),
    });
    await source.close();
    await drop();
    await expect(openSqliteSource(`${temporaryFolder()}/nothing`)).rejects.toMatchObject({ code: "migration_source" });
    await expect(openPostgresSource("postgres://nobody@127.0.0.1:1/x")).rejects.toMatchObject({
      code: "migration_source",
    });
  });
});
