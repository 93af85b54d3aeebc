import Type, { type Static } from "typebox";
import { type DevEui, parseDevEui } from "../../lorawan/ids.ts";
import type { Sql, SqlTransaction } from "../../platform/sql.ts";
import { partitionOf } from "../../platform/state/store.ts";
import {
  isTold,
  type Twin,
  type TwinDelivery,
  type TwinObject,
  type TwinStore,
  twinDeliveryStates,
} from "../twin-ports.ts";

const twinChannel = "device_twins";

const Json = Type.Unsafe<TwinObject>(Type.Object({}));
const Delivery = Type.Object({
  state: Type.Enum([...twinDeliveryStates]),
  attempts: Type.Integer(),
  itemId: Type.Optional(Type.String()),
  itemVersion: Type.Optional(Type.Integer()),
  itemBytes: Type.Optional(Type.Integer()),
  queuedAtMs: Type.Optional(Type.Number()),
  sentAtMs: Type.Optional(Type.Number()),
  isHeardSince: Type.Optional(Type.Boolean()),
  airtimeMs: Type.Number(),
  airtimeAtMs: Type.Number(),
  reason: Type.Optional(Type.String()),
});
const Row = Type.Object({
  devEui: Type.String(),
  desired: Json,
  reported: Json,
  desiredTimes: Json,
  reportedTimes: Json,
  desiredVersion: Type.Integer(),
  reportedVersion: Type.Integer(),
  delivery: Delivery,
  dueAtMs: Type.Union([Type.Integer(), Type.Null()]),
  seen: Type.Array(Type.String()),
  reportFault: Type.Union([Type.String(), Type.Null()]),
  told: Type.String(),
  revision: Type.Integer(),
});
const selected = `dev_eui as "devEui", desired, reported, desired_times as "desiredTimes",
  reported_times as "reportedTimes", desired_version as "desiredVersion", reported_version as "reportedVersion", delivery,
  (extract(epoch from due_at) * 1000)::bigint as "dueAtMs", seen, report_fault as "reportFault", told, revision`;

const toTwin = ({ dueAtMs, reportFault, ...row }: Static<typeof Row>): Twin => ({
  ...row,
  devEui: parseDevEui(row.devEui),
  ...(dueAtMs !== null && { dueAtMs }),
  ...(reportFault !== null && { reportFault }),
});

const timeOf = (ms: number | undefined): string | null => (ms === undefined ? null : new Date(ms).toISOString());

/** Columns by their name in a list of objects, for statements that write many twins. */
const toJson = (twin: Twin) => ({
  dev_eui: twin.devEui,
  desired: twin.desired,
  reported: twin.reported,
  desired_times: twin.desiredTimes,
  reported_times: twin.reportedTimes,
  desired_version: twin.desiredVersion,
  reported_version: twin.reportedVersion,
  delivery: twin.delivery,
  due_at: timeOf(twin.dueAtMs),
  seen: twin.seen,
  report_fault: twin.reportFault ?? null,
  told: twin.told,
  is_untold: !isTold(twin),
  expected: twin.revision,
});

async function write(sql: SqlTransaction, twins: readonly Twin[]): Promise<number> {
  return sql.run(
    `update device_twins t set desired = n.desired, reported = n.reported, desired_times = n.desired_times,
         reported_times = n.reported_times, desired_version = n.desired_version, reported_version = n.reported_version,
         delivery = n.delivery, due_at = n.due_at, seen = n.seen, report_fault = n.report_fault, told = n.told,
         is_untold = n.is_untold, revision = t.revision + 1
       from jsonb_to_recordset($1::jsonb) as n (dev_eui text, desired jsonb, reported jsonb, desired_times jsonb,
         reported_times jsonb, desired_version bigint, reported_version bigint, delivery jsonb, due_at timestamptz,
         seen text[], report_fault text, told text, is_untold boolean, expected bigint)
       where t.dev_eui = n.dev_eui and t.revision = n.expected`,
    [JSON.stringify(twins.map(toJson))],
  );
}

const emptyDelivery: TwinDelivery = { state: "in-sync", attempts: 0, airtimeMs: 0, airtimeAtMs: 0 };

/** Rows of these devices, held, made where there are none. In one order, so that two never wait for each other. */
async function held(sql: SqlTransaction, devEuis: readonly DevEui[]): Promise<readonly Twin[]> {
  const sorted = [...new Set(devEuis)].sort();
  const select = `select ${selected} from device_twins where dev_eui = any($1) order by dev_eui for update`;
  const found = await sql.rows(Row, select, [sorted]);
  if (found.length === sorted.length) return found.map(toTwin);
  const known = new Set(found.map(({ devEui }) => devEui));
  const missing = sorted.filter(devEui => !known.has(devEui));
  await sql.run(
    `insert into device_twins (dev_eui, partition, delivery)
       select d.dev_eui, given.partition, $3::jsonb from unnest($1::text[], $2::smallint[]) as given (dev_eui, partition)
         join devices d on d.dev_eui = given.dev_eui order by d.dev_eui
       on conflict do nothing`,
    [missing, missing.map(partitionOf), JSON.stringify(emptyDelivery)],
  );
  return (await sql.rows(Row, select, [sorted])).map(toTwin);
}

export function createTwinStore(sql: Sql): TwinStore {
  const many = async (where: string, values: readonly unknown[]): Promise<readonly Twin[]> =>
    (await sql.rows(Row, `select ${selected} from device_twins where ${where}`, values)).map(toTwin);
  const tell = (transaction: SqlTransaction) => transaction.run(`select pg_notify('${twinChannel}', '')`);
  return {
    async get(devEui) {
      const [twin] = await many("dev_eui = $1", [devEui]);
      return twin;
    },
    change: (devEuis, change) =>
      sql.transaction(async transaction => {
        const changed = (await held(transaction, devEuis)).map(change).filter(twin => twin !== undefined);
        if (changed.length === 0) return changed;
        await write(transaction, changed);
        await tell(transaction);
        return changed;
      }),
    replace: async twin => (await write(sql, [twin])) === 1,
    remove: async devEui => (await sql.run("delete from device_twins where dev_eui = $1", [devEui])) === 1,
    due: (partitions, nowMs, limit) =>
      many("due_at <= $2 and partition = any($1::smallint[]) order by due_at limit $3", [
        partitions,
        timeOf(nowMs),
        limit,
      ]),
    untold: (partitions, limit) => many("is_untold and partition = any($1::smallint[]) limit $2", [partitions, limit]),
    onChange: listener => sql.listen(twinChannel, listener, listener),
  };
}
