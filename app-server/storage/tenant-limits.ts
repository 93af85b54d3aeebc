import Type, { type Static } from "typebox";
import type { TenantId } from "../../lorawan/ids.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Sql, SqlTransaction } from "../../platform/sql.ts";
import {
  type LimitedKind,
  LimitReached,
  limitedKinds,
  limitNames,
  type TenantLimitState,
  type TenantLimitStore,
  type TenantLimits,
} from "../tenant-limit-ports.ts";
import { BoundedCache } from "./bounded-cache.ts";

const NullableInteger = Type.Union([Type.Integer(), Type.Null()]);
const Row = Type.Object({
  maxDevices: NullableInteger,
  maxGateways: NullableInteger,
  maxApplications: NullableInteger,
  maxIntegrations: NullableInteger,
  requestsPerMinute: NullableInteger,
});
const columns = {
  maxDevices: "max_devices",
  maxGateways: "max_gateways",
  maxApplications: "max_applications",
  maxIntegrations: "max_integrations",
  requestsPerMinute: "requests_per_minute",
} as const satisfies Record<keyof TenantLimits, string>;
const select = `select ${Object.entries(columns)
  .map(([name, column]) => `${column} as "${name}"`)
  .join(", ")} from tenant_limits where tenant_id = $1`;

const noLimits: TenantLimits = {
  maxDevices: null,
  maxGateways: null,
  maxApplications: null,
  maxIntegrations: null,
  requestsPerMinute: null,
};

const counted: Readonly<Record<LimitedKind, string>> = {
  devices: "devices join applications on applications.id = devices.application_id where applications.tenant_id = $1",
  gateways: "gateways where tenant_id = $1",
  applications: "applications where tenant_id = $1",
  integrations: "integrations where tenant_id = $1",
};
const CountRow = Type.Object({ count: Type.Integer() });

async function countOf(sql: SqlTransaction, tenantId: TenantId, kind: LimitedKind): Promise<number> {
  const [row] = await sql.rows(CountRow, `select count(*)::integer as count from ${counted[kind]}`, [tenantId]);
  return row?.count ?? 0;
}

const LimitRow = Type.Object({ limit: NullableInteger });

/** The limit, which nobody else adds under or changes until the transaction ends. */
async function heldLimit(sql: SqlTransaction, tenantId: TenantId, kind: LimitedKind): Promise<number | null> {
  const text = `select ${columns[limitNames[kind]]} as "limit" from tenant_limits where tenant_id = $1 for update`;
  const [row] = await sql.rows(LimitRow, text, [tenantId]);
  return row?.limit ?? null;
}

/**
 * For a transaction that has added one: throws LimitReached where that is one too many. A statement of its own sees what
 * others had added by the time that they let go of the limit, so two cannot both take the last place.
 */
export async function keepWithinLimit(sql: SqlTransaction, tenantId: TenantId, kind: LimitedKind): Promise<void> {
  const limit = await heldLimit(sql, tenantId, kind);
  if (limit !== null && (await countOf(sql, tenantId, kind)) > limit) throw new LimitReached(kind, limit);
}

/** How many may be added. */
export interface Room {
  readonly kind: LimitedKind;
  readonly limit: number;
  left: number;
}

/** For a transaction that is going to add some; undefined where there is no limit. */
export async function roomFor(sql: SqlTransaction, tenantId: TenantId, kind: LimitedKind): Promise<Room | undefined> {
  const limit = await heldLimit(sql, tenantId, kind);
  if (limit === null) return undefined;
  return { kind, limit, left: Math.max(0, limit - (await countOf(sql, tenantId, kind))) };
}

const rateHoldsMs = 5_000;
const maxRates = 10_000;

export function createTenantLimits(sql: Sql, clock: Clock): TenantLimitStore {
  const limitsOf = async (tenantId: TenantId): Promise<Static<typeof Row>> =>
    (await sql.rows(Row, select, [tenantId]))[0] ?? noLimits;
  const read = async (tenantId: TenantId): Promise<TenantLimitState> => {
    const counts = await Promise.all(limitedKinds.map(kind => countOf(sql, tenantId, kind)));
    const [devices = 0, gateways = 0, applications = 0, integrations = 0] = counts;
    return { limits: await limitsOf(tenantId), use: { devices, gateways, applications, integrations } };
  };
  const rates = new BoundedCache<TenantId, { readonly rate: number | null; readonly readAtUs: number }>(maxRates);
  return {
    read,
    async write(tenantId, change) {
      const given = Object.entries(change).flatMap(([name, value]) => {
        const column = Object.entries(columns).find(([member]) => member === name)?.[1];
        return column === undefined || value === undefined ? [] : [{ column, value }];
      });
      const names = given.map(({ column }) => column);
      const places = names.map((_name, index) => `$${index + 2}`);
      const assigned = names.map(name => `${name} = excluded.${name}`).join(", ");
      await sql.run(
        `insert into tenant_limits (tenant_id, ${names.join(", ")}) values ($1, ${places.join(", ")})
           on conflict (tenant_id) do update set ${assigned}`,
        [tenantId, ...given.map(({ value }) => value)],
      );
      rates.delete(tenantId);
      return read(tenantId);
    },
    async requestsPerMinute(tenantId) {
      const nowUs = clock.monotonicUs();
      const known = rates.get(tenantId);
      if (known !== undefined && nowUs - known.readAtUs < rateHoldsMs * 1000) return known.rate;
      const { requestsPerMinute: rate } = await limitsOf(tenantId);
      rates.set(tenantId, { rate, readAtUs: nowUs });
      return rate;
    },
  };
}
