import Type from "typebox";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CatalogConflict, type Repositories } from "../../../app-server/catalog-ports.ts";
import { createRepositories } from "../../../app-server/storage/repositories.ts";
import { parseDevEui, parseGatewayId } from "../../../lorawan/ids.ts";
import type { Sql } from "../../../platform/sql.ts";
import { addTenantWithDevice, profileFor } from "../../support/catalog.ts";
import { migratedTestSql } from "../../support/postgres.ts";
import { createVirtualClock } from "../../support/virtual-clock.ts";

const clock = createVirtualClock();
let sql: Sql;
let repositories: Repositories;
let end: () => Promise<void>;
beforeAll(async () => {
  ({ sql, end } = await migratedTestSql());
  repositories = createRepositories(sql, clock);
});
afterAll(() => end());

const origin = { address: "127.0.0.1", userAgent: "test" };
const newUser = (email: string) => ({
  email,
  password: "a good password",
  isAdministrator: false,
  isActive: true,
  note: "",
});
const conflict = (code: string) => expect.objectContaining({ constructor: CatalogConflict, code });

let made = 0;
/** A tenant of its own for each test, since they share one database. */
const setUp = () => {
  made += 1;
  return addTenantWithDevice(repositories, `T${made}`, made.toString(16).padStart(16, "0"));
};

describe("lists", () => {
  test("are walked page by page, each item once, names in order", async () => {
    const { tenant } = await setUp();
    const names = ["b", "a", "B", "ä", "a"];
    for (const name of names) {
      await repositories.applications.create({ tenantId: tenant.id, name, description: "", tags: {} });
    }
    const seen: string[] = [];
    let after: string | undefined;
    do {
      const page = await repositories.applications.list(
        { tenants: [tenant.id] },
        { limit: 2, ...(after && { after }) },
      );
      seen.push(...page.items.map(application => application.name));
      after = page.next;
    } while (after !== undefined);
    expect(seen).toEqual(["B", `${tenant.name} application`, "a", "a", "b", "ä"].sort());
  });

  test("refuse a cursor that no list gave", async () => {
    for (const after of [
      "",
      "?",
      Buffer.from("[1,2]").toString("base64url"),
      Buffer.from('["\\u0000",""]').toString("base64url"),
    ]) {
      await expect(repositories.tenants.list({ tenants: "all" }, { limit: 1, after })).rejects.toMatchObject({
        code: "malformed_value",
      });
    }
  });

  test("of devices find the beginning of a name or of a DevEUI", async () => {
    const { tenant, device } = await setUp();
    const devEui = parseDevEui("aabbccddeeff0011");
    await repositories.devices.create({ ...device, devEui, name: "Boiler 50%_" });
    const search = async (text: string) => {
      const page = await repositories.devices.list({ tenants: [tenant.id], search: text }, { limit: 10 });
      return page.items.map(found => found.devEui);
    };
    expect(await search("boil")).toEqual([devEui]);
    expect(await search("AA-BB:cc")).toEqual([devEui]);
    expect(await search("oiler")).toEqual([]);
    expect(await search("%")).toEqual([]);
    expect(await search("-")).toEqual([]);
  });
});

describe("devices", () => {
  test("need an application and a profile of one tenant", async () => {
    const one = await setUp();
    const other = await setUp();
    const devEui = parseDevEui("ffff000000000001");
    const mixed = { ...one.device, devEui, deviceProfileId: other.profile.id };
    await expect(repositories.devices.create(mixed)).rejects.toEqual(conflict("different_tenant"));
    const move = { applicationId: other.application.id, deviceProfileId: other.profile.id };
    await expect(repositories.devices.update(one.device.devEui, move)).rejects.toEqual(conflict("different_tenant"));
  });

  test("exist once", async () => {
    const { device } = await setUp();
    await expect(repositories.devices.create(device)).rejects.toEqual(conflict("already_exists"));
  });

  test("hold on to their profile, application and tenant", async () => {
    const { tenant, application, profile, device } = await setUp();
    await expect(repositories.deviceProfiles.remove(profile.id)).rejects.toEqual(conflict("still_in_use"));
    await expect(repositories.applications.remove(application.id)).rejects.toEqual(conflict("still_in_use"));
    await expect(repositories.tenants.remove(tenant.id)).rejects.toEqual(conflict("still_in_use"));
    expect(await repositories.devices.remove(device.devEui)).toBe(true);
    expect(await repositories.tenants.remove(tenant.id)).toBe(true);
    expect(await repositories.applications.get(application.id)).toBeUndefined();
  });

  test("keep what a change leaves out", async () => {
    const { device } = await setUp();
    const mac = { rx1DelaySeconds: 3, downlinkDwellTime: true };
    await repositories.devices.update(device.devEui, { mac });
    const changed = await repositories.devices.update(device.devEui, { tags: { a: "b" } });
    expect(changed).toEqual({ ...device, mac, tags: { a: "b" }, updatedAt: changed?.updatedAt });
  });
});

