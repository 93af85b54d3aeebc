import Type, { type Static } from "typebox";
import { parseApplicationId, parseDevEui, parseTenantId } from "../../lorawan/ids.ts";
import type { Sql, SqlTransaction } from "../../platform/sql.ts";
import type { EventJournal, JournalEvent, JournalFilter, JournalSpan } from "../journal-ports.ts";
import type { DeviceEventKind } from "../ports.ts";
import { Conditions } from "./conditions.ts";
import { journalKey } from "./event-row.ts";
import { nobody } from "./usage.ts";

const NumberRow = Type.Object({ number: Type.Integer() });
const StateRow = Type.Object({ id: Type.String(), last: Type.Integer() });
const EventRow = Type.Object({
  number: Type.Integer(),
  id: Type.String(),
  kind: Type.Unsafe<DeviceEventKind>(Type.String()),
  tenant: Type.String(),
  application: Type.String(),
  devEui: Type.String(),
  body: Type.String(),
});

/**
 * Takes so many numbers, and gives the one before the first. Until the transaction ends, whoever else wants some waits: what
 * has a smaller number is there before what has a larger one.
 */
export async function takeNumbers(sql: SqlTransaction, count: number): Promise<number> {
  const [row] = await sql.rows(
    NumberRow,
    `insert into event_journal as j (last) values ($1)
       on conflict (is_only) do update set last = j.last + excluded.last returning last - $1::bigint as number`,
    [count],
  );
  return row?.number ?? 0;
}

/** Notes that events up to the last of this table are gone with the transaction, whoever had them. */
export async function raiseFloorOverTable(sql: SqlTransaction, table: string): Promise<void> {
  const [row] = await sql.rows(
    NumberRow,
    `select coalesce(max(number), 0)::bigint as number from ${table} where number is not null`,
  );
  if (row === undefined || row.number === 0) return;
  await sql.run(
    `insert into event_journal_floors as f (tenant_id, number) values ($1::uuid, $2)
       on conflict (tenant_id) do update set number = greatest(f.number, excluded.number)`,
    [nobody, row.number],
  );
}

function journalQuery(span: JournalSpan, filter: JournalFilter, limit: number): { text: string; values: unknown[] } {
  const conditions = new Conditions();
  const { applicationId, devEui, kinds } = filter;
  conditions.add(span.after, value => `e.number > ${value}::bigint`);
  conditions.add(span.upTo, value => `e.number <= ${value}::bigint`);
  conditions.add(devEui, value => `e.dev_eui = ${value}`);
  conditions.add(applicationId, value => `e.application_id = ${value}::uuid`);
  conditions.add(kinds, value => `e.kind = any(${value}::text[])`);
  conditions.scope(filter, "e");
  return {
    text: `select e.number, e.id::text as id, e.kind, e.tenant_id::text as tenant, e.application_id::text as application,
        e.dev_eui as "devEui", e.body
      from event_history e where ${conditions.text} order by e.number limit ${limit}`,
    values: conditions.values,
  };
}

const eventOf = ({ number, id, kind, ...row }: Static<typeof EventRow>): JournalEvent => ({
  number,
  key: journalKey({ id, kind }),
  event: {
    kind,
    tenantId: parseTenantId(row.tenant),
    applicationId: parseApplicationId(row.application),
    devEui: parseDevEui(row.devEui),
    json: row.body,
  },
});

export function createEventJournal(sql: Sql): EventJournal {
  return {
    async state() {
      const [row] = await sql.rows(StateRow, "select id, last from event_journal");
      return row ?? { id: "", last: 0 };
    },
    async read(span, filter, limit) {
      const { text, values } = journalQuery(span, filter, limit);
      return (await sql.rows(EventRow, text, values)).map(eventOf);
    },
    async floor({ tenants, applications = [] }) {
      const [row] =
        tenants === "all"
          ? await sql.rows(NumberRow, "select coalesce(max(number), 0)::bigint as number from event_journal_floors")
          : await sql.rows(
              NumberRow,
              `select coalesce(max(number), 0)::bigint as number from event_journal_floors
                 where tenant_id = $1::uuid or tenant_id = any($2::uuid[])
                   or tenant_id in (select tenant_id from applications where id = any($3::uuid[]))`,
              [nobody, tenants, applications],
            );
      return row?.number ?? 0;
    },
  };
}
