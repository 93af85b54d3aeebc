import Type, { type Static, type TSchema } from "typebox";
import Value from "typebox/value";
import { MalformedValue } from "../../lorawan/errors.ts";
import type { SqlTransaction } from "../../platform/sql.ts";
import type { Page, PageRequest } from "../catalog-ports.ts";

/** Selects a timestamptz as RFC 3339 text in UTC, whatever the connection's time zone and date parsers are. */
export const rfc3339 = (column: string): string =>
  `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;

/** The same to the microsecond; `-infinity` is what it is. */
export const exactTime = (time: string): string =>
  `case when ${time} = '-infinity' then '-infinity' else to_char(${time} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') end`;

export const timestampColumns = (table: string): string =>
  Object.entries(timestampSorts(table))
    .map(([member, text]) => `${text} as "${member}"`)
    .join(", ");

/** When a row was made and changed, as lists are in the order of it. */
export const timestampSorts = (table: string) => ({
  createdAt: rfc3339(`${table}.created_at`),
  updatedAt: rfc3339(`${table}.updated_at`),
});

export const MacColumn = Type.Object({
  rx1DelaySeconds: Type.Optional(Type.Integer()),
  rx1DrOffset: Type.Optional(Type.Integer()),
  rx2DataRate: Type.Optional(Type.Integer()),
  rx2FrequencyHz: Type.Optional(Type.Integer()),
  maxDutyCycleExponent: Type.Optional(Type.Integer()),
  uplinkDwellTime: Type.Optional(Type.Boolean()),
  downlinkDwellTime: Type.Optional(Type.Boolean()),
  maxEirpDbm: Type.Optional(Type.Number()),
  pingSlotFrequencyHz: Type.Optional(Type.Integer()),
  pingSlotDataRate: Type.Optional(Type.Integer()),
  beaconFrequencyHz: Type.Optional(Type.Integer()),
});

export const TagsColumn = Type.Record(Type.String(), Type.String());

/** One assignable column: its name, and how a value of the record becomes one of the column. */
export interface Column {
  readonly name: string;
  readonly toSql?: (value: unknown) => unknown;
}

/** For jsonb columns: as text, because the driver would turn a JavaScript array into a PostgreSQL one. */
export const jsonColumn = (name: string): Column => ({ name, toSql: value => JSON.stringify(value) });

export type Columns = Readonly<Record<string, Column>>;

/** Every column under its member's name, and the timestamps. */
export const selectList = (columns: Columns, table: string): string =>
  [
    ...Object.entries(columns).map(([member, column]) => `${table}.${column.name} as "${member}"`),
    timestampColumns(table),
  ].join(", ");

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

const Cursor = Type.Tuple([Type.String(), Type.String(), Type.String()]);

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** What a list is in the order of, so that a page is found by its first row and not by counting. */
export interface ListOrder {
  /** A cursor of one order is none of another. */
  readonly by: string;
  /** SQL of what the list is ordered by, and of the key, a text, that makes the order total. Texts go by their bytes. */
  readonly place: string;
  readonly placeType?: "timestamptz";
  readonly key: string;
  readonly descending: boolean;
}

const nameOf = ({ by, descending }: ListOrder): string => (descending ? `-${by}` : by);

const encodeCursor = (order: ListOrder, place: string, key: string): string =>
  Buffer.from(JSON.stringify([nameOf(order), place, key])).toString("base64url");

const notOfTheList = (): MalformedValue =>
  new MalformedValue("after is the `next` of an earlier page of the same list", { name: "after" });

/** Of a time that there is, as `exactTime` selects it. */
function isExactTime(text: string): boolean {
  if (text === "-infinity") return true;
  const [, untilMs = ""] = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3})\d{3}Z$/.exec(text) ?? [];
  const atMs = Date.parse(`${untilMs}Z`);
  return !Number.isNaN(atMs) && new Date(atMs).toISOString() === `${untilMs}Z`;
}

function decodeCursor(after: string, order: ListOrder): readonly [place: string, key: string] {
  const cursor = parseJson(Buffer.from(after, "base64url").toString());
  // PostgreSQL refuses NUL in a text, so no list ever gave such a cursor.
  if (!Value.Check(Cursor, cursor) || cursor[0] !== nameOf(order) || cursor.some(part => part.includes("\0"))) {
    throw notOfTheList();
  }
  const [, place, key] = cursor;
  if (order.placeType === "timestamptz" && !isExactTime(place)) throw notOfTheList();
  return [place, key];
}

export interface ListQuery {
  /** `select ... from ... where ...`, to which a condition and an order are added. */
  readonly text: string;
  readonly values: readonly unknown[];
  readonly order: ListOrder;
}

export async function listPage<Row extends TSchema>(
  sql: SqlTransaction,
  row: Row,
  { text, values, order }: ListQuery,
  page: PageRequest<string>,
  placeOf: (row: Static<Row>) => readonly [place: string, key: string],
): Promise<Page<Static<Row>>> {
  const given = [...values];
  const isText = order.placeType === undefined;
  const [place, key] = [isText ? `${order.place} collate "C"` : order.place, `${order.key} collate "C"`];
  const [beyond, direction] = order.descending ? ["<", "desc"] : [">", "asc"];
  let statement = text;
  if (page.after !== undefined) {
    given.push(...decodeCursor(page.after, order));
    statement += ` and (${place}, ${key}) ${beyond} ($${given.length - 1}::${order.placeType ?? "text"}, $${given.length}::text)`;
  }
  given.push(page.limit + 1);
  statement += ` order by ${place} ${direction}, ${key} ${direction} limit $${given.length}`;
  const rows = await sql.rows(row, statement, given);
  const items = rows.slice(0, page.limit);
  const last = items.at(-1);
  return rows.length > page.limit && last !== undefined
    ? { items, next: encodeCursor(order, ...placeOf(last)) }
    : { items };
}

/** The same page with each row made into what callers see. */
export const mapPage = <From, To>(page: Page<From>, map: (item: From) => To): Page<To> => ({
  ...page,
  items: page.items.map(map),
});
