import type { TSchema } from "typebox";
import { CatalogConflict, type Repositories } from "../app-server/catalog-ports.ts";
import { applicationTable } from "../app-server/storage/applications.ts";
import { deviceProfileTable } from "../app-server/storage/device-profiles.ts";
import { gatewayTable } from "../app-server/storage/gateways.ts";
import { insertion } from "../app-server/storage/statement.ts";
import type { TableDefinition } from "../app-server/storage/table.ts";
import { tenantTable } from "../app-server/storage/tenants.ts";
import type { JoinNonces } from "../join-server/join.ts";
import type { NonceStore, RootKeyStore } from "../join-server/ports.ts";
import { parseAesKey } from "../lorawan/keys.ts";
import type { Sql } from "../platform/sql.ts";
import type { StateStore } from "../platform/state/store.ts";
import type { CarriedDevice, CarriedNonces, CarriedUser } from "./carried.ts";
import type { Report, ReportOutcome } from "./report.ts";

/** This installation, as things are put into it. */
export interface MigrationTarget {
  readonly sql: Sql;
  readonly repositories: Repositories;
  readonly rootKeys: RootKeyStore;
  readonly nonces: NonceStore;
  readonly store: StateStore;
}

/** True if it is new: what is there stays as it is, since somebody here may have changed it. */
async function insertOnce(
  sql: Sql,
  { name, key, columns, toColumns = record => record }: Insertable,
  record: object,
): Promise<boolean> {
  const { text, values } = insertion({ ...columns, [key]: { name: key } }, toColumns(record));
  return (await sql.run(`insert into ${name} ${text} on conflict do nothing`, values)) > 0;
}

type Insertable = Pick<TableDefinition<TSchema, unknown>, "name" | "key" | "columns" | "toColumns">;

/** The catalog's tables of the kinds that are made under ids of another server. */
const tables = {
  tenant: tenantTable,
  application: applicationTable,
  profile: deviceProfileTable,
  gateway: gatewayTable,
} satisfies Record<string, Insertable>;

/** Throws SqlError for what may not be stored. */
export const putOnce = ({ sql }: MigrationTarget, kind: keyof typeof tables, record: object): Promise<boolean> =>
  insertOnce(sql, tables[kind], record);

/** Throws SqlError, CatalogConflict `different_tenant`. */
export async function putDevice({ repositories }: MigrationTarget, { device }: CarriedDevice): Promise<boolean> {
  if ((await repositories.devices.get(device.devEui)) !== undefined) return false;
  try {
    await repositories.devices.create(device);
    return true;
  } catch (error) {
    if (error instanceof CatalogConflict && error.code === "already_exists") return false;
    throw error;
  }
}

/** A user with the same email is the same user: what that user may do here is added to, and nothing else is changed. */
export async function putUser({ sql }: MigrationTarget, user: CarriedUser): Promise<ReportOutcome> {
  const { id, email, passwordHash, isAdministrator, isActive, note, grants } = user;
  const added = await sql.run(
    `insert into users (id, email, password_hash, is_admin, is_active, note) values ($1, $2, $3, $4, $5, $6)
       on conflict do nothing`,
    [id, email, passwordHash ?? null, isAdministrator, isActive, note],
  );
  let granted = 0;
  for (const { tenantId, role, applicationIds } of grants) {
    granted += await sql.run(
      `insert into tenant_users (tenant_id, user_id, role, application_ids)
         select tenants.id, users.id, $3, $4 from tenants, users where tenants.id = $1 and lower(users.email) = lower($2)
         on conflict do nothing`,
      [tenantId, email, role, applicationIds],
    );
  }
  if (added > 0) return "carried";
  return granted > 0 ? "raised" : "present";
}

/** True if the keys are new here. */
export async function putRootKeys(
  { rootKeys }: MigrationTarget,
  { device: { devEui }, rootKeys: carried }: CarriedDevice,
  report: Report,
): Promise<boolean> {
  if (!carried) return false;
  const known = await rootKeys.keys(devEui);
  if (known) {
    const hex = (key: Uint8Array | undefined): string => Buffer.from(key ?? []).toString("hex");
    if (hex(known.nwkKey) !== carried.nwkKey || hex(known.appKey) !== (carried.appKey ?? "")) {
      report.note("other-root-keys", devEui);
    }
    return false;
  }
  await rootKeys.put(devEui, {
    nwkKey: parseAesKey(carried.nwkKey),
    ...(carried.appKey !== undefined && { appKey: parseAesKey(carried.appKey) }),
  });
  return true;
}

/** The last JoinNonce given out here; 0 before the first. */
export async function joinNonceHere(
  { nonces }: MigrationTarget,
  { device: { devEui, joinEui }, profile }: CarriedDevice,
): Promise<number> {
  let found = 0;
  if (!profile.supportsOtaa) return found;
  await nonces.change(devEui, joinEui, ({ joinNonce }): { readonly nonces?: JoinNonces } => {
    found = joinNonce;
    return {};
  });
  return found;
}

/** Adds what was used there to what was used here. True if anything was new. */
export async function putNonces(
  { nonces }: MigrationTarget,
  { device: { devEui }, nonces: carried }: CarriedDevice,
): Promise<boolean> {
  let isNew = false;
  for (const one of carried) {
    const { changed } = await nonces.change(devEui, one.joinEui, known => {
      const joinNonce = Math.max(known.joinNonce, one.joinNonce);
      const lastDevNonce = highest(known.lastDevNonce, one.lastDevNonce);
      const lastRjCount1 = highest(known.lastRjCount1, one.lastRjCount1);
      const usedDevNonces = withUsed(known.usedDevNonces, one.devNonces);
      const isSame =
        joinNonce === known.joinNonce &&
        lastDevNonce === known.lastDevNonce &&
        lastRjCount1 === known.lastRjCount1 &&
        Buffer.compare(usedDevNonces, known.usedDevNonces) === 0;
      if (isSame) return { changed: false };
      return {
        changed: true,
        nonces: {
          joinNonce,
          usedDevNonces,
          ...(lastDevNonce !== undefined && { lastDevNonce }),
          ...(lastRjCount1 !== undefined && { lastRjCount1 }),
        },
      };
    });
    isNew ||= changed;
  }
  return isNew;
}

function highest(one: number | undefined, other: number | undefined): number | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return Math.max(one, other);
}

function withUsed(known: Uint8Array, devNonces: CarriedNonces["devNonces"]): Uint8Array {
  const length = devNonces.reduce((most, nonce) => Math.max(most, (nonce >> 3) + 1), known.length);
  const used = new Uint8Array(length);
  used.set(known);
  for (const nonce of devNonces) used[nonce >> 3] = (used[nonce >> 3] ?? 0) | (1 << (nonce & 7));
  return used;
}
