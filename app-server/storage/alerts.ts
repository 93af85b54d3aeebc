import Type, { type Static } from "typebox";
import { parseApplicationId, parseDevEui, parseGatewayId, parseTenantId, type TenantId } from "../../lorawan/ids.ts";
import type { Sql, SqlTransaction } from "../../platform/sql.ts";
import { partitionOf } from "../../platform/state/store.ts";
import {
  type AlertCondition,
  type AlertKind,
  type AlertRule,
  type AlertStep,
  type AlertStore,
  type AlertSubject,
  alertKinds,
  alertSubjectTypes,
} from "../alert-ports.ts";
import { AlertRow, selectedAlert, toAlert } from "./alert-rows.ts";
import { pulseStore, putOff } from "./pulses.ts";

const Kind = Type.Enum([...alertKinds]);
const NullableText = Type.Union([Type.String(), Type.Null()]);
const subjectColumns = {
  tenantId: Type.String(),
  applicationId: NullableText,
  kind: Kind,
  type: Type.Enum([...alertSubjectTypes]),
  id: Type.String(),
};
const selectedSubject = `tenant_id as "tenantId", application_id as "applicationId", kind, subject_type as type, subject as id`;
const SubjectRow = Type.Object(subjectColumns);
const Condition = Type.Object({
  value: Type.Union([Type.Number(), Type.Null()]),
  times: Type.Array(Type.Tuple([Type.Number(), Type.String()])),
  beyondSinceMs: Type.Optional(Type.Number()),
  backSinceMs: Type.Optional(Type.Number()),
  isRaised: Type.Boolean(),
});
const ConditionRow = Type.Object({ ...subjectColumns, condition: Condition });
const AlertChange = Type.Object({
  isEnabled: Type.Optional(Type.Boolean()),
  severity: Type.Optional(Type.Enum(["info", "warning", "critical"])),
  raise: Type.Optional(Type.Number()),
  clear: Type.Optional(Type.Number()),
  raiseAfterSeconds: Type.Optional(Type.Number()),
  clearAfterSeconds: Type.Optional(Type.Number()),
  windowMinutes: Type.Optional(Type.Number()),
});
const RuleRow = Type.Object({ tenantId: Type.String(), kind: Kind, change: AlertChange });

const toSubject = ({ tenantId, applicationId, ...row }: Static<typeof SubjectRow>): AlertSubject => ({
  ...row,
  tenantId: parseTenantId(tenantId),
  applicationId: applicationId === null ? null : parseApplicationId(applicationId),
});
const toCondition = ({ value, ...row }: Static<typeof Condition>): AlertCondition => ({
  ...row,
  value: value ?? Number.POSITIVE_INFINITY,
});

export const timeText = (ms: number | undefined): string | null =>
  ms === undefined ? null : new Date(ms).toISOString();

/** What tenants have changed of the rules, of one tenant or of all. */
export async function ruleChanges(
  sql: SqlTransaction,
  tenantId?: TenantId,
): Promise<ReadonlyMap<TenantId, ReadonlyMap<AlertKind, Partial<AlertRule>>>> {
  const rows = await sql.rows(
    RuleRow,
    `select tenant_id as "tenantId", kind, change from alert_rules where kind = any($1) and ($2::uuid is null or tenant_id = $2)`,
    [alertKinds, tenantId ?? null],
  );
  const byTenant = Map.groupBy(rows, row => parseTenantId(row.tenantId));
  return new Map(
    [...byTenant].map(([id, ofTenant]) => [id, new Map(ofTenant.map(({ kind, change }) => [kind, change]))]),
  );
}

