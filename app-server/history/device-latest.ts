import Type from "typebox";
import type { SqlTransaction } from "../../platform/sql.ts";
import type { Told } from "./device-days.ts";
import { type Measured, maxKeys, measuredOf, mergeMeasured } from "./measured.ts";
import { MeasuredColumn, measuredJson, readMeasured } from "./sum-columns.ts";

/** When devices were heard last, and each of their measurements then. */

interface Latest {
  readonly devEui: string;
  readonly tenantId: string;
  readonly heardAtMs: number;
  readonly measured: Measured;
}

/** Of uplinks, in the transaction that keeps them. */
export async function putLatest(sql: SqlTransaction, uplinks: readonly Told[]): Promise<void> {
  const newest = new Map<string, Latest>();
  for (const { devEui, tenantId, atMs, measurements } of uplinks) {
    const key = `${devEui} ${tenantId}`;
    const known = newest.get(key);
    const measured = measuredOf(measurements, atMs);
    newest.set(key, {
      devEui,
      tenantId,
      heardAtMs: Math.max(known?.heardAtMs ?? atMs, atMs),
      measured: known === undefined ? measured : mergeMeasured(known.measured, measured),
    });
  }
  if (newest.size === 0) return;
  // In one order, in which every server takes the rows.
  const given = [...newest].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, latest]) => latest);
  const late = await sql.rows(
    Type.Object({ place: Type.Integer() }),
    `with given as (
       select * from unnest($1::text[], $2::uuid[], $3::timestamptz[], $4::jsonb[])
         with ordinality as t (dev_eui, tenant_id, heard_at, measured, place)),
     put as (
       insert into device_latest as l (dev_eui, tenant_id, heard_at, measured)
         select dev_eui, tenant_id, heard_at, measured from given order by place
         on conflict (dev_eui, tenant_id) do update
           set heard_at = excluded.heard_at, measured = l.measured || excluded.measured
           where (l.heard_at is null or l.heard_at <= excluded.heard_at)
             and (select count(*) from jsonb_object_keys(l.measured || excluded.measured)) <= ${maxKeys}
         returning dev_eui, tenant_id)
     select g.place from given g left join put p on p.dev_eui = g.dev_eui and p.tenant_id = g.tenant_id
       where p.dev_eui is null order by g.place`,
    valuesOf(given),
  );
  await mergeLatest(
    sql,
    late.flatMap(({ place }) => given[place - 1] ?? []),
  );
}

const valuesOf = (given: readonly Latest[]) => [
  given.map(({ devEui }) => devEui),
  given.map(({ tenantId }) => tenantId),
  given.map(({ heardAtMs }) => new Date(heardAtMs).toISOString()),
  given.map(({ measured }) => JSON.stringify(measuredJson(measured))),
];

const LatestRow = Type.Object({ place: Type.Integer(), measured: MeasuredColumn });

/** What came late is older in some measurements and newer in others; what has many names gets no more than it may have. */
async function mergeLatest(sql: SqlTransaction, given: readonly Latest[]): Promise<void> {
  if (given.length === 0) return;
  const rows = await sql.rows(
    LatestRow,
    `select t.place, l.measured from unnest($1::text[], $2::uuid[]) with ordinality as t (dev_eui, tenant_id, place)
       join device_latest l on l.dev_eui = t.dev_eui and l.tenant_id = t.tenant_id order by t.place for update of l`,
    valuesOf(given).slice(0, 2),
  );
  const merged = rows.flatMap(({ place, measured }) => {
    const latest = given[place - 1];
    return latest === undefined
      ? []
      : [{ ...latest, measured: mergeMeasured(readMeasured(measured), latest.measured) }];
  });
  await sql.run(
    `update device_latest l set heard_at = greatest(l.heard_at, t.heard_at), measured = t.measured
       from unnest($1::text[], $2::uuid[], $3::timestamptz[], $4::jsonb[]) as t (dev_eui, tenant_id, heard_at, measured)
       where l.dev_eui = t.dev_eui and l.tenant_id = t.tenant_id`,
    valuesOf(merged),
  );
}
