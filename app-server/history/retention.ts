import Type, { type Static } from "typebox";
import type { Clock } from "../../platform/clock.ts";
import type { Sql } from "../../platform/sql.ts";
import { rowOverhead } from "./event-writer.ts";
import type { KnownLimits } from "./limits.ts";
import type { Partitions } from "./partitions.ts";
import { type Kept, nobody } from "./usage.ts";

const dayMs = 86_400_000;
/** Rows that one statement deletes: few enough that nobody waits for it. */
const chunk = 5_000;
/** Days whose partitions are made before they begin. */
const daysAhead = 2;

const UseRow = Type.Object({ tenant: Type.String(), what: Type.Unsafe<Kept>(Type.String()), day: Type.String() });
const SizedRow = Type.Object({ ...UseRow.properties, rows: Type.Integer(), bytes: Type.Integer() });
const SizeRow = Type.Object({ tenant: Type.String(), bytes: Type.Integer() });
const GoneRow = Type.Object({ rows: Type.Integer(), bytes: Type.Integer() });

export interface RetentionOptions {
  readonly sql: Sql;
  readonly clock: Clock;
  readonly limits: KnownLimits;
  readonly events: Partitions;
  readonly frames: Partitions;
  readonly sums: Partitions;
}

/** Makes partitions ahead of time, and drops and deletes what nobody keeps any more. Rejects with SqlError. */
export type Sweep = () => Promise<void>;

export function createSweep({ sql, clock, limits, events, frames, sums }: RetentionOptions): Sweep {
  const dayBefore = (days: number): string => new Date(clock.nowMs() - days * dayMs).toISOString().slice(0, 10);
  const daysOf = (tenant: string, what: Kept): number =>
    what === "events" ? limits.of(tenant).eventDays : limits.of(tenant).frameDays;

  async function dropWhatNobodyKeeps(): Promise<void> {
    const { eventDays, frameDays, measurementDays } = limits.longest;
    await events.dropBefore(clock.nowMs() - eventDays * dayMs);
    await frames.dropBefore(clock.nowMs() - frameDays * dayMs);
    await sums.dropBefore(clock.nowMs() - measurementDays * dayMs);
    // The last day that is kept whole ends after the cutoff.
    const forget = "delete from history_usage where what = $1 and day < $2::date";
    await sql.run(forget, ["events", dayBefore(eventDays)]);
    await sql.run(forget, ["frames", dayBefore(frameDays)]);
  }

  /** Of one tenant and day, the oldest first; gives what is gone. */
  async function deleteSome(
    { tenant, what, day }: Static<typeof UseRow>,
    count = chunk,
  ): Promise<{ rows: number; bytes: number }> {
    const [table, key, size, number] =
      what === "events"
        ? ["event_history", "at, id, kind", "octet_length(body)", "number"]
        : ["frame_history", "at, id", "octet_length(phy_payload) + octet_length(details)", "null::bigint as number"];
    const whose = tenant === nobody ? "tenant_id is null" : "tenant_id = $1::uuid";
    // What says which gateways were there has no tenant; it goes with its partition and leads nowhere until then.
    const [gone] = await sql.rows(
      GoneRow,
      `with gone as (
         delete from ${table} where (${key}) in (
           select ${key} from ${table}
             where ${whose} and at >= $2::date::timestamp at time zone 'UTC'
               and at < ($2::date + 1)::timestamp at time zone 'UTC'
             order by at limit ${count})
           returning ${size} + ${rowOverhead} as size, ${number}),
       sum as (select count(*)::bigint as rows, coalesce(sum(size), 0)::bigint as bytes from gone),
       booked as (
         update history_usage u set rows = u.rows - sum.rows, bytes = u.bytes - sum.bytes from sum
           where u.tenant_id = $1::uuid and u.what = $3 and u.day = $2::date),
       floored as (
         insert into event_journal_floors as f (tenant_id, number)
           select $1::uuid, max(number) from gone having max(number) is not null
           on conflict (tenant_id) do update set number = greatest(f.number, excluded.number))
       select rows, bytes from sum`,
      [tenant, day, what],
    );
    if ((gone?.rows ?? 0) === 0) {
      await sql.run("delete from history_usage where tenant_id = $1 and what = $2 and day = $3::date", [
        tenant,
        what,
        day,
      ]);
    }
    return gone ?? { rows: 0, bytes: 0 };
  }

  async function deleteDay(use: Static<typeof UseRow>): Promise<void> {
    while ((await deleteSome(use)).rows > 0);
  }

  /** Tenants that keep for a shorter time than others, and those that are gone. */
  async function deleteWhatTenantsDoNotKeep(): Promise<void> {
    const rows = await sql.rows(
      UseRow,
      `select tenant_id::text as tenant, what, day::text as day from history_usage order by day, tenant_id`,
    );
    const there = await sql.rows(Type.Object({ id: Type.String() }), "select id::text as id from tenants");
    const known = new Set([nobody, ...there.map(({ id }) => id)]);
    for (const row of rows) {
      const isKept = known.has(row.tenant) && row.day >= dayBefore(daysOf(row.tenant, row.what));
      if (!isKept) await deleteDay(row);
    }
  }

  /** Sums go by the month; a tenant that keeps less of them, and one that is gone, has them deleted. */
  async function deleteSums(): Promise<void> {
    for (const [tenant, { measurementDays }] of limits.own) {
      const cutoff = new Date(clock.nowMs() - measurementDays * dayMs).toISOString();
      await sql.run("delete from device_days where tenant_id = $1 and start <= $2::timestamptz - interval '1 day'", [
        tenant,
        cutoff,
      ]);
      await sql.run("delete from tenant_sums where tenant_id = $1 and start < $2", [tenant, cutoff]);
    }
    for (const table of ["device_days", "tenant_sums", "device_latest"]) {
      await sql.run(`delete from ${table} s where not exists (select 1 from tenants t where t.id = s.tenant_id)`);
    }
  }

  async function deleteWhatIsTooMuch(): Promise<void> {
    const sizes = await sql.rows(
      SizeRow,
      "select tenant_id::text as tenant, sum(bytes)::bigint as bytes from history_usage group by tenant_id",
    );
    for (const { tenant, bytes } of sizes) {
      let tooMuch = bytes - limits.of(tenant).maxMegabytes * 1_000_000;
      while (tooMuch > 0) {
        const [oldest] = await sql.rows(
          SizedRow,
          `select tenant_id::text as tenant, what, day::text as day, rows, bytes from history_usage
             where tenant_id = $1 order by day, bytes desc limit 1`,
          [tenant],
        );
        if (oldest === undefined) break;
        const needed = Math.ceil((tooMuch * oldest.rows) / Math.max(oldest.bytes, 1));
        tooMuch -= (await deleteSome(oldest, Math.min(Math.max(needed, 1), chunk))).bytes;
      }
    }
  }

  return async () => {
    await limits.refresh();
    const ahead = Array.from({ length: daysAhead + 1 }, (_, days) => clock.nowMs() + days * dayMs);
    for (const partitions of [events, frames, sums]) await partitions.ensure(ahead);
    await dropWhatNobodyKeeps();
    await deleteWhatTenantsDoNotKeep();
    await deleteSums();
    await deleteWhatIsTooMuch();
  };
}
