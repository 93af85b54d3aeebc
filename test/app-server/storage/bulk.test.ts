import Type from "typebox";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { BulkBatch, BulkCatalog, BulkRule, OnExisting } from "../../../app-server/bulk-ports.ts";
import type { NewDevice, NewGateway, Repositories } from "../../../app-server/catalog-ports.ts";
import { createBulkCatalog } from "../../../app-server/storage/bulk.ts";
import { createRepositories } from "../../../app-server/storage/repositories.ts";
import { createRootKeyStore } from "../../../join-server/device-keys.ts";
import { type DevEui, parseDevEui, parseGatewayId, parseJoinEui } from "../../../lorawan/ids.ts";
import { parseAesKey } from "../../../lorawan/keys.ts";
import type { Sql } from "../../../platform/sql.ts";
import { addTenantWithDevice, profileFor, type TenantWithDevice } from "../../support/catalog.ts";
import { migratedTestSql } from "../../support/postgres.ts";
import { createVirtualClock } from "../../support/virtual-clock.ts";

let sql: Sql;
let repositories: Repositories;
let bulk: BulkCatalog;
let end: () => Promise<void>;
const keyOne = "000102030405060708090a0b0c0d0e0f";
const keyTwo = "ff0102030405060708090a0b0c0d0e0f";

beforeAll(async () => {
  ({ sql, end } = await migratedTestSql());
  repositories = createRepositories(sql, createVirtualClock());
  const store = createRootKeyStore(sql, { current: { id: "00000001", key: new Uint8Array(32).fill(1) }, older: [] });
  bulk = createBulkCatalog(sql, {
    putAll: (keys, transaction, isDryRun) =>
      store.putAll(
        new Map([...keys].map(([devEui, { nwkKey }]) => [devEui, { nwkKey: parseAesKey(nwkKey) }])),
        transaction,
        isDryRun,
      ),
  });
});
afterAll(() => end());

let made = 0;
const setUp = () => {
  made += 1;
  return addTenantWithDevice(repositories, `T${made}`, made.toString(16).padStart(16, "0"));
};
const ruleFor = ({ tenant }: TenantWithDevice, onExisting: OnExisting, isDryRun = false): BulkRule => ({
  tenantId: tenant.id,
  onExisting,
  isDryRun,
});
const kindsOf = async (work: (batch: BulkBatch) => ReturnType<BulkBatch["devices"]>) =>
  (await bulk.batch(work)).map(({ kind }) => kind);

const newDevice = ({ application, profile }: TenantWithDevice, devEui: DevEui): NewDevice => ({
  devEui,
  joinEui: parseJoinEui("70b3d57ed0000001"),
  applicationId: application.id,
  deviceProfileId: profile.id,
  name: `device ${devEui}`,
  description: "",
  isDisabled: false,
  resetsFCnt: false,
  mac: { rx1DelaySeconds: 5 },
  variables: { offset: "2" },
  tags: { site: 'north, "left" \\ \'' },
});
const euis = (count: number) => {
  made += 1;
  return Array.from({ length: count }, (_, index) =>
    parseDevEui(`${made.toString(16).padStart(8, "a")}${index.toString(16).padStart(8, "0")}`),
  );
};

