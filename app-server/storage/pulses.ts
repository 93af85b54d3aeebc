import Type from "typebox";
import { parseApplicationId, parseDevEui, parseTenantId } from "../../lorawan/ids.ts";
import type { Sql, SqlTransaction } from "../../platform/sql.ts";
import { partitionOf } from "../../platform/state/store.ts";
import type { AlertStore } from "../alert-ports.ts";

const timeText = (ms: number): string => new Date(ms).toISOString();
const Heard = Type.Object({ devEui: Type.String(), wasSilent: Type.Union([Type.Boolean(), Type.Null()]) });
const Silent = Type.Object({
  devEui: Type.String(),
  tenantId: Type.String(),
  applicationId: Type.String(),
  heardAtMs: Type.Integer(),
  intervalMs: Type.Integer(),
  gateways: Type.Array(Type.String()),
});

const gapMs = "(extract(epoch from excluded.heard_at - p.heard_at) * 1000)";
/** What an interval is counted from: the installation may have been away since. */
const since = "greatest(excluded.heard_at, (select began_at from alert_watch))";
/** Nobody is blamed for a pause of less than this. */
const shortestMs = 60_000;
/** So many intervals are known before they go before what the profile expects. */
const enough = 5;
/** The longest pause of late, which loses a tenth of what it is above the others with each uplink; an outage teaches nothing. */
const learned = `(case when p.is_silent or excluded.heard_at <= p.heard_at then p.interval_ms
    when p.samples = 0 then greatest(${gapMs}, ${shortestMs})
    else greatest(${gapMs}, p.interval_ms * 0.9 + ${gapMs} * 0.1, ${shortestMs}) end)::bigint`;
/** Until enough is known, what the profile expects, which is what a new row has, or more if the device takes longer. */
const effective = (interval: string, samples: string, expected: string): string =>
  `case when ${samples} >= ${enough} then ${interval} else greatest(${interval}, ${expected}) end`;

/** Gives every device so much more time. */
export async function putOff(sql: SqlTransaction, byMs: number): Promise<void> {
  await sql.run("update device_pulses set due_at = due_at + make_interval(secs => $1) where due_at is not null", [
    byMs / 1000,
  ]);
}

export function pulseStore(sql: Sql): Pick<AlertStore, "pulse" | "silent" | "postpone"> {
  return {
    async pulse(pulses) {
      const rows = await sql.rows(
        Heard,
        `insert into device_pulses as p
             (dev_eui, tenant_id, application_id, heard_at, interval_ms, gateways, dev_addr, due_at, partition)
           select n.dev_eui, n.tenant_id, n.application_id, n.heard_at, dp.expected_uplink_interval_s * 1000::bigint,
               string_to_array(n.gateways, ','), n.dev_addr,
               greatest(n.heard_at, (select began_at from alert_watch))
                 + make_interval(secs => n.intervals * dp.expected_uplink_interval_s),
               n.partition
             from unnest($1::text[], $2::uuid[], $3::uuid[], $4::timestamptz[], $5::text[], $6::text[], $7::float8[],
                 $8::smallint[])
               as n (dev_eui, tenant_id, application_id, heard_at, gateways, dev_addr, intervals, partition)
             join devices d on d.dev_eui = n.dev_eui join device_profiles dp on dp.id = d.device_profile_id
             order by n.dev_eui
         on conflict (dev_eui) do update set
           tenant_id = excluded.tenant_id, application_id = excluded.application_id, gateways = excluded.gateways,
           dev_addr = excluded.dev_addr, heard_at = greatest(p.heard_at, excluded.heard_at),
           samples = least(p.samples + (excluded.heard_at > p.heard_at and not p.is_silent)::integer, ${enough}),
           interval_ms = ${learned},
           partition = excluded.partition,
           is_silent = p.is_silent and excluded.heard_at <= p.heard_at,
           due_at = case when excluded.heard_at <= p.heard_at then p.due_at
             else ${since} + (excluded.due_at - ${since})
               * (${effective(learned, "p.samples + 1", "excluded.interval_ms")}::float8 / greatest(excluded.interval_ms, 1)) end
         returning dev_eui as "devEui",
           not is_silent and (select is_silent from device_pulses o where o.dev_eui = p.dev_eui) as "wasSilent"`,
        [
          pulses.map(({ devEui }) => devEui),
          pulses.map(({ tenantId }) => tenantId),
          pulses.map(({ applicationId }) => applicationId),
          pulses.map(({ heardAtMs }) => timeText(heardAtMs)),
          pulses.map(({ gateways }) => gateways.join(",")),
          pulses.map(({ devAddr }) => devAddr),
          pulses.map(({ intervals }) => intervals),
          pulses.map(({ devEui }) => partitionOf(devEui)),
        ],
      );
      return new Set(rows.filter(({ wasSilent }) => wasSilent === true).map(({ devEui }) => parseDevEui(devEui)));
    },
    async silent(partitions, atMs, limit) {
      const rows = await sql.rows(
        Silent,
        `select p.dev_eui as "devEui", p.tenant_id as "tenantId", p.application_id as "applicationId", p.gateways,
             (extract(epoch from p.heard_at) * 1000)::bigint as "heardAtMs",
             (${effective("p.interval_ms", "p.samples", "dp.expected_uplink_interval_s * 1000")})::bigint as "intervalMs"
           from device_pulses p join devices d on d.dev_eui = p.dev_eui
             join device_profiles dp on dp.id = d.device_profile_id
           where p.due_at <= $1 and coalesce(p.partition, 0) = any($3::smallint[]) and not d.is_disabled
           order by p.due_at limit $2`,
        [timeText(atMs), limit, partitions],
      );
      return rows.map(row => ({
        ...row,
        devEui: parseDevEui(row.devEui),
        tenantId: parseTenantId(row.tenantId),
        applicationId: parseApplicationId(row.applicationId),
      }));
    },
    async postpone(devEuis, untilMs) {
      if (devEuis.length === 0) return;
      await sql.run("update device_pulses set due_at = $2, is_silent = $3 where dev_eui = any($1)", [
        devEuis,
        untilMs === undefined ? null : timeText(untilMs),
        untilMs === undefined,
      ]);
    },
  };
}
