import Type from "typebox";
import { SqlError } from "../../platform/errors.ts";
import type { Sql, SqlTransaction } from "../../platform/sql.ts";
import { raiseFloorOverTable } from "./journal.ts";

/** Number of an advisory lock; any other use of the database must only avoid it. */
const partitionLock = 7_523_813;
const dayMs = 86_400_000;

/** Tables that are partitioned alike and dropped together. */
export interface PartitionedTables {
  readonly tables: readonly string[];
  readonly every: "day" | "month";
  /** What is to be done with the first of them before it is dropped. */
  readonly beforeDrop?: (sql: SqlTransaction, name: string) => Promise<void>;
}

export const eventTables: PartitionedTables = {
  tables: ["event_history", "event_history_gateways"],
  every: "day",
  beforeDrop: raiseFloorOverTable,
};
export const frameTables: PartitionedTables = { tables: ["frame_history", "frame_history_gateways"], every: "day" };
export const sumTables: PartitionedTables = {
  tables: ["device_days", "gateway_sums", "tenant_sums"],
  every: "month",
};

/** Start of the partition of a time, and of the one after it; milliseconds. */
export function partitionBounds(atMs: number, every: PartitionedTables["every"]): readonly [number, number] {
  if (every === "day") {
    const start = Math.floor(atMs / dayMs) * dayMs;
    return [start, start + dayMs];
  }
  const date = new Date(atMs);
  const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()];
  return [Date.UTC(year, month), Date.UTC(year, month + 1)];
}

const nameOf = (table: string, startMs: number): string =>
  `${table}_${new Date(startMs).toISOString().slice(0, 10).replaceAll("-", "")}`;

const NameRow = Type.Object({ name: Type.String() });

export interface Partitions {
  /** Makes what these times need; costs nothing for what is known to be there. */
  ensure(atMs: Iterable<number>): Promise<void>;
  /** What was known to be there may be gone: another process has dropped it. */
  forget(): void;
  /** Drops what ends before then; gives how many were dropped. Rejects with SqlError where somebody reads for too long. */
  dropBefore(cutoffMs: number): Promise<number>;
}

export function createPartitions(sql: Sql, { tables, every, beforeDrop }: PartitionedTables): Partitions {
  const known = new Set<number>();

  /** Made apart and put in then: that waits for nobody who reads or writes the other partitions. */
  async function make(startMs: number, endMs: number, transaction: SqlTransaction): Promise<void> {
    const [from, to] = [new Date(startMs).toISOString(), new Date(endMs).toISOString()];
    for (const table of tables) {
      const name = nameOf(table, startMs);
      const there = await transaction.rows(
        NameRow,
        "select relname as name from pg_class where oid = to_regclass($1)",
        [name],
      );
      if (there.length > 0) continue;
      await transaction.run(`create table ${name} (like ${table} including defaults including constraints)`);
      await transaction.run(`alter table ${table} attach partition ${name} for values from ('${from}') to ('${to}')`);
    }
  }

  return {
    async ensure(times) {
      const missing = new Map<number, number>();
      for (const atMs of times) {
        const [startMs, endMs] = partitionBounds(atMs, every);
        if (!known.has(startMs)) missing.set(startMs, endMs);
      }
      if (missing.size === 0) return;
      await sql.transaction(async transaction => {
        await transaction.run("select pg_advisory_xact_lock($1)", [partitionLock]);
        for (const [startMs, endMs] of missing) await make(startMs, endMs, transaction);
      });
      for (const startMs of missing.keys()) known.add(startMs);
    },
    forget: () => known.clear(),
    async dropBefore(cutoffMs) {
      let dropped = 0;
      const [table = ""] = tables;
      const rows = await sql.rows(
        NameRow,
        `select child.relname as name from pg_inherits join pg_class child on child.oid = inhrelid
           where inhparent = $1::regclass order by 1`,
        [table],
      );
      for (const { name } of rows) {
        const [, date = ""] = /_(\d{8})$/.exec(name) ?? [];
        const startMs = Date.UTC(Number(date.slice(0, 4)), Number(date.slice(4, 6)) - 1, Number(date.slice(6, 8)));
        const [, endMs] = partitionBounds(startMs, every);
        if (date === "" || endMs > cutoffMs) continue;
        await sql.transaction(async transaction => {
          // Whoever waits for the tables waits behind this: another time, then.
          await transaction.run("set local lock_timeout = '2s'");
          await transaction.run("select pg_advisory_xact_lock($1)", [partitionLock]);
          await beforeDrop?.(transaction, nameOf(table, startMs));
          for (const each of tables) await transaction.run(`drop table if exists ${nameOf(each, startMs)}`);
        });
        known.delete(startMs);
        dropped += 1;
      }
      return dropped;
    },
  };
}

/** What is written to in one transaction. */
export type WritablePartitions = Pick<Partitions, "ensure" | "forget">;

export const bothOf = (one: WritablePartitions, other: WritablePartitions): WritablePartitions => ({
  async ensure(times) {
    await one.ensure(times);
    await other.ensure(times);
  },
  forget() {
    one.forget();
    other.forget();
  },
});

/** Writes into partitions that are made before, and once more where another process has dropped one meanwhile. */
export async function withPartitions<Result>(
  partitions: WritablePartitions,
  times: ReadonlySet<number>,
  write: () => Promise<Result>,
): Promise<Result> {
  await partitions.ensure(times);
  try {
    return await write();
  } catch (error) {
    // A row that no partition is for violates the bounds of them all.
    if (!(error instanceof SqlError) || error.code !== "sql_check_violation") throw error;
    partitions.forget();
    await partitions.ensure(times);
    return write();
  }
}
