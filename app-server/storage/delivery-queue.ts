import Type, { type Static } from "typebox";
import { parseApplicationId, parseDevEui, parseIntegrationId, parseTenantId } from "../../lorawan/ids.ts";
import type { Sql } from "../../platform/sql.ts";
import type { DeliveryQueue, Departure, NewMessage, QueuedMessage } from "../integration-ports.ts";
import type { ApplicationEventKind } from "../ports.ts";

/** Rows that one statement moves, so that none runs into the time limit of statements. */
const chunk = 5000;
export const queueChannel = "integration_queue";

const Appended = Type.Object({ integrationId: Type.String(), seq: Type.Integer() });
const Row = Type.Object({
  integrationId: Type.String(),
  seq: Type.Integer(),
  partition: Type.Integer(),
  devEui: Type.String(),
  applicationId: Type.String(),
  tenantId: Type.String(),
  kind: Type.Unsafe<ApplicationEventKind>(Type.String()),
  event: Type.String(),
});
const Size = Type.Object({
  messages: Type.Integer(),
  bytes: Type.Integer(),
  oldestAgeMs: Type.Integer(),
});
const Count = Type.Object({ count: Type.Integer() });

/** Columns that a message keeps wherever it goes. */
export const carried = "partition, dev_eui, application_id, tenant_id, kind, event, size";

const toMessage = (row: Static<typeof Row>): QueuedMessage => ({
  ...row,
  integrationId: parseIntegrationId(row.integrationId),
  devEui: parseDevEui(row.devEui),
  applicationId: parseApplicationId(row.applicationId),
  tenantId: parseTenantId(row.tenantId),
});

const append =
  (sql: Sql): DeliveryQueue["append"] =>
  async messages => {
    const column = <Key extends keyof NewMessage>(key: Key): NewMessage[Key][] => messages.map(message => message[key]);
    // The order of the numbers is that of the list: PostgreSQL counts after it has ordered.
    const rows = await sql.rows(
      Appended,
      `insert into integration_queue (integration_id, ${carried})
         select given.integration_id, given.partition, given.dev_eui, given.application_id, given.tenant_id, given.kind,
             given.event, given.size
           from unnest($1::uuid[], $2::smallint[], $3::text[], $4::uuid[], $5::uuid[], $6::text[], $7::text[], $8::integer[])
             with ordinality as given (integration_id, ${carried}, place)
             join integrations i on i.id = given.integration_id
           order by given.place
         returning integration_id as "integrationId", seq`,
      [
        column("integrationId"),
        column("partition"),
        column("devEui"),
        column("applicationId"),
        column("tenantId"),
        column("kind"),
        column("event"),
        messages.map(({ event }) => Buffer.byteLength(event)),
      ],
    );
    const alive = new Set(rows.map(({ integrationId }) => integrationId));
    return messages
      .filter(({ integrationId }) => alive.has(integrationId))
      .flatMap((message, index) => {
        const seq = rows[index]?.seq;
        return seq === undefined ? [] : [{ ...message, seq }];
      });
  };

/** The bodies are never looked at: dead or delivered, a row goes by its number. */
async function depart(sql: Sql, departures: readonly Departure[]): Promise<void> {
  const [delivered, dead] = [[] as Departure[], [] as Departure[]];
  for (const departure of departures) (departure.death === undefined ? delivered : dead).push(departure);
  const keys = (some: readonly Departure[]) => [some.map(one => one.integrationId), some.map(one => one.seq)];
  if (delivered.length > 0) {
    await sql.run(
      `delete from integration_queue q using unnest($1::uuid[], $2::bigint[]) as gone (integration_id, seq)
         where q.integration_id = gone.integration_id and q.seq = gone.seq`,
      keys(delivered),
    );
  }
  if (dead.length > 0) {
    await sql.run(
      `with dead as (
         delete from integration_queue q
           using unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::integer[])
             as given (integration_id, seq, reason, message, attempts)
           where q.integration_id = given.integration_id and q.seq = given.seq
           returning q.*, given.reason, given.message, given.attempts)
       insert into integration_dead_letters (integration_id, seq, ${carried}, enqueued_at, reason, message, attempts)
         select integration_id, seq, ${carried}, enqueued_at, reason, message, attempts from dead`,
      [
        ...keys(dead),
        dead.map(({ death }) => death?.reason ?? ""),
        // PostgreSQL refuses NUL in a text, and half a surrogate pair.
        dead.map(({ death }) => (death?.message ?? "").replaceAll("\0", "").toWellFormed().slice(0, 1000)),
        dead.map(({ death }) => death?.attempts ?? 0),
      ],
    );
  }
}

