import pg from "pg";
import { SqlError, type SqlErrorCode } from "./errors.ts";

const typeIds = { int8: 20, date: 1082, timestamp: 1114, timestamptz: 1184 };

/** Stays text beyond 2^53, so that a number schema refuses it instead of a caller using a rounded value. */
function numberOf(text: string): number | string {
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : text;
}

/** Sessions may have any time zone, so offsets other than UTC go through Date, which knows milliseconds only. */
function rfc3339(text: string): string {
  const parts = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?(\+00|[+-]\d\d(?::\d\d){0,2})?$/.exec(text);
  if (parts === null) return text;
  const [, date, time, fraction = "", offset = "+00"] = parts;
  if (offset === "+00") return `${date}T${time}.${fraction.padEnd(3, "0")}Z`;
  return new Date(
    `${date}T${time}.${fraction.padEnd(3, "0").slice(0, 3)}${offset.length === 3 ? `${offset}:00` : offset}`,
  ).toISOString();
}

type Parser = (text: string) => unknown;

const parsers: ReadonlyMap<number, Parser> = new Map<number, Parser>([
  [typeIds.int8, numberOf],
  [typeIds.date, text => text],
  [typeIds.timestamp, rfc3339],
  [typeIds.timestamptz, rfc3339],
]);

/** For a pool's `types`: leaves the driver's defaults, which are global, alone. */
export const columnTypes: pg.CustomTypesConfig = {
  getTypeParser: (id: number, format?: "text" | "binary") =>
    (format === "binary" ? undefined : parsers.get(id)) ?? pg.types.getTypeParser(id, format),
};

const networkFaults = /^(ECONN|ENOENT|ENOTFOUND|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|EAI_AGAIN|EACCES)/;
const driverFaults = /connection terminated|timeout|not queryable|ended|connection error/i;

/** SQLSTATE classes and codes of PostgreSQL's appendix A. */
function codeOf(sqlState: string): SqlErrorCode {
  if (/^(08|53|57P0)/.test(sqlState)) return "sql_unavailable";
  if (/^(40|55P03)/.test(sqlState)) return "sql_conflict";
  if (sqlState === "23505") return "sql_unique_violation";
  if (sqlState === "23503") return "sql_foreign_key_violation";
  if (sqlState === "23514" || sqlState === "23502") return "sql_check_violation";
  return sqlState.startsWith("22") ? "sql_invalid_value" : "sql_failed";
}

function databaseFault(error: pg.DatabaseError): SqlError {
  const sqlState = error.code ?? "XX000";
  const code = codeOf(sqlState);
  const { constraint, table, column } = error;
  const details = Object.fromEntries(
    Object.entries({ sqlState, constraint, table, column }).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, value]],
    ),
  );
  // Messages of class 22 repeat the value, which may be a key.
  const message = code === "sql_invalid_value" ? "a value does not fit its column" : error.message;
  return new SqlError(code, message, details);
}

const nodeCode = (error: Error): string => ("code" in error && typeof error.code === "string" ? error.code : "");

/** Whatever the driver threw, as the fault that callers know. */
export function sqlErrorOf(error: unknown): SqlError {
  if (error instanceof SqlError) return error;
  if (error instanceof pg.DatabaseError) return databaseFault(error);
  if (!(error instanceof Error)) return new SqlError("sql_failed", "the database driver failed");
  const code = nodeCode(error);
  if (networkFaults.test(code) || driverFaults.test(error.message)) {
    return new SqlError("sql_unavailable", `the database cannot be reached: ${code || error.message}`);
  }
  return new SqlError("sql_failed", error.message);
}
