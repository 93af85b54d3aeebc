import Type from "typebox";
import { beforeEach, describe, expect, test } from "vitest";
import { createRootKeyStore } from "../../join-server/device-keys.ts";
import { createNonceStore } from "../../join-server/nonces.ts";
import { parseDevEui, parseJoinEui } from "../../lorawan/ids.ts";
import { parseAesKey } from "../../lorawan/keys.ts";
import type { MasterKey, MasterKeys } from "../../platform/key-file.ts";
import type { Sql } from "../../platform/sql.ts";
import { testSql } from "../support/postgres.ts";

const first: MasterKey = { id: "00000001", key: new Uint8Array(32).fill(1) };
const second: MasterKey = { id: "00000002", key: new Uint8Array(32).fill(2) };
const only = (current: MasterKey): MasterKeys => ({ current, older: [] });
const rotated: MasterKeys = { current: second, older: [first] };

const devEui = parseDevEui("0102030405060708");
const otherDevEui = parseDevEui("0102030405060709");
const joinEui = parseJoinEui("1112131415161718");
const nwkKey = parseAesKey("000102030405060708090a0b0c0d0e0f");
const appKey = parseAesKey("101112131415161718191a1b1c1d1e1f");

const keyRow = Type.Object({
  nwk_key: Type.Unsafe<Uint8Array>(Type.Any()),
  app_key: Type.Unsafe<Uint8Array | null>(Type.Any()),
});
const storedRows = (sql: Sql) => sql.rows(keyRow, "select nwk_key, app_key from device_root_keys order by dev_eui");

async function addDevices(sql: Sql, ...devEuis: readonly string[]): Promise<void> {
  const id = "00000000-0000-4000-8000-000000000001";
  await sql.run("insert into tenants (id, name) values ($1, 'tenant')", [id]);
  await sql.run("insert into applications (id, tenant_id, name) values ($1, $1, 'application')", [id]);
  await sql.run(
    `insert into device_profiles (id, tenant_id, name, region, mac_version, regional_parameters)
     values ($1, $1, 'profile', 'EU868', '1.1.0', 'RP002-1.0.4')`,
    [id],
  );
  for (const eui of devEuis) {
    await sql.run("insert into devices (dev_eui, application_id, device_profile_id, name) values ($1, $2, $2, $1)", [
      eui,
      id,
    ]);
  }
}

describe("root keys", () => {
  let sql: Sql;
  beforeEach(async () => {
    sql = await testSql();
    await addDevices(sql, devEui, otherDevEui);
  });

  test("come back as they went in, with one key and with two", async () => {
    const store = createRootKeyStore(sql, only(first));
    await store.put(devEui, { nwkKey, appKey });
    await store.put(otherDevEui, { nwkKey });
    expect(await store.keys(devEui)).toMatchObject({ nwkKey, appKey });
    expect(await store.keys(otherDevEui)).toMatchObject({ nwkKey });
    expect(await store.keys(parseDevEui("ffffffffffffffff"))).toBeUndefined();
  });

  test("come with whether the device may activate", async () => {
    const store = createRootKeyStore(sql, only(first));
    await store.put(devEui, { nwkKey });
    const mayActivate = async () => (await store.keys(devEui))?.mayActivate;
    expect(await mayActivate()).toBe(true);
    await sql.run("update devices set is_disabled = true where dev_eui = $1", [devEui]);
    expect(await mayActivate()).toBe(false);
    await sql.run("update devices set is_disabled = false", []);
    await sql.run("update device_profiles set supports_otaa = false", []);
    expect(await mayActivate()).toBe(false);
  });

  test("stand encrypted in the table, and never twice in the same way", async () => {
    const store = createRootKeyStore(sql, only(first));
    await store.put(devEui, { nwkKey, appKey });
    await store.put(otherDevEui, { nwkKey, appKey });
    const cells = (await storedRows(sql)).flatMap(row => [row.nwk_key, row.app_key ?? new Uint8Array()]);
    for (const cell of cells) {
      expect(Buffer.from(cell).includes(nwkKey)).toBe(false);
      expect(Buffer.from(cell).includes(appKey)).toBe(false);
    }
    expect(new Set(cells.map(cell => Buffer.from(cell).toString("hex"))).size).toBe(4);
  });

  test("do not open in another row, nor in the place of the other key", async () => {
    const store = createRootKeyStore(sql, only(first));
    await store.put(devEui, { nwkKey, appKey });
    await store.put(otherDevEui, { nwkKey, appKey });
    const move = `update device_root_keys set nwk_key = (select nwk_key from device_root_keys where dev_eui = $1)
                  where dev_eui = $2`;
    await sql.run(move, [devEui, otherDevEui]);
    await expect(store.keys(otherDevEui)).rejects.toMatchObject({ code: "unreadable_root_key" });
    await sql.run("update device_root_keys set nwk_key = app_key where dev_eui = $1", [devEui]);
    await expect(store.keys(devEui)).rejects.toMatchObject({ code: "unreadable_root_key" });
  });

  test("with one bit changed do not open, and the error has no key in it", async () => {
    const store = createRootKeyStore(sql, only(first));
    await store.put(devEui, { nwkKey });
    await sql.run("update device_root_keys set nwk_key = set_bit(nwk_key, 270, 1 - get_bit(nwk_key, 270))");
    const error: unknown = await store.keys(devEui).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "unreadable_root_key" });
    expect(JSON.stringify(error) + String(error)).not.toContain(Buffer.from(nwkKey).toString("hex"));
  });

  test("are moved to the newest key-encryption key, after which the older one is not needed", async () => {
    await createRootKeyStore(sql, only(first)).put(devEui, { nwkKey, appKey });
    const store = createRootKeyStore(sql, rotated);
    await store.put(otherDevEui, { nwkKey });
    expect(await store.keys(devEui)).toMatchObject({ nwkKey, appKey });
    const progress: number[] = [];
    expect(await store.reencrypt(done => progress.push(done))).toBe(1);
    expect(progress).toEqual([1]);
    expect(await store.reencrypt(() => {})).toBe(0);
    const later = createRootKeyStore(sql, only(second));
    expect(await later.keys(devEui)).toMatchObject({ nwkKey, appKey });
    expect(await later.keys(otherDevEui)).toMatchObject({ nwkKey });
  });

  test("under a key-encryption key that is gone are named unreadable, with its id", async () => {
    await createRootKeyStore(sql, only(first)).put(devEui, { nwkKey });
    await expect(createRootKeyStore(sql, only(second)).keys(devEui)).rejects.toMatchObject({
      code: "unreadable_root_key",
      details: { devEui, keyId: first.id },
    });
  });

  test("are replaced, removed, and go with their device", async () => {
    const store = createRootKeyStore(sql, only(first));
    await store.put(devEui, { nwkKey, appKey });
    await store.put(devEui, { nwkKey: appKey });
    expect(await store.keys(devEui)).toMatchObject({ nwkKey: appKey });
    expect(await store.has(devEui)).toBe(true);
    expect(await store.remove(devEui)).toBe(true);
    expect(await store.remove(devEui)).toBe(false);
    expect(await store.has(devEui)).toBe(false);
    await store.put(otherDevEui, { nwkKey });
    await sql.run("delete from devices where dev_eui = $1", [otherDevEui]);
    expect(await store.has(otherDevEui)).toBe(false);
  });
});