const trim =
  (sql: Sql): DeliveryQueue["trim"] =>
  async (integrationId, { maxMessages, maxMegabytes, maxAgeHours, onOverflow }) => {
    let moved = 0;
    for (;;) {
      const [row] = await sql.rows(
        Count,
        `with ranked as (
           select seq, enqueued_at < now() - make_interval(hours => $4) as is_old,
             row_number() over newest > $2 or sum(size) over newest > $3 as is_beyond
           from integration_queue where integration_id = $1 window newest as (order by seq desc)),
         gone as (
           delete from integration_queue q using (
             select seq, is_old from ranked where is_old or is_beyond order by seq limit ${chunk}) as r
           where q.integration_id = $1 and q.seq = r.seq returning q.*, r.is_old),
         kept as (
           insert into integration_dead_letters (integration_id, seq, ${carried}, enqueued_at, reason, message, attempts)
             select integration_id, seq, ${carried}, enqueued_at,
               case when is_old then 'expired' else 'overflow' end,
               case when is_old then 'waited for too long' else 'more waited than the limits allow' end, 0
             from gone where $5 = 'dead-letter' returning 1),
         told as (select pg_notify('${queueChannel}', $1::text) from gone limit 1)
         select count(*)::integer as count, (select count(*) from told) as told from gone`,
        [integrationId, maxMessages, maxMegabytes * 1_000_000, maxAgeHours, onOverflow],
      );
      moved += row?.count ?? 0;
      if ((row?.count ?? 0) < chunk) return moved;
    }
  };

const trimDeadLetters =
  (sql: Sql): DeliveryQueue["trimDeadLetters"] =>
  async (maxLetters, maxAgeHours) => {
    for (const name of ["integration_queue", "integration_dead_letters", "integration_states"]) {
      await sql.run(
        `delete from ${name} b where integration_id in (select distinct integration_id from ${name})
           and not exists (select from integrations i where i.id = b.integration_id)`,
      );
    }
    return sql.run(
      `delete from integration_dead_letters d using (
         select integration_id, seq, row_number() over (partition by integration_id order by died_at desc, seq desc) as place
           from integration_dead_letters) as ranked
       where d.integration_id = ranked.integration_id and d.seq = ranked.seq
         and (ranked.place > $1 or d.died_at < now() - make_interval(hours => $2))`,
      [maxLetters, maxAgeHours],
    );
  };

const report =
  (sql: Sql): DeliveryQueue["report"] =>
  async states => {
    if (states.length === 0) return;
    const timeOf = (ms: number | undefined) => (ms === undefined ? null : new Date(ms).toISOString());
    await sql.run(
      `insert into integration_states as s
           (integration_id, circuit, delivered, dropped, last_delivered_at, last_error_at, last_error)
         select given.* from unnest($1::uuid[], $2::text[], $3::bigint[], $4::bigint[], $5::timestamptz[], $6::timestamptz[], $7::text[])
             as given (integration_id) join integrations i on i.id = given.integration_id
         on conflict (integration_id) do update set
           circuit = excluded.circuit,
           delivered = s.delivered + excluded.delivered,
           dropped = s.dropped + excluded.dropped,
           last_delivered_at = greatest(s.last_delivered_at, excluded.last_delivered_at),
           last_error_at = coalesce(excluded.last_error_at, s.last_error_at),
           last_error = case when excluded.last_error_at is null then s.last_error else excluded.last_error end`,
      [
        states.map(state => state.integrationId),
        states.map(state => state.circuit),
        states.map(state => state.delivered),
        states.map(state => state.dropped),
        states.map(state => timeOf(state.lastDeliveredAtMs)),
        states.map(state => timeOf(state.lastError?.atMs)),
        states.map(state => (state.lastError?.message ?? "").replaceAll("\0", "").toWellFormed().slice(0, 1000)),
      ],
    );
  };

/** The queues in the catalog's database: a row for each message, gone once it is delivered or dead. */
export function createDeliveryQueue(sql: Sql): DeliveryQueue {
  return {
    append: append(sql),
    async read(integrationId, partitions, seq, limit) {
      const rows = await sql.rows(
        Row,
        `select integration_id as "integrationId", seq, partition, dev_eui as "devEui",
             application_id as "applicationId", tenant_id as "tenantId", kind, event
           from integration_queue where integration_id = $1 and partition = any($2::smallint[]) and seq > $3
           order by seq limit $4`,
        [integrationId, partitions, seq, limit],
      );
      return rows.map(toMessage);
    },
    depart: departures => depart(sql, departures),
    async size(integrationId) {
      const [row] = await sql.rows(
        Size,
        `select count(*)::integer as messages, coalesce(sum(size), 0)::bigint as bytes,
             coalesce(extract(epoch from now() - min(enqueued_at)) * 1000, 0)::bigint as "oldestAgeMs"
           from integration_queue where integration_id = $1`,
        [integrationId],
      );
      return { integrationId, messages: 0, bytes: 0, oldestAgeMs: 0, ...row };
    },
    trim: trim(sql),
    trimDeadLetters: trimDeadLetters(sql),
    report: report(sql),
    onChange: listener =>
      sql.listen(
        queueChannel,
        id => listener(parseIntegrationId(id)),
        () => listener(),
      ),
  };
}