describe("devices in bulk", () => {
  test("are made with their keys as single ones are", async () => {
    const ours = await setUp();
    const records = euis(700).map(key => {
      const whenNew = newDevice(ours, key);
      return { key, change: whenNew, whenNew, rootKeys: { nwkKey: keyOne } };
    });
    const kinds = await kindsOf(batch => batch.devices(records, ruleFor(ours, "fail")));
    expect(new Set(kinds)).toEqual(new Set(["created"]));
    const [first] = records;
    expect(await repositories.devices.get(first?.key ?? ours.device.devEui)).toMatchObject(first?.whenNew ?? {});
    const Count = Type.Object({ count: Type.Integer() });
    const keys = "select count(*)::integer as count from device_root_keys where dev_eui = any($1)";
    expect(await sql.rows(Count, keys, [records.map(({ key }) => key)])).toEqual([{ count: 700 }]);
  });

  test("that are there are skipped, changed or refused, as is asked for", async () => {
    const ours = await setUp();
    const { devEui } = ours.device;
    const record = (name: string) => ({ key: devEui, change: { name, tags: { a: "b" } }, whenNew: undefined });
    const given = async (onExisting: OnExisting, name: string) =>
      kindsOf(batch => batch.devices([record(name)], ruleFor(ours, onExisting)));
    expect(await given("skip", "A")).toEqual(["skipped"]);
    expect(await given("fail", "A")).toEqual(["exists"]);
    expect(await repositories.devices.get(devEui)).toEqual(ours.device);
    expect(await given("update", "A")).toEqual(["updated"]);
    const { updatedAt = "" } = (await repositories.devices.get(devEui)) ?? {};
    expect(await repositories.devices.get(devEui)).toEqual({ ...ours.device, name: "A", tags: { a: "b" }, updatedAt });
    expect(await given("update", "A")).toEqual(["unchanged"]);
    expect((await repositories.devices.get(devEui))?.updatedAt).toBe(updatedAt);
  });

  test("with other root keys are updated, with the same unchanged", async () => {
    const ours = await setUp();
    const record = (nwkKey: string) => ({
      key: ours.device.devEui,
      change: {},
      whenNew: undefined,
      rootKeys: { nwkKey },
    });
    const given = (nwkKey: string, isDryRun = false) =>
      kindsOf(batch => batch.devices([record(nwkKey)], ruleFor(ours, "update", isDryRun)));
    expect(await given(keyOne)).toEqual(["updated"]);
    expect(await given(keyOne)).toEqual(["unchanged"]);
    expect(await given(keyTwo, true)).toEqual(["updated"]);
    expect(await given(keyTwo, true)).toEqual(["updated"]);
    expect(await given(keyTwo)).toEqual(["updated"]);
    expect(await given(keyTwo)).toEqual(["unchanged"]);
  });

  test("get no keys where they are skipped", async () => {
    const ours = await setUp();
    const record = { key: ours.device.devEui, change: {}, whenNew: undefined, rootKeys: { nwkKey: keyOne } };
    expect(await kindsOf(batch => batch.devices([record], ruleFor(ours, "skip")))).toEqual(["skipped"]);
    expect(await kindsOf(batch => batch.devices([record], ruleFor(ours, "update")))).toEqual(["updated"]);
  });

  test("of another tenant, or another application than the one asked for, are out of reach", async () => {
    const ours = await setUp();
    const theirs = await setUp();
    const record = { key: theirs.device.devEui, change: { name: "mine" }, whenNew: undefined };
    expect(await kindsOf(batch => batch.devices([record], ruleFor(ours, "update")))).toEqual(["elsewhere"]);
    const rule = { ...ruleFor(theirs, "update"), applicationId: ours.application.id };
    expect(await kindsOf(batch => batch.devices([record], rule))).toEqual(["elsewhere"]);
    expect(await repositories.devices.get(theirs.device.devEui)).toEqual(theirs.device);
  });

  test("are judged and not written in a dry run", async () => {
    const ours = await setUp();
    const [key] = euis(1);
    const fresh = key ?? ours.device.devEui;
    const records = [
      { key: fresh, change: {}, whenNew: newDevice(ours, fresh), rootKeys: { nwkKey: keyOne } },
      { key: ours.device.devEui, change: { name: "B" }, whenNew: undefined },
      { key: parseDevEui("ffffffffffffff77"), change: {}, whenNew: undefined },
    ];
    const kinds = await kindsOf(batch => batch.devices(records, ruleFor(ours, "update", true)));
    expect(kinds).toEqual(["created", "updated", "incomplete"]);
    expect(await repositories.devices.get(fresh)).toBeUndefined();
    expect(await repositories.devices.get(ours.device.devEui)).toEqual(ours.device);
  });

  test("that come twice are there when they come the second time", async () => {
    const ours = await setUp();
    const [key = ours.device.devEui] = euis(1);
    const first = { key, change: {}, whenNew: newDevice(ours, key) };
    const second = { key, change: { name: "second" }, whenNew: undefined };
    expect(await kindsOf(batch => batch.devices([first, second], ruleFor(ours, "update")))).toEqual([
      "created",
      "updated",
    ]);
    expect(await repositories.devices.get(key)).toMatchObject({ name: "second" });
  });

  test("are all there or none when the transaction fails", async () => {
    const ours = await setUp();
    const [key = ours.device.devEui] = euis(1);
    const failing = bulk.batch(async batch => {
      await batch.devices([{ key, change: {}, whenNew: newDevice(ours, key) }], ruleFor(ours, "fail"));
      throw new Error("afterwards");
    });
    await expect(failing).rejects.toThrow("afterwards");
    expect(await repositories.devices.get(key)).toBeUndefined();
  });

  test("of two batches at a time are made once", async () => {
    const ours = await setUp();
    const keys = euis(200);
    const records = keys.map(key => ({ key, change: {}, whenNew: newDevice(ours, key) }));
    const given = (order: typeof records) =>
      kindsOf(batch => batch.devices(order, ruleFor(ours, "skip"))).catch((error: { code: string }) => [error.code]);
    const kinds = await Promise.all([given(records), given(records.toReversed())]);
    expect(kinds.flat().filter(kind => kind === "created")).toHaveLength(200);
  });
});

