import { InvalidArgumentError, Option } from "commander";
import { UsageError } from "./errors.ts";

/** Options of a command as the parser gives them. */
export type OptionValues = Readonly<Record<string, unknown>>;

export function textOption(values: OptionValues, name: string): string | undefined {
  const value = values[name];
  return typeof value === "string" ? value : undefined;
}

export function numberOption(values: OptionValues, name: string): number | undefined {
  const value = values[name];
  return typeof value === "number" ? value : undefined;
}

export const flagOption = (values: OptionValues, name: string): boolean => values[name] === true;

export function listOption(values: OptionValues, name: string): readonly string[] {
  const value = values[name];
  return Array.isArray(value) ? value.filter(entry => typeof entry === "string") : [];
}

/** Parser of a repeatable option. */
export const collected = (value: string, before: readonly string[] | undefined): readonly string[] => [
  ...(before ?? []),
  value,
];

export const integerBetween =
  (least: number, most: number) =>
  (text: string): number => {
    const value = /^-?\d+$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= least && value <= most)) {
      throw new InvalidArgumentError(`An integer from ${least} to ${most} is expected.`);
    }
    return value;
  };

export const portNumber = integerBetween(0, 65_535);

export function decimal(text: string): number {
  const value = text.trim() === "" ? Number.NaN : Number(text);
  if (!Number.isFinite(value)) throw new InvalidArgumentError("A number is expected.");
  return value;
}

export function yesOrNo(text: string): boolean {
  if (/^(yes|true|on)$/i.test(text)) return true;
  if (/^(no|false|off)$/i.test(text)) return false;
  throw new InvalidArgumentError("yes or no is expected.");
}

/** Hex of `digits` digits in either case; - and : between bytes are taken out. Refuses without repeating the text. */
export const hexDigits =
  (digits: number) =>
  (text: string): string => {
    const plain = text.replace(/[-:]/g, "").toLowerCase();
    if (plain.length !== digits || !/^[0-9a-f]*$/.test(plain)) {
      throw new InvalidArgumentError(`${digits} hex digits are expected.`);
    }
    return plain;
  };

/** As `hexDigits`, for keys: the parser would repeat what it refuses, and keys are never repeated. */
export const secretHex =
  (flag: string, digits: number) =>
  (text: string): string => {
    if (text.length === digits && /^[0-9a-fA-F]*$/.test(text)) return text.toLowerCase();
    const found = text.length === digits ? "one of these is none" : `these are ${text.length} characters`;
    throw new UsageError(`${flag}: ${digits} hex digits are expected, and ${found}`);
  };

export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export function jsonObject(text: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Told below.
  }
  if (!isObject(value)) throw new InvalidArgumentError('A JSON object is expected, like {"relay": true}.');
  return value;
}

const unitMs: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `90s`, `15m`, `1h`, `7d` as milliseconds. */
export function duration(text: string): number {
  const [, amount = "", unit = ""] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  const factor = unitMs[unit];
  if (factor === undefined) throw new InvalidArgumentError("A duration is expected, like 90s, 15m, 1h or 7d.");
  return Number(amount) * factor;
}

/** An option with a duration in milliseconds; help shows its default as one would type it. */
export const durationOption = (flags: string, description: string, defaultMs: number): Option =>
  new Option(flags, description).argParser(duration).default(defaultMs, `${defaultMs / 1000}s`);

/** Where a server takes Semtech UDP unless it was told otherwise. */
export const defaultUdp = "127.0.0.1:1700";

/** Of the option `--udp`. */
export function udpAddress(text: string): { readonly host: string; readonly port: number } {
  const [, host = "", port = ""] = /^\[?(.+?)\]?:(\d{1,5})$/.exec(text) ?? [];
  if (host === "" || !(Number(port) > 0 && Number(port) < 65_536)) {
    throw new UsageError(`--udp: host:port is expected, like ${defaultUdp}`);
  }
  return { host, port: Number(port) };
}

/** Adds `key=value` to those given before. */
export function keyValue(
  text: string,
  before: Readonly<Record<string, string>> | undefined,
): Readonly<Record<string, string>> {
  const at = text.indexOf("=");
  if (at < 1) throw new InvalidArgumentError("key=value is expected.");
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}
