import type { Static, TSchema } from "typebox";

/** The catalog database: PostgreSQL, embedded or by URL. Rejects with SqlError, which says whether a retry can help. */
export interface Sql {
  /** Rows checked against `row`; a row that does not fit is a SqlError, never a wrong value. */
  rows<Row extends TSchema>(row: Row, text: string, values?: readonly unknown[]): Promise<readonly Static<Row>[]>;
  /** Runs a statement that returns nothing; gives how many rows it changed. */
  run(text: string, values?: readonly unknown[]): Promise<number>;
  /** Commits when `work` resolves, rolls back when it rejects. */
  transaction<Result>(work: (sql: SqlTransaction) => Promise<Result>, options?: TransactionOptions): Promise<Result>;
  /**
   * Calls `listener` for each NOTIFY on the channel. `onGap` is called after a lost connection is back, when
   * notifications may have been missed.
   */
  listen(channel: string, listener: (payload: string) => void, onGap: () => void): Promise<() => Promise<void>>;
  close(): Promise<void>;
}

export interface TransactionOptions {
  /**
   * The database reads and plans each statement once for a connection: for work that runs the same few over and over, and no
   * text with values in it.
   */
  readonly prepare?: boolean;
}

export type SqlTransaction = Pick<Sql, "rows" | "run">;