/** Rows of these subjects, made where there are none, in one order, so that two never wait for each other. */
async function heldConditions(sql: SqlTransaction, subjects: readonly AlertSubject[]) {
  const column = (name: "tenantId" | "kind" | "id" | "type" | "applicationId") =>
    subjects.map(subject => subject[name]);
  const keys = [column("tenantId"), column("kind"), column("id")];
  await sql.run(
    `insert into alert_conditions (tenant_id, kind, subject, subject_type, application_id, condition)
       select g.tenant_id, g.kind, g.subject, g.subject_type, g.application_id, 'null'::jsonb
         from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::uuid[])
           as g (tenant_id, kind, subject, subject_type, application_id)
         join tenants t on t.id = g.tenant_id order by 1, 2, 3
       on conflict do nothing`,
    [...keys, column("type"), column("applicationId")],
  );
  const Row = Type.Object({ ...subjectColumns, condition: Type.Union([Condition, Type.Null()]) });
  return sql.rows(
    Row,
    `select ${selectedSubject}, nullif(condition, 'null'::jsonb) as condition from alert_conditions
       where (tenant_id, kind, subject) in (select * from unnest($1::uuid[], $2::text[], $3::text[]))
       order by tenant_id, kind, subject for update`,
    keys,
  );
}

const nameOfSubject = `coalesce(case $6
    when 'device' then (select name from devices where dev_eui = $7)
    when 'gateway' then (select name from gateways where gateway_id = $7)
    else (select name from integrations where id::text = $7) end, '')`;

async function applyStep(sql: SqlTransaction, subject: AlertSubject, step: AlertStep, nowMs: number): Promise<void> {
  const { tenantId, applicationId, kind, type, id } = subject;
  const key = [tenantId, kind, id];
  const { condition, checkAtMs, transition } = step;
  if (transition?.kind === "raise") {
    const { rule, value, details } = transition;
    await sql.run(
      `insert into alerts (tenant_id, application_id, kind, severity, state, value, subject_type, subject, subject_name,
           threshold, details, raised_at, partition)
         values ($1, $2, $3, $4, 'raised', $5, $6, $7, ${nameOfSubject}, $8, $9, $10, $11)
       on conflict (tenant_id, kind, subject) where state <> 'cleared' do nothing`,
      [
        ...[tenantId, applicationId, kind, rule.severity, value, type, id, rule.raise],
        ...[JSON.stringify(details), timeText(nowMs), partitionOf(parseDevEui(id.replaceAll("-", "").slice(0, 16)))],
      ],
    );
  }
  if (transition?.kind === "clear") {
    await sql.run(
      `update alerts set state = 'cleared', cleared_at = $4 where tenant_id = $1 and kind = $2 and subject = $3 and state <> 'cleared'`,
      [...key, timeText(nowMs)],
    );
  }
  if (condition === undefined) {
    await sql.run("delete from alert_conditions where tenant_id = $1 and kind = $2 and subject = $3", key);
    return;
  }
  await sql.run(
    "update alert_conditions set condition = $4, check_at = $5 where tenant_id = $1 and kind = $2 and subject = $3",
    [...key, JSON.stringify(condition), timeText(checkAtMs)],
  );
}

const Looked = Type.Object({ lookedAtMs: Type.Integer() });
const IntegrationRow = Type.Object({
  id: Type.String(),
  tenantId: Type.String(),
  applicationId: NullableText,
  error: Type.String(),
});
const WeakRow = Type.Object({
  id: Type.String(),
  tenantId: Type.String(),
  applicationId: NullableText,
  reason: Type.String(),
});
const SharedRow = Type.Object({
  id: Type.String(),
  tenantId: Type.String(),
  applicationId: NullableText,
  devAddr: Type.String(),
  count: Type.Integer(),
});
const ToldRow = Type.Object({ count: Type.Integer(), lastAtMs: Type.Union([Type.Integer(), Type.Null()]) });
const epochMs = (column: string): string => `(extract(epoch from ${column}) * 1000)::bigint`;

async function lookedAt(sql: SqlTransaction, lock = ""): Promise<number | undefined> {
  const [row] = await sql.rows(Looked, `select ${epochMs("looked_at")} as "lookedAtMs" from alert_watch ${lock}`);
  return row?.lookedAtMs;
}