describe("things with names in bulk", () => {
  test("are found by name or id, and refused where a name is several's", async () => {
    const ours = await setUp();
    const { tenant, application } = ours;
    const tenantId = tenant.id;
    const whenNew = (name: string) => ({ tenantId, name, description: "", tags: {} });
    await repositories.applications.create(whenNew("twice"));
    await repositories.applications.create(whenNew("twice"));
    const verdicts = await bulk.batch(batch =>
      batch.applications(
        [
          { key: { name: "fresh" }, change: {}, whenNew: whenNew("fresh") },
          { key: { name: application.name }, change: { description: "by name" }, whenNew: undefined },
          { key: { id: application.id }, change: { tags: { a: "b" } }, whenNew: undefined },
          { key: { name: "twice" }, change: {}, whenNew: whenNew("twice") },
        ],
        ruleFor(ours, "update"),
      ),
    );
    expect(verdicts.map(({ kind }) => kind)).toEqual(["created", "updated", "updated", "ambiguous"]);
    expect(await repositories.applications.get(application.id)).toMatchObject({
      description: "by name",
      tags: { a: "b" },
    });
    const found = await bulk.batch(batch =>
      batch.references(tenantId, {
        applications: ["fresh", "twice", application.id],
        deviceProfiles: [ours.profile.name],
      }),
    );
    expect(found.applications.map(({ name }) => name).toSorted()).toEqual(
      ["twice", "twice", "fresh", application.name].toSorted(),
    );
    expect(found.deviceProfiles).toEqual([
      { id: ours.profile.id, name: ours.profile.name, macVersion: "1.0.4", sourceId: null },
    ]);
  });

  test("of another tenant do not exist", async () => {
    const ours = await setUp();
    const theirs = await setUp();
    const record = { key: { id: theirs.profile.id }, change: { name: "mine" }, whenNew: undefined };
    const verdicts = await bulk.batch(batch => batch.deviceProfiles([record], ruleFor(ours, "update")));
    expect(verdicts).toEqual([{ kind: "incomplete" }]);
    const wanted = { applications: [theirs.application.id], deviceProfiles: [theirs.profile.name] };
    expect(await bulk.batch(batch => batch.references(ours.tenant.id, wanted))).toEqual({
      applications: [],
      deviceProfiles: [],
    });
  });

  test("are made once by two batches at a time", async () => {
    const ours = await setUp();
    const name = "made by two";
    const record = { key: { name }, change: {}, whenNew: profileFor(ours.tenant.id, name) };
    const make = () => bulk.batch(batch => batch.deviceProfiles([record], ruleFor(ours, "skip")));
    const verdicts = (await Promise.all([make(), make(), make()])).flat();
    expect(verdicts.filter(({ kind }) => kind === "created")).toHaveLength(1);
  });
});

test("gateways in bulk keep what the table has in several columns", async () => {
  const ours = await setUp();
  const gatewayId = parseGatewayId("0016c001f153a14c");
  const whenNew: NewGateway = {
    gatewayId,
    tenantId: ours.tenant.id,
    name: "Water tower",
    description: "",
    isDisabled: false,
    location: { latitude: 52.09, longitude: 5.12, altitude: 68 },
    regionConfigId: null,
    antennaGainDb: 2.15,
    sourceRule: { kind: "networks", cidrs: ["10.0.0.0/8"] },
    rateLimit: 500,
    tags: {},
  };
  const given = (change: Partial<NewGateway>) =>
    bulk.batch(batch => batch.gateways([{ key: gatewayId, change, whenNew }], ruleFor(ours, "update")));
  expect(await given({})).toEqual([{ kind: "created" }]);
  expect(await repositories.gateways.get(gatewayId)).toMatchObject(whenNew);
  expect(await given(whenNew)).toEqual([{ kind: "unchanged" }]);
  expect(await given({ location: null })).toEqual([{ kind: "updated" }]);
  expect(await repositories.gateways.get(gatewayId)).toMatchObject({ ...whenNew, location: null });
});
