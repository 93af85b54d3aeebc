import Type, { type Static } from "typebox";
import { parseApplicationId, parseDevEui } from "../../lorawan/ids.ts";
import type { Sql } from "../../platform/sql.ts";
import type { DeadLetter, DeliveryDesk, IntegrationState, LetterFilter } from "../integration-ports.ts";
import type { ApplicationEventKind } from "../ports.ts";
import { carried, queueChannel } from "./delivery-queue.ts";
import { rfc3339 } from "./statement.ts";

const NullableText = Type.Union([Type.String(), Type.Null()]);
const integrationId = Type.String();
const StateRow = Type.Object({
  integrationId,
  circuit: Type.Unsafe<"closed" | "open">(Type.String()),
  delivered: Type.Integer(),
  dropped: Type.Integer(),
  lastDeliveredAt: NullableText,
  lastErrorAt: NullableText,
  lastError: Type.String(),
});
const QueueRow = Type.Object({
  integrationId,
  messages: Type.Integer(),
  bytes: Type.Integer(),
  oldestAt: NullableText,
});
const LetterRow = Type.Object({
  id: Type.String(),
  devEui: Type.String(),
  applicationId: Type.String(),
  kind: Type.Unsafe<ApplicationEventKind>(Type.String()),
  event: Type.String(),
  enqueuedAt: Type.String(),
  diedAt: Type.String(),
  reason: Type.String(),
  message: Type.String(),
  attempts: Type.Integer(),
});
const DeadRow = Type.Object({ integrationId, count: Type.Integer() });
const Count = Type.Object({ count: Type.Integer() });

const toLetter = (row: Static<typeof LetterRow>): DeadLetter => ({
  ...row,
  devEui: parseDevEui(row.devEui),
  applicationId: parseApplicationId(row.applicationId),
});

/** `where` for the letters that are meant; `values` gets what its placeholders stand for. */
function conditionOf(id: string, { ids, devEui, kind, reason }: LetterFilter, values: unknown[]): string {
  const equal = (column: string, value: unknown): string => `${column} = $${values.push(value)}`;
  return [
    equal("integration_id", id),
    ids === undefined ? "true" : `seq = any($${values.push(ids)}::bigint[])`,
    devEui === undefined ? "true" : equal("dev_eui", devEui),
    kind === undefined ? "true" : equal("kind", kind),
    reason === undefined ? "true" : equal("reason", reason),
  ].join(" and ");
}

const ofOne = <Row extends { readonly integrationId: string }>(rows: readonly Row[], id: string): Row | undefined =>
  rows.find(row => row.integrationId === id);

/** An integration that nothing was sent for yet has no row of its state, one without a queue none of that. */
function stateOf(
  state: Static<typeof StateRow> | undefined,
  queue: Static<typeof QueueRow> | undefined,
  deadLetters: number,
): IntegrationState {
  const { circuit = "closed", delivered = 0, dropped = 0, lastDeliveredAt = null } = state ?? {};
  const { lastErrorAt = null, lastError = "" } = state ?? {};
  const { messages = 0, bytes = 0, oldestAt = null } = queue ?? {};
  return {
    circuit,
    delivered,
    dropped,
    lastDeliveredAt,
    lastError: lastErrorAt === null ? null : { at: lastErrorAt, message: lastError },
    queue: { messages, bytes, oldestAt },
    deadLetters,
  };
}

export function createDeliveryDesk(sql: Sql): DeliveryDesk {
  const count = async (text: string, values: readonly unknown[]): Promise<number> =>
    (await sql.rows(Count, text, values))[0]?.count ?? 0;
  const states: DeliveryDesk["states"] = async ids => {
    const told = await sql.rows(
      StateRow,
      `select integration_id as "integrationId", circuit, delivered, dropped, last_error as "lastError",
           ${rfc3339("last_delivered_at")} as "lastDeliveredAt", ${rfc3339("last_error_at")} as "lastErrorAt"
         from integration_states where integration_id = any($1::uuid[])`,
      [ids],
    );
    const queues = await sql.rows(
      QueueRow,
      `select integration_id as "integrationId", count(*)::integer as messages, sum(size)::bigint as bytes,
           ${rfc3339("min(enqueued_at)")} as "oldestAt"
         from integration_queue where integration_id = any($1::uuid[]) group by integration_id`,
      [ids],
    );
    const dead = await sql.rows(
      DeadRow,
      `select integration_id as "integrationId", count(*)::integer as count
         from integration_dead_letters where integration_id = any($1::uuid[]) group by integration_id`,
      [ids],
    );
    return new Map(ids.map(id => [id, stateOf(ofOne(told, id), ofOne(queues, id), ofOne(dead, id)?.count ?? 0)]));
  };
  return {
    states,
    state: async id => (await states([id])).get(id) ?? stateOf(undefined, undefined, 0),
    async deadLetters(id, filter, { limit, after = "0" }) {
      const values: unknown[] = [];
      const where = conditionOf(id, filter, values);
      const rows = await sql.rows(
        LetterRow,
        `select seq::text as id, dev_eui as "devEui", application_id as "applicationId", kind, event, reason, message,
             attempts, ${rfc3339("enqueued_at")} as "enqueuedAt", ${rfc3339("died_at")} as "diedAt"
           from integration_dead_letters where ${where} and seq > $${values.push(after)}
           order by seq limit $${values.push(limit + 1)}`,
        values,
      );
      const items = rows.slice(0, limit).map(toLetter);
      const last = items.at(-1);
      return rows.length > limit && last !== undefined ? { items, next: last.id } : { items };
    },
    replay(id, filter) {
      const values: unknown[] = [];
      const where = conditionOf(id, filter, values);
      return count(
        `with risen as (delete from integration_dead_letters where ${where} returning *),
           waiting as (insert into integration_queue (integration_id, ${carried})
             select integration_id, ${carried} from risen order by seq returning 1),
           told as (select pg_notify('${queueChannel}', integration_id::text) from risen limit 1)
         select count(*)::integer as count, (select count(*) from told) as told from waiting`,
        values,
      );
    },
    drop(id, filter) {
      const values: unknown[] = [];
      return sql.run(`delete from integration_dead_letters where ${conditionOf(id, filter, values)}`, values);
    },
    purge: id =>
      count(
        `with gone as (delete from integration_queue where integration_id = $1 returning integration_id),
           told as (select pg_notify('${queueChannel}', integration_id::text) from gone limit 1)
         select count(*)::integer as count, (select count(*) from told) as told from gone`,
        [id],
      ),
  };
}
