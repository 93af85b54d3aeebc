import Type, { type Static, type TSchema } from "typebox";
import Value from "typebox/value";
import { MalformedValue } from "../../lorawan/errors.ts";
import type { SqlTransaction } from "../../platform/sql.ts";
import type { Page, PageRequest, TenantScope } from "../catalog-ports.ts";

/** Selects a timestamptz as RFC 3339 text in UTC, whatever the connection's time zone and date parsers are. */
export const rfc3339 = (column: string): string =>
  `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;

export const timestampColumns = (table: string): string =>
  `${rfc3339(`${table}.created_at`)} as "createdAt", ${rfc3339(`${table}.updated_at`)} as "updatedAt"`;

export const MacColumn = Type.Object({
  rx1DelaySeconds: Type.Optional(Type.Integer()),
  rx1DrOffset: Type.Optional(Type.Integer()),
  rx2DataRate: Type.Optional(Type.Integer()),
  rx2FrequencyHz: Type.Optional(Type.Integer()),
  maxDutyCycleExponent: Type.Optional(Type.Integer()),
  uplinkDwellTime: Type.Optional(Type.Boolean()),
  downlinkDwellTime: Type.Optional(Type.Boolean()),
  maxEirpDbm: Type.Optional(Type.Number()),
});

export const TagsColumn = Type.Record(Type.String(), Type.String());

/** Value for `$n::uuid[] is null or tenant_id = any($n)`. */
export const scopeValue = (scope: TenantScope): readonly string[] | null => (scope === "all" ? null : scope);

/** One assignable column: its name, and how a value of the record becomes one of the column. */
export interface Column {
  readonly name: string;
  readonly toSql?: (value: unknown) => unknown;
}

/** For jsonb columns: as text, because the driver would turn a JavaScript array into a PostgreSQL one. */
export const jsonColumn = (name: string): Column => ({ name, toSql: value => JSON.stringify(value) });

export type Columns = Readonly<Record<string, Column>>;

function present(columns: Columns, record: object): { readonly names: string[]; readonly values: unknown[] } {
  const names: string[] = [];
  const values: unknown[] = [];
  for (const [member, value] of Object.entries(record)) {
    const column = columns[member];
    if (column === undefined || value === undefined) continue;
    names.push(column.name);
    values.push(column.toSql === undefined ? value : column.toSql(value));
  }
  return { names, values };
}

/** `(a, b) values ($1, $2)` for the members of `record` that are columns. */
export function insertion(columns: Columns, record: object): { readonly text: string; readonly values: unknown[] } {
  const { names, values } = present(columns, record);
  const placeholders = names.map((_name, index) => `$${index + 1}`);
  return { text: `(${names.join(", ")}) values (${placeholders.join(", ")})`, values };
}

/** `a = $2, b = $3, updated_at = now()`; `$1` is left for the key. */
export function assignment(columns: Columns, change: object): { readonly text: string; readonly values: unknown[] } {
  const { names, values } = present(columns, change);
  const parts = names.map((name, index) => `${name} = $${index + 2}`);
  return { text: [...parts, "updated_at = now()"].join(", "), values };
}

const Cursor = Type.Tuple([Type.String(), Type.String()]);

const encodeCursor = (name: string, key: string): string =>
  Buffer.from(JSON.stringify([name, key])).toString("base64url");

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function decodeCursor(after: string): Static<typeof Cursor> {
  const cursor = parseJson(Buffer.from(after, "base64url").toString());
  // PostgreSQL refuses NUL in a text, so no list ever gave such a cursor.
  if (!Value.Check(Cursor, cursor) || cursor.some(part => part.includes("\0"))) {
    throw new MalformedValue("after is the `next` of an earlier page", { name: "after" });
  }
  return cursor;
}

export interface ListQuery {
  /** `select ... from ... where (...)`, to which a condition and an order are added. */
  readonly text: string;
  readonly values: readonly unknown[];
  /** SQL of the text that the list is ordered by, and of the key that makes the order total. */
  readonly orderBy: string;
  readonly key: string;
}

/** One page in the order of (orderBy, key), by bytes, so that a page is found by its first row and not by counting. */
export async function listPage<Row extends TSchema>(
  sql: SqlTransaction,
  row: Row,
  query: ListQuery,
  page: PageRequest,
  placeOf: (row: Static<Row>) => readonly [string, string],
): Promise<Page<Static<Row>>> {
  const values = [...query.values];
  const place = `${query.orderBy} collate "C", ${query.key} collate "C"`;
  let text = query.text;
  if (page.after !== undefined) {
    values.push(...decodeCursor(page.after));
    text += ` and (${place}) > ($${values.length - 1}::text, $${values.length}::text)`;
  }
  values.push(page.limit + 1);
  text += ` order by ${place} limit $${values.length}`;
  const rows = await sql.rows(row, text, values);
  const items = rows.slice(0, page.limit);
  const last = items.at(-1);
  return rows.length > page.limit && last !== undefined ? { items, next: encodeCursor(...placeOf(last)) } : { items };
}

/** The same page with each row made into what callers see. */
export const mapPage = <From, To>(page: Page<From>, map: (item: From) => To): Page<To> => ({
  ...page,
  items: page.items.map(map),
});
