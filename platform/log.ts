import { type Logger, pino } from "pino";

export type Log = Logger;

export interface LogOptions {
  readonly level: "trace" | "debug" | "info" | "warn" | "error" | "silent";
}

/** Paths that never print, wherever an object with them is logged. */
const secretNames = [
  "password",
  "token",
  "secret",
  "authorization",
  "cookie",
  "appKey",
  "nwkKey",
  "appSKey",
  "nwkSKey",
  "fNwkSIntKey",
  "sNwkSIntKey",
  "nwkSEncKey",
  "kek",
  "aesKey",
  "AESKey",
  "AppSKey",
  "NwkSKey",
  "FNwkSIntKey",
  "SNwkSIntKey",
  "NwkSEncKey",
];

const redactedPaths = secretNames.flatMap(name => [name, `*.${name}`, `*.*.${name}`]);

/**
 * JSON lines on standard output. `error`: an operator must act; `warn`: something is lost or refused that someone relied
 * on; `info`: life cycle; `debug`: one frame.
 */
export function createLog(options: LogOptions): Log {
  return pino({
    level: options.level,
    redact: { paths: redactedPaths, censor: "[redacted]" },
    formatters: { level: label => ({ level: label }) },
    timestamp: pino.stdTimeFunctions.isoTime,
    base: null,
  });
}
