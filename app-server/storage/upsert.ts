import { isDeepStrictEqual } from "node:util";
import type { TSchema } from "typebox";
import type { SqlTransaction } from "../../platform/sql.ts";
import type { BulkRule, BulkVerdict } from "../bulk-ports.ts";
import type { LimitedKind } from "../tenant-limit-ports.ts";
import type { Columns } from "./statement.ts";
import type { TableDefinition } from "./table.ts";
import { type Room, roomFor } from "./tenant-limits.ts";

/** How records of one table are found and told apart in bulk. */
export interface UpsertDefinition<Row extends TSchema, Item extends object> {
  readonly table: Pick<
    TableDefinition<Row, Item>,
    "name" | "key" | "row" | "columns" | "selected" | "from" | "toColumns" | "toItem"
  >;
  /** The texts that a record may be known by; no two kinds of text look alike. */
  readonly keysOf: (item: Item) => readonly string[];
  /** `where` of those that have one of the keys in `$1`; `$2` is the tenant. */
  readonly withKeys: string;
  readonly primaryKeyOf: (item: Item) => string;
  /** Whether the rule reaches it. */
  readonly isWithin: (item: Item, rule: BulkRule) => boolean;
  /** What the tenant's limit of them is called, where there may be one. */
  readonly limited?: LimitedKind;
}

export interface UpsertRecord {
  /** One of `keysOf`. */
  readonly key: string;
  readonly change: object;
  readonly whenNew: object | undefined;
}

/** A record as it is found, and becomes. */
interface Entry {
  /** Undefined of one that is made by this batch. */
  readonly primaryKey: string | undefined;
  readonly isWithin: boolean;
  record: object;
  isChanged: boolean;
}

/**
 * Makes and changes rows, in three statements however many there are. A unique key that somebody else takes meanwhile is a
 * SqlError `sql_unique_violation`: done again, the batch finds the other's record.
 */
export async function upsertAll<Row extends TSchema, Item extends object>(
  sql: SqlTransaction,
  definition: UpsertDefinition<Row, Item>,
  records: readonly UpsertRecord[],
  rule: BulkRule,
): Promise<readonly BulkVerdict[]> {
  const entries = await findEntries(sql, definition, records, rule);
  const room = await roomOf(sql, definition.limited, rule);
  const verdicts = records.map(record => judge(entries, record, rule, room));
  if (rule.isDryRun) return verdicts;
  const touched = [...new Set([...entries.values()].flat())];
  const { table } = definition;
  const columnsOf = table.toColumns ?? ((record: object) => record);
  const rows = (chosen: readonly Entry[]) =>
    chosen.map(({ primaryKey, record }) => ({
      ...rowOf(table.columns, columnsOf(record)),
      ...(primaryKey !== undefined && { [table.key]: primaryKey }),
    }));
  await insertRows(sql, table, rows(touched.filter(({ primaryKey }) => primaryKey === undefined)));
  await updateRows(
    sql,
    table,
    rows(touched.filter(({ primaryKey, isChanged }) => primaryKey !== undefined && isChanged)),
  );
  return verdicts;
}

/** By every key that a record has; several entries under one key are several records of one name. */
async function findEntries<Row extends TSchema, Item extends object>(
  sql: SqlTransaction,
  { table, keysOf, withKeys, primaryKeyOf, isWithin }: UpsertDefinition<Row, Item>,
  records: readonly UpsertRecord[],
  rule: BulkRule,
): Promise<Map<string, Entry[]>> {
  const { name, key, from = name } = table;
  const keys = [...new Set(records.map(record => record.key))];
  // In one order, so that two batches with the same records wait for each other and do not lock up.
  const found = await sql.rows(
    table.row,
    `select ${table.selected} from ${from} where ${withKeys} order by ${name}.${key}
       ${rule.isDryRun ? "" : `for update of ${name}`}`,
    [keys, rule.tenantId],
  );
  const entries = new Map<string, Entry[]>();
  for (const row of found) {
    const item = table.toItem(row);
    const entry = { primaryKey: primaryKeyOf(item), isWithin: isWithin(item, rule), record: item, isChanged: false };
    for (const known of keysOf(item)) entries.set(known, [...(entries.get(known) ?? []), entry]);
  }
  return entries;
}

/** Held until the transaction ends, so that nobody takes it meanwhile. */
async function roomOf(
  sql: SqlTransaction,
  limited: LimitedKind | undefined,
  { tenantId, isDryRun, createdBefore = 0 }: BulkRule,
): Promise<Room | undefined> {
  const room = limited && (await roomFor(sql, tenantId, limited));
  return room && isDryRun ? { ...room, left: Math.max(0, room.left - createdBefore) } : room;
}

function judge(
  entries: Map<string, Entry[]>,
  { key, change, whenNew }: UpsertRecord,
  rule: BulkRule,
  room: Room | undefined,
): BulkVerdict {
  const [entry, ...more] = entries.get(key) ?? [];
  if (more.length > 0) return { kind: "ambiguous" };
  if (entry === undefined) {
    if (whenNew === undefined) return { kind: "incomplete" };
    if (room?.left === 0) return { kind: "over-limit", of: room.kind, limit: room.limit };
    if (room !== undefined) room.left -= 1;
    entries.set(key, [{ primaryKey: undefined, isWithin: true, record: whenNew, isChanged: true }]);
    return { kind: "created" };
  }
  if (!entry.isWithin) return { kind: "elsewhere" };
  if (rule.onExisting === "skip") return { kind: "skipped" };
  if (rule.onExisting === "fail") return { kind: "exists" };
  const before = new Map(Object.entries(entry.record));
  if (Object.entries(change).every(([name, value]) => isDeepStrictEqual(before.get(name), value))) {
    return { kind: "unchanged" };
  }
  entry.record = { ...entry.record, ...change };
  entry.isChanged = true;
  return { kind: "updated" };
}

/** A record's members under the names of their columns. */
function rowOf(columns: Columns, record: object): Readonly<Record<string, unknown>> {
  const values = new Map(Object.entries(record));
  return Object.fromEntries(Object.entries(columns).map(([member, { name }]) => [name, values.get(member) ?? null]));
}

type Written = Pick<TableDefinition<TSchema, object>, "name" | "key" | "columns">;

const namesOf = ({ columns }: Written): readonly string[] => Object.values(columns).map(({ name }) => name);

async function insertRows(sql: SqlTransaction, table: Written, rows: readonly object[]): Promise<void> {
  if (rows.length === 0) return;
  const names = namesOf(table).join(", ");
  // The table itself says what types its columns have.
  await sql.run(
    `insert into ${table.name} (${names}) select ${names} from json_populate_recordset(null::${table.name}, $1::json)`,
    [JSON.stringify(rows)],
  );
}

async function updateRows(sql: SqlTransaction, table: Written, rows: readonly object[]): Promise<void> {
  if (rows.length === 0) return;
  const assigned = namesOf(table).map(name => `${name} = given.${name}`);
  await sql.run(
    `update ${table.name} set ${assigned.join(", ")}, updated_at = now()
       from json_populate_recordset(null::${table.name}, $1::json) as given
       where ${table.name}.${table.key} = given.${table.key}`,
    [JSON.stringify(rows)],
  );
}
