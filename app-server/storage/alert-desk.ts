import type { Sql } from "../../platform/sql.ts";
import type { Alert, AlertDesk } from "../alert-ports.ts";
import { AlertRow, selectedAlert, toAlert } from "./alert-rows.ts";
import { ruleChanges } from "./alerts.ts";

/** Where a list goes on: time and id of the last one, which no two have alike. */
const cursorOf = ({ raisedAt, id }: Alert): string => Buffer.from(`${raisedAt} ${id}`).toString("base64url");
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

function readCursor(text: string): readonly [string, string] | undefined {
  const [at = "", id = ""] = Buffer.from(text, "base64url").toString("utf8").split(" ");
  return Number.isNaN(Date.parse(at)) || !uuid.test(id) ? undefined : [at, id];
}

export function createAlertDesk(sql: Sql): AlertDesk {
  const one = async (id: string): Promise<Alert | undefined> => {
    const [row] = await sql.rows(AlertRow, `select ${selectedAlert} from alerts where id = $1`, [id]);
    return row && toAlert(row);
  };
  return {
    get: one,
    async list({ tenants, applications, states, kind, severity, subject, since, until }, { limit, after }) {
      const values: unknown[] = [];
      const put = (value: unknown): string => `$${values.push(value)}`;
      const ofTenants = tenants === "all" ? "true" : `tenant_id = any(${put(tenants)}::uuid[])`;
      const scope = applications ? `(${ofTenants} or application_id = any(${put(applications)}::uuid[]))` : ofTenants;
      const before = after === undefined ? undefined : readCursor(after);
      const conditions = [
        scope,
        ...(states ? [`state = any(${put(states)})`] : []),
        ...(kind ? [`kind = ${put(kind)}`] : []),
        ...(severity ? [`severity = ${put(severity)}`] : []),
        ...(subject ? [`subject = ${put(subject)}`] : []),
        ...(since ? [`raised_at >= ${put(since)}::timestamptz`] : []),
        ...(until ? [`raised_at < ${put(until)}::timestamptz`] : []),
        ...(before ? [`(raised_at, id) < (${put(before[0])}::timestamptz, ${put(before[1])}::uuid)`] : []),
      ];
      const rows = await sql.rows(
        AlertRow,
        `select ${selectedAlert} from alerts where ${conditions.join(" and ")}
           order by alerts.raised_at desc, alerts.id desc limit ${put(limit + 1)}`,
        values,
      );
      const items = rows.slice(0, limit).map(toAlert);
      const last = items.at(-1);
      return rows.length > limit && last !== undefined ? { items, next: cursorOf(last) } : { items };
    },
    async acknowledge(id, by, note, nowMs) {
      const changed = await sql.run(
        `update alerts set state = 'acknowledged', acknowledged_at = $2, acknowledged_by = $3, note = $4
           where id = $1 and state = 'raised'`,
        [id, new Date(nowMs).toISOString(), by, note],
      );
      return changed === 0 ? undefined : one(id);
    },
    async changes(tenantId) {
      return (await ruleChanges(sql, tenantId)).get(tenantId) ?? new Map();
    },
    async changeRule(tenantId, kind, change) {
      if (change === undefined) {
        await sql.run("delete from alert_rules where tenant_id = $1 and kind = $2", [tenantId, kind]);
        return;
      }
      await sql.run(
        `insert into alert_rules as r (tenant_id, kind, change) values ($1, $2, $3)
           on conflict (tenant_id, kind) do update set change = r.change || excluded.change`,
        [tenantId, kind, JSON.stringify(change)],
      );
      if (kind !== "device-silent" || change.raise === undefined) return;
      // Devices are due by the number that held when they were heard.
      await sql.run(
        `update device_pulses set due_at = heard_at + make_interval(secs => $2 * interval_ms / 1000.0)
           where tenant_id = $1 and due_at is not null`,
        [tenantId, change.raise],
      );
    },
  };
}
