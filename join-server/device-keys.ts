import { createCipheriv, createDecipheriv, randomBytes, timingSafeEqual } from "node:crypto";
import Type, { type Static } from "typebox";
import { UpchirpError } from "../lorawan/errors.ts";
import { type DevEui, parseDevEui } from "../lorawan/ids.ts";
import { deriveKey, type MasterKey, type MasterKeys } from "../platform/key-file.ts";
import type { Sql } from "../platform/sql.ts";
import type { RootKeyPair } from "./join.ts";
import type { RootKeyStore } from "./ports.ts";

/** A stored key that none of the installation's key-encryption keys opens. */
export class UnreadableRootKey extends UpchirpError {
  readonly code = "unreadable_root_key";
}

const bytes = Type.Unsafe<Uint8Array>(Type.Any());
const keyRow = Type.Object({ dev_eui: Type.String(), nwk_key: bytes, app_key: Type.Union([bytes, Type.Null()]) });
type KeyRow = Static<typeof keyRow>;
const deviceRow = Type.Object({ ...keyRow.properties, may_activate: Type.Boolean() });
const countRow = Type.Object({ present: Type.Boolean() });

const purpose = "device root keys";
const idBytes = 4;
const nonceBytes = 12;
const tagBytes = 16;
const rotationBatch = 500;

/**
 * Root keys in the catalog: AES-256-GCM under a key derived from the installation's, bound to device and kind of key, so
 * that a stored key moved to another row does not open. Layout: key id, nonce, tag, ciphertext.
 */
export function createRootKeyStore(sql: Sql, masterKeys: MasterKeys): RootKeyStore {
  const known = [masterKeys.current, ...masterKeys.older];

  const open = (devEui: DevEui, kind: KeyKind, sealed: Uint8Array): Uint8Array => {
    const id = Buffer.from(sealed.subarray(0, idBytes)).toString("hex");
    const master = known.find(candidate => candidate.id === id);
    if (!master) {
      throw new UnreadableRootKey(`the key-encryption key ${id} that device ${devEui} was stored under is missing`, {
        devEui,
        keyId: id,
      });
    }
    return unseal(master, devEui, kind, sealed);
  };

  const pairOf = (row: KeyRow): RootKeyPair => {
    const devEui = parseDevEui(row.dev_eui);
    return {
      nwkKey: open(devEui, "nwk", row.nwk_key),
      ...(row.app_key && { appKey: open(devEui, "app", row.app_key) }),
    };
  };

  // A pair that cannot be opened any more is replaced like any other.
  const pairOrNone = (row: KeyRow): RootKeyPair | undefined => {
    try {
      return pairOf(row);
    } catch (error) {
      if (error instanceof UnreadableRootKey) return undefined;
      throw error;
    }
  };

  // Only if nobody gave the device other keys meanwhile.
  const renew = async (row: KeyRow): Promise<void> => {
    const devEui = parseDevEui(row.dev_eui);
    const sealed = sealPair(masterKeys.current, devEui, pairOf(row));
    await sql.run("update device_root_keys set nwk_key = $2, app_key = $3 where dev_eui = $1 and nwk_key = $4", [
      devEui,
      ...sealed,
      row.nwk_key,
    ]);
  };

  return {
    async keys(devEui) {
      const [row] = await sql.rows(
        deviceRow,
        `select k.dev_eui, k.nwk_key, k.app_key, not d.is_disabled and p.supports_otaa as may_activate
         from device_root_keys k
         join devices d on d.dev_eui = k.dev_eui
         join device_profiles p on p.id = d.device_profile_id
         where k.dev_eui = $1`,
        [devEui],
      );
      return row && { ...pairOf(row), mayActivate: row.may_activate };
    },
    async put(devEui, keys) {
      await sql.run(
        `insert into device_root_keys (dev_eui, nwk_key, app_key) values ($1, $2, $3)
         on conflict (dev_eui) do update set nwk_key = $2, app_key = $3, updated_at = now()`,
        [devEui, ...sealPair(masterKeys.current, devEui, keys)],
      );
    },
    async putAll(pairs, transaction, isDryRun) {
      const rows = await transaction.rows(
        keyRow,
        "select dev_eui, nwk_key, app_key from device_root_keys where dev_eui = any($1::text[])",
        [[...pairs.keys()]],
      );
      const stored = new Map(rows.map(row => [row.dev_eui, row]));
      const isStored = (devEui: DevEui, keys: RootKeyPair): boolean => {
        const row = stored.get(devEui);
        return row !== undefined && isSamePair(pairOrNone(row), keys);
      };
      const other = [...pairs].filter(([devEui, keys]) => !isStored(devEui, keys));
      if (!isDryRun && other.length > 0) {
        const sealed = other.map(([devEui, keys]) => sealPair(masterKeys.current, devEui, keys));
        await transaction.run(
          `insert into device_root_keys (dev_eui, nwk_key, app_key)
             select * from unnest($1::text[], $2::bytea[], $3::bytea[])
             on conflict (dev_eui) do update
             set nwk_key = excluded.nwk_key, app_key = excluded.app_key, updated_at = now()`,
          [other.map(([devEui]) => devEui), sealed.map(([nwk]) => nwk), sealed.map(([, app]) => app)],
        );
      }
      return new Set(other.map(([devEui]) => devEui));
    },
    async remove(devEui) {
      return (await sql.run("delete from device_root_keys where dev_eui = $1", [devEui])) > 0;
    },
    async has(devEui) {
      const rows = await sql.rows(
        countRow,
        "select exists (select 1 from device_root_keys where dev_eui = $1) as present",
        [devEui],
      );
      return rows[0]?.present ?? false;
    },
    async reencrypt(progress) {
      const current = Buffer.from(masterKeys.current.id, "hex");
      let done = 0;
      for (;;) {
        const rows = await sql.rows(
          keyRow,
          `select dev_eui, nwk_key, app_key from device_root_keys
           where substring(nwk_key from 1 for 4) <> $1 or substring(app_key from 1 for 4) <> $1
           order by dev_eui limit $2`,
          [current, rotationBatch],
        );
        if (rows.length === 0) return done;
        for (const row of rows) await renew(row);
        done += rows.length;
        progress(done);
      }
    },
  };
}