const subjectOf = (
  row: { readonly id: string; readonly tenantId: string; readonly applicationId: string | null },
  kind: AlertKind,
  type: AlertSubject["type"],
): AlertSubject => toSubject({ id: row.id, tenantId: row.tenantId, applicationId: row.applicationId, kind, type });

/** Tables that subjects are in, by what they are; `c` is the row that names one. */
const isGone = `not case c.subject_type
    when 'device' then exists (select from devices where dev_eui = c.subject)
    when 'gateway' then exists (select from gateways where gateway_id = c.subject)
    else exists (select from integrations where id::text = c.subject) end`;

export function createAlertStore(sql: Sql): AlertStore {
  return {
    ...pulseStore(sql),
    rules: () => ruleChanges(sql),
    async watched() {
      const text = `select ${selectedSubject}, condition from alert_conditions where condition <> 'null'::jsonb and kind = any($1)`;
      const rows = await sql.rows(ConditionRow, text, [alertKinds]);
      return rows.map(({ condition, ...row }) => ({ subject: toSubject(row), condition: toCondition(condition) }));
    },
    async due(nowMs, limit) {
      const text = `select ${selectedSubject} from alert_conditions where check_at <= $1 and kind = any($2) order by check_at limit $3`;
      return (await sql.rows(SubjectRow, text, [timeText(nowMs), alertKinds, limit])).map(toSubject);
    },
    change: (subjects, nowMs, step) =>
      sql.transaction(async transaction => {
        for (const { condition, ...row } of await heldConditions(transaction, subjects)) {
          const subject = toSubject(row);
          const next = step(subject, condition === null ? undefined : toCondition(condition));
          if (next !== undefined) await applyStep(transaction, subject, next, nowMs);
        }
      }),
    async forgetGone(nowMs) {
      await sql.run(`delete from alert_conditions c where ${isGone}`);
      await sql.run(
        `update alerts c set state = 'cleared', cleared_at = $1, clear_told_at = $1 where state <> 'cleared' and ${isGone}`,
        [timeText(nowMs)],
      );
    },
    dropOld: async beforeMs => {
      await sql.run("delete from alerts where cleared_at < $1", [timeText(beforeMs)]);
    },
    looked: (nowMs, longestPauseMs) =>
      sql.transaction(async transaction => {
        const before = await lookedAt(transaction, "for update");
        const pauseMs = before === undefined ? 0 : nowMs - before;
        const wasAway = pauseMs > longestPauseMs;
        if (wasAway) await putOff(transaction, pauseMs);
        await transaction.run(
          `insert into alert_watch as w (looked_at, began_at) values ($1, $2) on conflict (id) do update set
             looked_at = greatest(w.looked_at, excluded.looked_at), began_at = coalesce(excluded.began_at, w.began_at)`,
          [timeText(nowMs), wasAway ? timeText(nowMs) : null],
        );
        return wasAway;
      }),
    lookedAt: () => lookedAt(sql),
    async gateways() {
      const Row = Type.Object({ gatewayId: Type.String(), tenantId: Type.String() });
      const rows = await sql.rows(
        Row,
        `select gateway_id as "gatewayId", tenant_id as "tenantId" from gateways where not is_disabled`,
      );
      return rows.map(row => ({ gatewayId: parseGatewayId(row.gatewayId), tenantId: parseTenantId(row.tenantId) }));
    },
    async outages(sinceMs) {
      const Row = Type.Object({ subject: Type.String(), endedAtMs: Type.Union([Type.Integer(), Type.Null()]) });
      const rows = await sql.rows(
        Row,
        `select subject, case when bool_or(state <> 'cleared') then null else ${epochMs("max(cleared_at)")} end as "endedAtMs"
           from alerts where kind = 'gateway-silent' and (state <> 'cleared' or cleared_at >= $1) group by subject`,
        [timeText(sinceMs)],
      );
      return new Map(rows.map(({ subject, endedAtMs }) => [subject, endedAtMs ?? Number.POSITIVE_INFINITY]));
    },
    async troubledSinks() {
      const rows = await sql.rows(
        IntegrationRow,
        `select i.id::text as id, i.tenant_id as "tenantId", i.application_id as "applicationId", s.last_error as error
           from integrations i join integration_states s on s.integration_id = i.id
           where s.circuit = 'open' and i.mode = 'active'`,
      );
      return rows.map(row => ({ subject: subjectOf(row, "sink-trouble", "integration"), error: row.error }));
    },
    async weakKeys() {
      const rows = await sql.rows(
        WeakRow,
        `select w.dev_eui as id, a.tenant_id as "tenantId", a.id as "applicationId", w.reason from weak_root_keys w
           join devices d on d.dev_eui = w.dev_eui join applications a on a.id = d.application_id`,
      );
      return rows.map(row => ({ subject: subjectOf(row, "weak-root-key", "device"), reason: row.reason }));
    },
    async noteKeys(reasons, within = sql) {
      const devEuis = [...reasons.keys()];
      await within.run("delete from weak_root_keys where dev_eui = any($1)", [devEuis]);
      const weak = [...reasons].filter(([, reason]) => reason !== undefined);
      if (weak.length === 0) return;
      await within.run(
        `insert into weak_root_keys (dev_eui, reason)
           select d.dev_eui, g.reason from unnest($1::text[], $2::text[]) as g (dev_eui, reason)
             join devices d on d.dev_eui = g.dev_eui on conflict (dev_eui) do update set reason = excluded.reason`,
        [weak.map(([devEui]) => devEui), weak.map(([, reason]) => reason)],
      );
    },
    async sharedAddresses(atLeast) {
      const rows = await sql.rows(
        SharedRow,
        `select min(dev_eui) as id, tenant_id as "tenantId", (array_agg(application_id order by dev_eui))[1] as "applicationId",
             dev_addr as "devAddr", count(*)::integer as count
           from device_pulses where dev_addr <> '' group by tenant_id, dev_addr having count(*) >= $1 limit 1000`,
        [atLeast],
      );
      return rows.map(row => ({
        subject: subjectOf(row, "shared-dev-addr", "device"),
        devAddr: row.devAddr,
        count: row.count,
      }));
    },
    async untold(partitions, limit) {
      const rows = await sql.rows(
        Type.Object({ ...AlertRow.properties, isRaiseTold: Type.Boolean() }),
        `select ${selectedAlert}, raise_told_at is not null as "isRaiseTold" from alerts
           where (raise_told_at is null or (state = 'cleared' and clear_told_at is null)) and partition = any($1::smallint[])
           order by raised_at, id limit $2`,
        [partitions, limit],
      );
      return rows.map(({ isRaiseTold, ...row }) => ({
        alert: toAlert(row),
        transition: isRaiseTold ? "cleared" : "raised",
      }));
    },
    async toldOf(tenantId, kind, sinceMs) {
      const [row] = await sql.rows(
        ToldRow,
        `select (count(*) filter (where not is_grouped and raise_told_at >= $3)
               + count(*) filter (where not is_grouped and clear_told_at >= $3))::integer as count,
             ${epochMs("greatest(max(raise_told_at), max(clear_told_at))")} as "lastAtMs"
           from alerts where tenant_id = $1 and kind = $2 and (raise_told_at >= $3 or clear_told_at >= $3)`,
        [tenantId, kind, timeText(sinceMs)],
      );
      const { count = 0, lastAtMs = null } = row ?? {};
      return { count, ...(lastAtMs !== null && { lastAtMs }) };
    },
    async markTold(alerts, nowMs, isGrouped) {
      for (const transition of ["raised", "cleared"] as const) {
        const ids = alerts.filter(one => one.transition === transition).map(({ alert }) => alert.id);
        if (ids.length === 0) continue;
        const column = transition === "raised" ? "raise_told_at" : "clear_told_at";
        await sql.run(`update alerts set ${column} = $2, is_grouped = is_grouped or $3 where id = any($1::uuid[])`, [
          ids,
          timeText(nowMs),
          isGrouped,
        ]);
      }
    },
  };
}
