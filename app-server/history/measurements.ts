import Type, { type Static } from "typebox";
import { Compile } from "typebox/compile";
import type { Sql } from "../../platform/sql.ts";
import type { MeasurementName, MeasurementPoint, Measurements } from "../history-ports.ts";
import { createDeviceDays } from "./device-days.ts";
import { latestOf, type MeasuredSum, measurementsOf } from "./measured.ts";
import { presenceSince } from "./presence.ts";
import { MeasuredColumn, tallyJson } from "./sum-columns.ts";
import { createTenantSums, metricsPoint, sumsOfOne } from "./tenant-sums.ts";

const LatestRow = Type.Object({ measured: MeasuredColumn });
const BodyRow = Type.Object({ at: Type.String(), body: Type.String() });
const decoded = Compile(Type.Object({ object: Type.Record(Type.String(), Type.Unknown()) }));
const NameRow = Type.Object({
  key: Type.String(),
  name: Type.String(),
  unit: Type.String(),
  kind: Type.Unsafe<MeasurementName["kind"]>(Type.String()),
});
const GatewaysRow = Type.Object({ total: Type.Integer(), online: Type.Integer(), offline: Type.Integer() });
const OverviewRow = Type.Object({ total: Type.Integer(), active: Type.Integer(), seen: Type.Integer() });

/** What a measurement is called that nobody has named. */
export const unnamed = (key: string, value: number | string | undefined): MeasurementName => ({
  key,
  name: key,
  unit: "",
  kind: typeof value === "string" ? "state" : "gauge",
});

export function createMeasurements(sql: Sql): Measurements {
  const deviceDays = createDeviceDays(sql);
  return {
    async latest(devEui, tenantId, names) {
      const [row] = await sql.rows(
        LatestRow,
        "select measured from device_latest where dev_eui = $1 and tenant_id = $2",
        [devEui, tenantId],
      );
      const named = new Map(names.map(name => [name.key, name]));
      return Object.entries(row?.measured ?? {})
        .map(([key, sum]) => {
          const { value, atMs } = latestOf(sum);
          return { ...(named.get(key) ?? unnamed(key, value)), value, time: new Date(atMs).toISOString() };
        })
        .sort((one, other) => (one.key < other.key ? -1 : 1));
    },
    async values(devEui, tenantId, key, { since, until }, maxUplinks) {
      const rows = await sql.rows(
        BodyRow,
        `select at, body from event_history where dev_eui = $1 and tenant_id = $2 and kind = 'up'
           and at >= $3::timestamptz and at < $4::timestamptz order by at desc, id desc limit $5`,
        [devEui, tenantId, since, until, maxUplinks + 1],
      );
      return rows.length > maxUplinks ? undefined : rows.toReversed().flatMap(row => valuePoint(row, key));
    },
    async sums(devEui, tenantId, key, every, span) {
      const sums = await deviceDays(devEui, tenantId, every, span);
      return sums.flatMap(({ startMs, measured }) => sumPoint(startMs, measured.get(key)));
    },
    async deviceMetrics(devEui, tenantId, every, span) {
      const sums = await deviceDays(devEui, tenantId, every, span);
      return sums.map(({ startMs, tally }) => metricsPoint(new Date(startMs).toISOString(), tallyJson(tally)));
    },
    gatewayMetrics: (gatewayId, every, span) =>
      sumsOfOne(sql, "gateway_sums", "gateway_id = $1", [gatewayId], every, span),
    gatewayPresence: (gatewayId, since) => presenceSince(sql, gatewayId, since),
    tenantMetrics: createTenantSums(sql),
    async overview(tenants, heard, nowMs) {
      const isAll = tenants === "all";
      const scope = isAll ? [] : [tenants];
      const [row] = await sql.rows(
        OverviewRow,
        `select count(*) as total, count(l.heard_at) as seen, count(*) filter (
             where l.heard_at > $1::timestamptz - 2 * p.expected_uplink_interval_s * interval '1 second') as active
           from devices d join applications a on a.id = d.application_id join device_profiles p on p.id = d.device_profile_id
             left join device_latest l on l.dev_eui = d.dev_eui and l.tenant_id = a.tenant_id
           ${isAll ? "" : "where a.tenant_id = any($2::uuid[])"}`,
        [new Date(nowMs).toISOString(), ...scope],
      );
      const { total, active, seen } = row ?? { total: 0, active: 0, seen: 0 };
      const [online, offline] = [true, false].map(is => [...heard].filter(([, on]) => on === is).map(([id]) => id));
      const [gateways = { total: 0, online: 0, offline: 0 }] = await sql.rows(
        GatewaysRow,
        `select count(*) as total, count(*) filter (where gateway_id = any($1::text[])) as online,
             count(*) filter (where gateway_id = any($2::text[])) as offline
           from gateways ${isAll ? "" : "where tenant_id = any($3::uuid[])"}`,
        [online, offline, ...scope],
      );
      return {
        devices: { total, active, inactive: seen - active, neverSeen: total - seen },
        gateways: { ...gateways, neverSeen: gateways.total - gateways.online - gateways.offline },
      };
    },
    names: deviceProfileId =>
      sql.rows(
        NameRow,
        "select key, name, unit, kind from profile_measurements where device_profile_id = $1 order by key",
        [deviceProfileId],
      ),
    putNames: (deviceProfileId, names) =>
      sql.transaction(async transaction => {
        await transaction.run("delete from profile_measurements where device_profile_id = $1", [deviceProfileId]);
        await transaction.run(
          `insert into profile_measurements (device_profile_id, key, name, unit, kind)
             select $1, * from unnest($2::text[], $3::text[], $4::text[], $5::text[])`,
          [
            deviceProfileId,
            names.map(({ key }) => key),
            names.map(({ name }) => name),
            names.map(({ unit }) => unit),
            names.map(({ kind }) => kind),
          ],
        );
      }),
  };
}

function valuePoint({ at, body }: Static<typeof BodyRow>, key: string): readonly MeasurementPoint[] {
  const event: unknown = JSON.parse(body);
  if (!decoded.Check(event)) return [];
  const found = measurementsOf(event.object).find(([name]) => name === key);
  return found === undefined ? [] : [{ time: at, value: found[1] }];
}

function sumPoint(startMs: number, { number, state }: MeasuredSum = {}): readonly MeasurementPoint[] {
  const time = new Date(startMs).toISOString();
  if (number !== undefined && (state === undefined || number.lastAtMs >= state.lastAtMs)) {
    const { count, sum, min, max, last } = number;
    return [{ time, value: last, count, sum, min, max, average: sum / count }];
  }
  if (state === undefined) return [];
  const states = state.states.map(([name, count]) => ({ state: name, count }));
  return [{ time, value: state.last, count: state.count, states }];
}
