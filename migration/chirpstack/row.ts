import { MalformedValue } from "../../lorawan/errors.ts";

/** As either database engine gives it; `bool`, `bytes` and their like make the same of both. */
export type Row = Readonly<Record<string, unknown>>;

/** Throws MalformedValue, as every reader here does, for a column that is missing or holds something else. */
function value(row: Row, column: string): unknown {
  const found = row[column];
  if (found === undefined) throw new MalformedValue(`the column ${column} is missing`);
  return found;
}

const wrong = (column: string, what: string): MalformedValue => new MalformedValue(`${column} is no ${what}`);

export const has = (row: Row, column: string): boolean => row[column] !== undefined && row[column] !== null;

export function text(row: Row, column: string): string {
  const found = value(row, column);
  if (typeof found !== "string") throw wrong(column, "text");
  return found;
}

export function bool(row: Row, column: string): boolean {
  const found = value(row, column);
  if (found === true || found === 1 || found === 1n) return true;
  if (found === false || found === 0 || found === 0n) return false;
  throw wrong(column, "yes or no");
}

export function integer(row: Row, column: string): number {
  const found = value(row, column);
  const number = typeof found === "string" && /^-?\d+$/.test(found) ? Number(found) : found;
  if (typeof number === "bigint") return Number(number);
  if (typeof number !== "number" || !Number.isSafeInteger(number)) throw wrong(column, "whole number");
  return number;
}

export function decimal(row: Row, column: string): number {
  const found = value(row, column);
  const number = typeof found === "string" ? Number(found) : found;
  if (typeof number !== "number" || !Number.isFinite(number)) throw wrong(column, "number");
  return number;
}

export function bytes(row: Row, column: string, length?: number): Uint8Array {
  const found = value(row, column);
  if (!(found instanceof Uint8Array)) throw wrong(column, "byte string");
  if (length !== undefined && found.length !== length) {
    throw new MalformedValue(`${column} has ${found.length} bytes, where ${length} belong`);
  }
  return found;
}

export const hexText = (row: Row, column: string, length: number): string =>
  Buffer.from(bytes(row, column, length)).toString("hex");

/** Milliseconds since 1970; undefined where there is none. */
export function timeMs(row: Row, column: string): number | undefined {
  const found = row[column];
  if (found === undefined || found === null) return undefined;
  const ms =
    found instanceof Date ? found.getTime() : typeof found === "string" ? Date.parse(inUtc(found)) : Number.NaN;
  if (!Number.isFinite(ms)) throw wrong(column, "time");
  return ms;
}

/** SQLite keeps times as texts, with or without their time zone, which is UTC. */
function inUtc(time: string): string {
  const iso = time.trim().replace(" ", "T");
  return /(?:[zZ]|[+-]\d{2}:?\d{2})$/.test(iso) ? iso : `${iso}Z`;
}

export type JsonObject = Readonly<Record<string, unknown>>;

/** What a JSON column holds; SQLite keeps it as text. */
export function json(row: Row, column: string): unknown {
  const found = value(row, column);
  if (typeof found !== "string") return found;
  try {
    return JSON.parse(found);
  } catch {
    throw wrong(column, "JSON");
  }
}

const isObject = (found: unknown): found is JsonObject =>
  typeof found === "object" && found !== null && !Array.isArray(found);

export function jsonObject(row: Row, column: string): JsonObject {
  const found = json(row, column);
  if (!isObject(found)) throw wrong(column, "JSON object");
  return found;
}

/** Empty where the schema is older than the column. */
export function tags(row: Row, column: string): Readonly<Record<string, string>> {
  if (row[column] === undefined) return {};
  const found = jsonObject(row, column);
  for (const [name, tag] of Object.entries(found)) {
    if (typeof tag !== "string") throw new MalformedValue(`${column}: ${name} is no text`);
  }
  return Object.fromEntries(Object.entries(found).map(([name, tag]) => [name, String(tag)]));
}

/** An integer of a JSON object; 0 where it is not said. */
export function member(object: JsonObject, name: string): number {
  const found = object[name] ?? 0;
  if (typeof found !== "number" || !Number.isSafeInteger(found)) throw wrong(name, "whole number");
  return found;
}