test("a device profile comes back as it was stored", async () => {
  const { tenant } = await setUp();
  const wanted = {
    ...profileFor(tenant.id, "everything"),
    region: "US915" as const,
    adrMinDataRate: 0,
    adrMaxDataRate: 3,
    mac: { rx1DelaySeconds: 5, rx2FrequencyHz: 923_300_000, uplinkDwellTime: false, maxEirpDbm: 29.5 },
    abpRx2DataRate: 8,
    abpRx2FrequencyHz: 923_300_000,
    classBPingSlotPeriodicity: 7,
    classBPingSlotDataRate: 0,
    classBPingSlotFrequencyHz: 2_424_000_000,
    codec: "javascript" as const,
    codecScript: "function decodeUplink() {}",
    tags: { maker: "ä" },
  };
  const created = await repositories.deviceProfiles.create(wanted);
  expect(created).toMatchObject(wanted);
  expect(await repositories.deviceProfiles.get(created.id)).toEqual(created);
  expect(await repositories.deviceProfiles.update(created.id, { abpRx2DataRate: null })).toMatchObject({
    abpRx2DataRate: null,
  });
  expect(await repositories.deviceProfiles.update(created.id, { adrMaxDataRate: null, mac: {} })).toMatchObject({
    adrMinDataRate: 0,
    adrMaxDataRate: null,
    mac: {},
  });
});

test("ADR limits that leave no data rate are not stored, whoever writes them", async () => {
  const { profile } = await setUp();
  const { deviceProfiles } = repositories;
  await deviceProfiles.update(profile.id, { adrMinDataRate: 3 });
  await expect(deviceProfiles.update(profile.id, { adrMaxDataRate: 2 })).rejects.toMatchObject({
    code: "sql_check_violation",
  });
});

test("a gateway comes back as it was stored, with and without a location", async () => {
  const { tenant } = await setUp();
  const location = { latitude: 47.5, longitude: 8.7, altitude: 440 };
  const wanted = {
    gatewayId: parseGatewayId("00000000000000aa"),
    tenantId: tenant.id,
    name: "roof",
    description: "",
    isDisabled: false,
    location,
    regionConfigId: "eu868-hill",
    antennaGainDb: 2.5,
    sourceRule: { kind: "networks" as const, cidrs: ["10.0.0.0/8"] },
    rateLimit: 100,
    tags: {},
  };
  const created = await repositories.gateways.create(wanted);
  expect(created).toMatchObject(wanted);
  expect(await repositories.gateways.update(wanted.gatewayId, { name: "mast" })).toMatchObject({
    name: "mast",
    location,
  });
  expect(await repositories.gateways.update(wanted.gatewayId, { location: null })).toMatchObject({ location: null });
  await expect(repositories.gateways.create(wanted)).rejects.toEqual(conflict("already_exists"));
  await expect(repositories.tenants.remove(tenant.id)).rejects.toEqual(conflict("still_in_use"));
});

