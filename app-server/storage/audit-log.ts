import Type, { type Static } from "typebox";
import Value from "typebox/value";
import type { Clock } from "../../platform/clock.ts";
import type { Sql, SqlTransaction } from "../../platform/sql.ts";
import type { AuditEntry, AuditFilter, AuditKeys, AuditLog, AuditNote, AuditVerdict } from "../audit-ports.ts";
import type { Page } from "../catalog-ports.ts";
import { chainStart, entryText, isSigned, sign } from "./audit-chain.ts";
import { type Condition, equal, inTenants, named } from "./table.ts";

/** Held while an entry is added, so that entries are one chain; any other use of the database must only avoid it. */
const chainLock = 7_523_812;
/** Entries that are checked at a time. */
const batch = 5000;

const Entry = Type.Object({
  number: Type.Integer(),
  at: Type.String(),
  actor: Type.Object({
    kind: Type.Enum(["user", "api-key", "token", "nobody"]),
    id: Type.Union([Type.String(), Type.Null()]),
    name: Type.String(),
  }),
  address: Type.String(),
  tenantId: Type.Union([Type.String(), Type.Null()]),
  action: Type.String(),
  subject: Type.Record(Type.String(), Type.String()),
  request: Type.Optional(Type.Unknown()),
  outcomeOf: Type.Optional(Type.Integer()),
  result: Type.Optional(Type.Record(Type.String(), Type.Integer())),
  status: Type.Optional(Type.Integer()),
});

const Listed = Type.Object({ entry: Type.String(), outcome: Type.Union([Type.String(), Type.Null()]) });
const Signed = Type.Object({
  number: Type.String(),
  outcomeOf: Type.Union([Type.String(), Type.Null()]),
  entry: Type.String(),
  keyId: Type.String(),
  signature: Type.String(),
});
const selectSigned = `number::text as number, outcome_of::text as "outcomeOf", entry, key_id as "keyId",
  encode(signature, 'hex') as signature`;

export function createAuditLog(sql: Sql, clock: Clock, keys: AuditKeys): AuditLog {
  return {
    add: note =>
      sql.transaction(async transaction => {
        await transaction.run("select pg_advisory_xact_lock($1)", [chainLock]);
        return append(transaction, keys, note, new Date(clock.nowMs()).toISOString());
      }),
    list: (filter, page) => list(sql, filter, page),
    verify: () => verify(sql, keys),
  };
}

const bytesOf = (hex: string): Uint8Array => Buffer.from(hex, "hex");

async function append(sql: SqlTransaction, keys: AuditKeys, note: AuditNote, at: string): Promise<number> {
  const [last] = await sql.rows(Signed, `select ${selectSigned} from audit_log order by audit_log.number desc limit 1`);
  const number = Number(last?.number ?? 0) + 1;
  const text = entryText(number, at, note);
  const signature = Buffer.from(sign(keys.current, last ? bytesOf(last.signature) : chainStart, text));
  await sql.run(
    `insert into audit_log (number, outcome_of, at, tenant_id, actor_name, action, entry, key_id, signature)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
    [number, note.outcomeOf ?? null, at, note.tenantId, note.actor.name, note.action, text, keys.current.id, signature],
  );
  return number;
}

async function list(
  sql: Sql,
  filter: AuditFilter,
  page: { readonly limit: number; readonly before?: number },
): Promise<Page<AuditEntry>> {
  const values: unknown[] = [];
  const value = (given: unknown): string => `$${values.push(given)}`;
  const conditions: readonly Condition[] = [
    inTenants(filter.tenants, "a.tenant_id"),
    equal(filter.actor, "a.actor_name"),
    named(filter.action, "a.action"),
    filter.since === undefined ? () => "true" : given => `a.at >= ${given(filter.since)}`,
    filter.until === undefined ? () => "true" : given => `a.at < ${given(filter.until)}`,
    page.before === undefined ? () => "true" : given => `a.number < ${given(page.before)}`,
  ];
  const rows = await sql.rows(
    Listed,
    `select a.entry, o.entry as outcome from audit_log a left join audit_log o on o.outcome_of = a.number
       where a.outcome_of is null and ${conditions.map(condition => condition(value)).join(" and ")}
       order by a.number desc limit ${value(page.limit + 1)}`,
    values,
  );
  const items = rows.slice(0, page.limit).map(toEntry);
  const last = items.at(-1);
  return rows.length > page.limit && last !== undefined ? { items, next: String(last.number) } : { items };
}

function toEntry({ entry, outcome }: Static<typeof Listed>): AuditEntry {
  const { outcomeOf: _, status, ...asked } = parseEntry(entry);
  if (outcome === null) return { ...asked, status: status ?? null };
  const { result, status: answered } = parseEntry(outcome);
  return { ...asked, ...(result && { result }), status: answered ?? null };
}

const parseEntry = (text: string): Static<typeof Entry> => Value.Parse(Entry, JSON.parse(text));

async function verify(sql: Sql, keys: AuditKeys): Promise<AuditVerdict> {
  const known = new Map([keys.current, ...keys.older].map(key => [key.id, key]));
  let before: Uint8Array = chainStart;
  let number = 0;
  for (;;) {
    const rows = await sql.rows(
      Signed,
      `select ${selectSigned} from audit_log where audit_log.number > $1 order by audit_log.number limit ${batch}`,
      [number],
    );
    for (const row of rows) {
      number += 1;
      if (Number(row.number) !== number) return { kind: "broken", at: number, reason: "the entry is missing" };
      const key = known.get(row.keyId);
      if (key === undefined) return { kind: "broken", at: number, reason: `key ${row.keyId} is not at hand` };
      const signature = bytesOf(row.signature);
      if (!isSigned(key, before, row.entry, signature)) {
        return {
          kind: "broken",
          at: number,
          reason: "the signature does not fit: this entry or one before was changed",
        };
      }
      before = signature;
    }
    if (rows.length < batch) return { kind: "intact", entries: number, head: Buffer.from(before).toString("hex") };
  }
}