describe("nonces", () => {
  const all = { joinNonce: 7, lastDevNonce: 5, lastRjCount1: 3, usedDevNonces: Uint8Array.of(0b1010) };

  test("C24 survive a restart", async () => {
    const sql = await testSql();
    await createNonceStore(sql).change(devEui, joinEui, () => ({ nonces: all }));
    const { nonces } = await createNonceStore(sql).change(devEui, joinEui, nonces => ({ nonces }));
    expect({ ...nonces, usedDevNonces: Uint8Array.from(nonces.usedDevNonces) }).toEqual(all);
  });

  test("C26 a hundred decisions at once see each other", async () => {
    const store = createNonceStore(await testSql());
    const given = await Promise.all(
      Array.from({ length: 100 }, () =>
        store.change(devEui, joinEui, old => ({ nonces: { ...old, joinNonce: old.joinNonce + 1 } })),
      ),
    );
    expect(new Set(given.map(({ nonces }) => nonces.joinNonce)).size).toBe(100);
  });

  test("C22 a refusal leaves them as they are", async () => {
    const store = createNonceStore(await testSql());
    await store.change(devEui, joinEui, () => ({ nonces: all }));
    await store.change(devEui, joinEui, () => ({}));
    const { nonces } = await store.change(devEui, joinEui, nonces => ({ nonces }));
    expect(nonces).toMatchObject({ joinNonce: 7, lastDevNonce: 5, lastRjCount1: 3 });
  });

  test("C25 are those of one device and one JoinEUI", async () => {
    const store = createNonceStore(await testSql());
    await store.change(devEui, joinEui, () => ({ nonces: all }));
    const others = [
      [devEui, parseJoinEui("ffffffffffffffff")],
      [otherDevEui, joinEui],
    ] as const;
    for (const [eui, scope] of others) {
      const { nonces } = await store.change(eui, scope, nonces => ({ nonces }));
      expect(nonces).toMatchObject({ joinNonce: 0 });
      expect(nonces.lastDevNonce).toBeUndefined();
    }
  });

  test("C26 forgetting what a device sent keeps the JoinNonce", async () => {
    const store = createNonceStore(await testSql());
    await store.change(devEui, joinEui, () => ({ nonces: all }));
    await store.forgetDevNonces(devEui, joinEui);
    const { nonces } = await store.change(devEui, joinEui, nonces => ({ nonces }));
    expect({ ...nonces, usedDevNonces: nonces.usedDevNonces.length }).toEqual({ joinNonce: 7, usedDevNonces: 0 });
  });

  test("C26 the JoinNonce outlives the device's row in the catalog", async () => {
    const sql = await testSql();
    await addDevices(sql, devEui);
    const store = createNonceStore(sql);
    await store.change(devEui, joinEui, () => ({ nonces: all }));
    await sql.run("delete from devices");
    const { nonces } = await store.change(devEui, joinEui, nonces => ({ nonces }));
    expect(nonces.joinNonce).toBe(7);
  });
});
