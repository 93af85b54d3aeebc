import { UpchirpError } from "../lorawan/errors.ts";

export type SqlErrorCode =
  /** The server cannot be reached or is starting, stopping or out of connections. */
  | "sql_unavailable"
  /** Another transaction was in the way: deadlock, serialisation failure, lock time-out. */
  | "sql_conflict"
  | "sql_unique_violation"
  | "sql_foreign_key_violation"
  | "sql_check_violation"
  | "sql_invalid_value"
  | "sql_row_mismatch"
  | "sql_failed";

/** The catalog database refused or could not answer. Neither message nor details hold values of the statement. */
export class SqlError extends UpchirpError {
  readonly code: SqlErrorCode;
  /** The same call may succeed later without a change to it. */
  readonly retryable: boolean;

  constructor(code: SqlErrorCode, message: string, details: Readonly<Record<string, string | number | boolean>> = {}) {
    super(message, details);
    this.code = code;
    this.retryable = code === "sql_unavailable" || code === "sql_conflict";
  }
}

export type MigrationErrorCode = "migration_changed" | "migration_misnamed" | "database_newer";

/** The migrations of this program and those that the database has seen do not fit together. */
export class MigrationError extends UpchirpError {
  readonly code: MigrationErrorCode;

  constructor(code: MigrationErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

export type EmbeddedPostgresErrorCode =
  | "postgres_missing"
  | "postgres_as_root"
  | "postgres_unsupported"
  | "postgres_version"
  | "postgres_start"
  | "data_folder_in_use";

/** The private PostgreSQL of this data folder cannot be run; the message says what to do. */
export class EmbeddedPostgresError extends UpchirpError {
  readonly code: EmbeddedPostgresErrorCode;

  constructor(code: EmbeddedPostgresErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** The configuration has faults; the message has one line for each. */
export class ConfigError extends UpchirpError {
  readonly code = "invalid_config";
}

export class PortTaken extends UpchirpError {
  readonly code = "port_taken";
}

/** One line for the operator: what wanted the port, and the option that moves it, like `networkServer.udp.port`. */
const portTaken = (what: string, port: number, option: string): PortTaken =>
  new PortTaken(`port ${port} for ${what} is in use by another program; stop that program or set ${option}`, {
    port,
    option,
  });

/** What to throw when a port cannot be listened on: a line for the operator where there is something to say. */
export function listenFault(error: unknown, what: string, port: number, option: string): unknown {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "EADDRINUSE") return portTaken(what, port, option);
  if (code === "EACCES") {
    return new ConfigError(`port ${port} for ${what} may not be used by this user; set ${option} to 1024 or more`);
  }
  if (code === "EADDRNOTAVAIL" || code === "ENOTFOUND") {
    return new ConfigError(`the address for ${what} is none of this machine; set it to 0.0.0.0 or to one that is`);
  }
  return error;
}

/** A start or stop step that did not finish in its time. */
export class LifecycleTimeout extends UpchirpError {
  readonly code = "lifecycle_timeout";
}
