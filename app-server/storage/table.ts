import Type, { type Static, type TSchema } from "typebox";
import type { Sql, SqlTransaction } from "../../platform/sql.ts";
import {
  CatalogConflict,
  type Page,
  type PageRequest,
  type SortMember,
  sortMembers,
  type Tags,
  type TenantScope,
} from "../catalog-ports.ts";
import { assignment, type Columns, insertion, type ListOrder, listPage, mapPage } from "./statement.ts";

/** One table of the catalog whose rows are records of one kind. */
export interface TableDefinition<Row extends TSchema, Item> {
  readonly name: string;
  /** The primary key's column, without its table. */
  readonly key: string;
  readonly row: Row;
  /** What a record's members are called in the table. */
  readonly columns: Columns;
  /** The select list, for `from`. */
  readonly selected: string;
  /** What the select list is taken from, where it needs more than the table itself. */
  readonly from?: string;
  /** SQL of the texts that a list can be in the order of. */
  readonly sorts: Readonly<Partial<Record<SortMember, string>>>;
  readonly placeOf: (row: Static<Row>, by: SortMember) => readonly [place: string, key: string];
  readonly toItem: (row: Static<Row>) => Item;
  /** For records whose members are not columns one by one. */
  readonly toColumns?: (record: object) => object;
  /** What no two records share, as an expression that has a unique index; the key by default. */
  readonly identity?: string;
  /** Said when it is taken, as in "There is already a gateway with this EUI." */
  readonly taken?: string;
}

/** Part of a `where`; `value` makes a placeholder of what it is given. */
export type Condition = (value: (given: unknown) => string) => string;

/** Sees a record that nobody else changes until the transaction ends, and throws to leave it as it is. */
export type RowCheck<Item> = (item: Item, sql: SqlTransaction) => void | Promise<void>;

export interface Table<Item> {
  list(conditions: readonly Condition[], page: PageRequest): Promise<Page<Item>>;
  get(key: string): Promise<Item | undefined>;
  /** Throws CatalogConflict `already_exists` when its identity is taken. */
  add(record: object, sql?: SqlTransaction): Promise<Item>;
  update(key: string, change: object, ...checks: readonly (RowCheck<Item> | undefined)[]): Promise<Item | undefined>;
  /** False when there is no such record. */
  remove(key: string, ...checks: readonly (RowCheck<Item> | undefined)[]): Promise<boolean>;
}

const everything: Condition = () => "true";

export const inTenants =
  (scope: TenantScope, column: string): Condition =>
  value =>
    scope === "all" ? "true" : `${column} = any(${value(scope)}::uuid[])`;

/** In one of the tenants, or one of the applications beside. */
export const withinScope =
  (tenants: TenantScope, tenant: string, applications: readonly string[] | undefined, application: string): Condition =>
  value => {
    const wholly = inTenants(tenants, tenant)(value);
    return applications === undefined ? wholly : `(${wholly} or ${application} = any(${value(applications)}::uuid[]))`;
  };

/** Beginning of a text, in any case. */
export const named = (search: string | undefined, column: string): Condition =>
  search === undefined ? everything : value => `starts_with(lower(${column}), lower(${value(search)}))`;

/** Beginning of a name or of an EUI in any spelling. */
export function namedOrEui(search: string | undefined, column: string, eui: string): Condition {
  const digits = search?.replace(/[-:]/g, "").toLowerCase() ?? "";
  // Separators alone are no beginning of an EUI, and "" would begin every one.
  if (search === undefined || digits === "") return named(search, column);
  return value => `(${named(search, column)(value)} or starts_with(${eui}, ${value(digits)}))`;
}

export const withTags = (tags: Tags | undefined, table: string): Condition =>
  tags === undefined ? everything : value => `${table}.tags @> ${value(JSON.stringify(tags))}::jsonb`;

/** Equal to what is asked for, if anything is. */
export const equal = (given: string | boolean | undefined, column: string): Condition =>
  given === undefined ? everything : value => `${column} = ${value(given)}`;

/** Refuses while `query`, which is given the key, finds anything. */
export const noneLeft =
  (key: string, query: string, refusal: () => CatalogConflict): RowCheck<unknown> =>
  async (_item, sql) => {
    if ((await sql.rows(Type.Object({}), query, [key])).length > 0) throw refusal();
  };

export function createTable<Row extends TSchema, Item>(sql: Sql, definition: TableDefinition<Row, Item>): Table<Item> {
  const { name, key, row, columns, selected, from = name, toItem, toColumns = record => record } = definition;
  const only = async (on: SqlTransaction, text: string, values: readonly unknown[]): Promise<Item | undefined> => {
    const [found] = await on.rows(row, text, values);
    return found === undefined ? undefined : toItem(found);
  };
  const get = (id: string, on: SqlTransaction = sql): Promise<Item | undefined> =>
    only(on, `select ${selected} from ${from} where ${name}.${key} = $1`, [id]);
  /** Does `work` in the transaction that keeps the record from every other change. */
  const holding = <Result>(
    id: string,
    checks: readonly (RowCheck<Item> | undefined)[],
    work: (transaction: SqlTransaction) => Promise<Result>,
  ): Promise<Result | undefined> =>
    sql.transaction(async transaction => {
      await transaction.rows(Type.Object({}), `select 1 from ${name} where ${key} = $1 for update`, [id]);
      const before = await get(id, transaction);
      if (before === undefined) return undefined;
      for (const check of checks) await check?.(before, transaction);
      return work(transaction);
    });
  return {
    async list(conditions, page) {
      const values: unknown[] = [];
      const value = (given: unknown): string => `$${values.push(given)}`;
      const where = ["true", ...conditions.map(condition => condition(value))].join(" and ");
      const order = orderOf(definition, page);
      const query = { text: `select ${selected} from ${from} where ${where}`, values, order };
      return mapPage(await listPage(sql, row, query, page, found => definition.placeOf(found, order.by)), toItem);
    },
    get: id => get(id),
    async add(record, on = sql) {
      const { text, values } = insertion(columns, toColumns(record));
      // What was added stands for the table itself, so that it is read as every other row is.
      const added = `insert into ${name} ${text} on conflict (${definition.identity ?? key}) do nothing returning *`;
      const item = await only(on, `with ${name} as (${added}) select ${selected} from ${from}`, values);
      if (item === undefined) throw new CatalogConflict("already_exists", definition.taken ?? "It exists already.");
      return item;
    },
    update: (id, change, ...checks) =>
      holding(id, checks, transaction => {
        const { text, values } = assignment(columns, toColumns(change));
        const changed = `update ${name} set ${text} where ${key} = $1 returning *`;
        return only(transaction, `with ${name} as (${changed}) select ${selected} from ${from}`, [id, ...values]);
      }),
    async remove(id, ...checks) {
      const text = `delete from ${name} where ${key} = $1`;
      return ((await holding(id, checks, transaction => transaction.run(text, [id]))) ?? 0) > 0;
    },
  };
}

function orderOf<Row extends TSchema, Item>(
  { name, key, sorts }: TableDefinition<Row, Item>,
  { sort }: PageRequest,
): ListOrder & { readonly by: SortMember } {
  const by = sort?.by ?? sortMembers[0];
  const place = sorts[by];
  if (place === undefined) throw new Error(`${name} cannot be listed in the order of ${by}`);
  return { by, place, key: `${name}.${key}::text`, descending: sort?.descending ?? false };
}