describe("users", () => {
  test("are known by email in any case, once", async () => {
    const user = await repositories.users.create(newUser("Ann@example.org"));
    expect(await repositories.users.verify("ann@EXAMPLE.org", "a good password")).toEqual(user);
    expect(await repositories.users.verify("ann@example.org", "another password")).toBeUndefined();
    expect(await repositories.users.verify("bob@example.org", "a good password")).toBeUndefined();
    await expect(repositories.users.create(newUser("ann@example.org"))).rejects.toEqual(conflict("already_exists"));
    const carl = await repositories.users.create(newUser("carl@example.org"));
    const taken = repositories.users.update(carl.id, { email: "ANN@example.org" });
    await expect(taken).rejects.toEqual(conflict("already_exists"));
  });

  test("who are the last active administrator stay it", async () => {
    const root = await repositories.users.create({ ...newUser("root@example.org"), isAdministrator: true });
    const last = conflict("last_administrator");
    await expect(repositories.users.remove(root.id)).rejects.toEqual(last);
    await expect(repositories.users.update(root.id, { isActive: false })).rejects.toEqual(last);
    await expect(repositories.users.update(root.id, { isAdministrator: false })).rejects.toEqual(last);
    const second = await repositories.users.create({ ...newUser("root2@example.org"), isAdministrator: true });
    const removals = [root.id, second.id].map(id => repositories.users.remove(id));
    const outcomes = await Promise.allSettled(removals);
    expect(outcomes.filter(outcome => outcome.status === "fulfilled")).toHaveLength(1);
  });

  test("lose their logins with a new password or when deactivated", async () => {
    const { users, loginSessions } = repositories;
    const user = await users.create(newUser("dora@example.org"));
    const first = await loginSessions.create(user.id, 60_000, origin);
    expect(await loginSessions.find(first.token)).toMatchObject({ id: user.id });
    await users.update(user.id, { password: "a better password" });
    expect(await loginSessions.find(first.token)).toBeUndefined();
    const second = await loginSessions.create(user.id, 60_000, origin);
    await users.update(user.id, { isActive: false });
    expect(await loginSessions.find(second.token)).toBeUndefined();
    expect(await users.verify("dora@example.org", "a better password")).toBeUndefined();
  });
});

describe("tokens", () => {
  test("of logins and API keys end at their time", async () => {
    const { users, loginSessions, apiKeys } = repositories;
    const { tenant } = await setUp();
    const user = await users.create(newUser("erin@example.org"));
    const login = await loginSessions.create(user.id, 60_000, origin);
    const expiresAt = new Date(clock.nowMs() + 60_000).toISOString();
    const key = await apiKeys.create({ tenantId: tenant.id, name: "key", role: "viewer", expiresAt });
    expect(key.token).toMatch(/^upc_/);
    expect(await apiKeys.find(key.token)).toMatchObject({ id: key.apiKey.id, role: "viewer", tenantId: tenant.id });
    await clock.advance(60_000);
    expect(await loginSessions.find(login.token)).toBeUndefined();
    expect(await apiKeys.find(key.token)).toBeUndefined();
    expect(await loginSessions.removeExpired()).toBeGreaterThan(0);
  });

  test("and passwords are nowhere in the database", async () => {
    const { users, loginSessions, apiKeys, mqttCredentials } = repositories;
    const { tenant, application } = await setUp();
    const user = await users.create(newUser("fred@example.org"));
    const { token: login } = await loginSessions.create(user.id, 60_000, origin);
    const { token: key } = await apiKeys.create({ tenantId: tenant.id, name: "key", role: "admin", expiresAt: null });
    await mqttCredentials.create(application.id, "fred", "a good password");
    const Row = Type.Object({ text: Type.String() });
    const tables = ["users", "login_sessions", "api_keys", "mqtt_credentials"];
    const dumps = await Promise.all(tables.map(table => sql.rows(Row, `select t::text as text from ${table} t`)));
    const dump = dumps
      .flat()
      .map(row => row.text)
      .join("\n");
    expect(dump).toContain("fred");
    for (const secret of [login, key, "a good password"]) {
      for (const form of [secret, Buffer.from(secret).toString("hex")]) expect(dump).not.toContain(form);
    }
  });
});

test("a note of an API key's use is written, but not for every use", async () => {
  const { apiKeys } = repositories;
  const { tenant } = await setUp();
  const { apiKey, token } = await apiKeys.create({ tenantId: tenant.id, name: "key", role: "admin", expiresAt: null });
  await apiKeys.find(token);
  const firstUse = (await apiKeys.get(apiKey.id))?.lastUsedAt;
  expect(firstUse).toBe(new Date(clock.nowMs()).toISOString());
  await clock.advance(59_000);
  await apiKeys.find(token);
  expect((await apiKeys.get(apiKey.id))?.lastUsedAt).toBe(firstUse);
  await clock.advance(1_000);
  await apiKeys.find(token);
  expect((await apiKeys.get(apiKey.id))?.lastUsedAt).not.toBe(firstUse);
});