const sealPair = (master: MasterKey, devEui: DevEui, keys: RootKeyPair): readonly [Uint8Array, Uint8Array | null] => [
  seal(master, devEui, "nwk", keys.nwkKey),
  keys.appKey ? seal(master, devEui, "app", keys.appKey) : null,
];

const isSameKey = (one: Uint8Array | undefined, other: Uint8Array | undefined): boolean =>
  one === undefined || other === undefined ? one === other : timingSafeEqual(one, other);

const isSamePair = (stored: RootKeyPair | undefined, given: RootKeyPair): boolean =>
  stored !== undefined && isSameKey(stored.nwkKey, given.nwkKey) && isSameKey(stored.appKey, given.appKey);

type KeyKind = "nwk" | "app";

const associatedData = (devEui: DevEui, kind: KeyKind): Uint8Array => Buffer.from(`${devEui} ${kind}`);

function seal(master: MasterKey, devEui: DevEui, kind: KeyKind, key: Uint8Array): Uint8Array {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv("aes-256-gcm", deriveKey(master, purpose, 32), nonce);
  cipher.setAAD(associatedData(devEui, kind));
  const sealed = Buffer.concat([cipher.update(key), cipher.final()]);
  return Buffer.concat([Buffer.from(master.id, "hex"), nonce, cipher.getAuthTag(), sealed]);
}

function unseal(master: MasterKey, devEui: DevEui, kind: KeyKind, sealed: Uint8Array): Uint8Array {
  const nonceEnd = idBytes + nonceBytes;
  const tagEnd = nonceEnd + tagBytes;
  const key = deriveKey(master, purpose, 32);
  const decipher = createDecipheriv("aes-256-gcm", key, sealed.subarray(idBytes, nonceEnd), {
    authTagLength: tagBytes,
  });
  decipher.setAAD(associatedData(devEui, kind));
  decipher.setAuthTag(sealed.subarray(nonceEnd, tagEnd));
  try {
    return Uint8Array.from(Buffer.concat([decipher.update(sealed.subarray(tagEnd)), decipher.final()]));
  } catch {
    // node:crypto tells a wrong tag by throwing, and by nothing else.
    throw new UnreadableRootKey(`the stored root key of device ${devEui} is damaged`, { devEui });
  }
}
