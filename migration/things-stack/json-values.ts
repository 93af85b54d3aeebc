import { MalformedValue } from "../../lorawan/errors.ts";

/** One value of a file, or why it is none. */
export type JsonValue =
  | { readonly kind: "value"; readonly value: unknown }
  | { readonly kind: "faulty"; readonly reason: string };

/**
 * The objects of a file that holds one, several behind one another (each on its line or not), or lists of them. A broken one
 * does not take the others with it.
 */
export function* jsonValues(text: string): Generator<JsonValue> {
  for (let at = 0; at < text.length; ) {
    const start = text.indexOf("{", at);
    const between = text.slice(at, start < 0 ? undefined : start);
    if (!/^[\s,[\]]*$/.test(between)) yield { kind: "faulty", reason: "there is something that is no JSON object" };
    if (start < 0) return;
    const end = endOfObject(text, start);
    at = end ?? text.length;
    yield parsed(text.slice(start, end));
  }
}

/** Behind the brace that closes the one at `start`; undefined where none does. */
function endOfObject(text: string, start: number): number | undefined {
  let depth = 0;
  let isInText = false;
  for (let index = start; index < text.length; index += 1) {
    const character = text[index];
    if (isInText) {
      if (character === "\\") index += 1;
      else if (character === '"') isInText = false;
    } else if (character === '"') isInText = true;
    else if (character === "{") depth += 1;
    else if (character === "}") {
      depth -= 1;
      if (depth === 0) return index + 1;
    }
  }
  return undefined;
}

function parsed(text: string): JsonValue {
  try {
    return { kind: "value", value: JSON.parse(text) };
  } catch {
    return { kind: "faulty", reason: "it is no JSON, or ends in the middle" };
  }
}

/** An object of the export, read member by member; each reader throws MalformedValue for a value of another kind. */
export interface JsonFields {
  has(name: string): boolean;
  text(name: string): string | undefined;
  isTrue(name: string): boolean;
  /** Numbers of 64 bits are texts in the export. */
  number(name: string): number | undefined;
  /** An enumeration by its number, or by its name, which ends with it: `DATA_RATE_5`. */
  ordinal(name: string): number | undefined;
  /** An enumeration whose names end with a power of two: `DUTY_CYCLE_1024`, `PING_EVERY_2S`; its exponent. */
  exponent(name: string): number | undefined;
  fields(name: string): JsonFields | undefined;
  list(name: string): readonly JsonFields[];
  numbers(name: string): readonly number[];
  names(name: string): readonly string[];
  /** Texts by name. */
  texts(name: string): Readonly<Record<string, string>>;
  /** In seconds, like `8s`. */
  seconds(name: string): number | undefined;
}

type JsonObject = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const wrong = (name: string, what: string): MalformedValue => new MalformedValue(`${name} is no ${what}`);

/** Throws MalformedValue for what is no object. */
export function fieldsOf(value: unknown, name = "it"): JsonFields {
  if (!isObject(value)) throw wrong(name, "JSON object");
  /** A scalar may stand by itself or in an object as its `value`. */
  const scalar = (member: string): unknown => {
    const found = value[member];
    return isObject(found) && "value" in found ? found.value : (found ?? undefined);
  };
  const number = (member: string): number | undefined => {
    const found = scalar(member);
    if (found === undefined) return undefined;
    const parsed = typeof found === "string" && /^-?\d+(?:\.\d+)?$/.test(found) ? Number(found) : found;
    if (typeof parsed !== "number" || !Number.isFinite(parsed)) throw wrong(member, "number");
    return parsed;
  };
  const text = (member: string): string | undefined => {
    const found = scalar(member);
    if (found === undefined) return undefined;
    if (typeof found !== "string") throw wrong(member, "text");
    return found;
  };
  const numbered = (member: string, pattern: RegExp): number | undefined => {
    const found = scalar(member);
    if (typeof found !== "string") return undefined;
    const [, digits] = pattern.exec(found) ?? [];
    if (digits === undefined) throw wrong(member, "known name");
    return Number(digits);
  };
  const list = (member: string): readonly unknown[] => {
    const found = value[member] ?? [];
    if (!Array.isArray(found)) throw wrong(member, "list");
    return found;
  };
  return {
    has: member => value[member] !== undefined && value[member] !== null,
    text,
    number,
    isTrue: member => scalar(member) === true,
    ordinal: member => numbered(member, /^(?:.*_)?(\d+)$/) ?? number(member),
    exponent(member) {
      const power = numbered(member, /^.*_(\d+)S?$/);
      return power === undefined ? number(member) : Math.round(Math.log2(power));
    },
    fields: member => (isObject(value[member]) ? fieldsOf(value[member], member) : undefined),
    list: member =>
      list(member)
        .filter(isObject)
        .map(each => fieldsOf(each, member)),
    numbers: member =>
      list(member).map(each => {
        const parsed = typeof each === "string" ? Number(each) : each;
        if (typeof parsed !== "number" || !Number.isSafeInteger(parsed)) throw wrong(member, "list of numbers");
        return parsed;
      }),
    names: member => list(member).map(String),
    texts(member) {
      const found = value[member] ?? {};
      if (!isObject(found)) throw wrong(member, "JSON object");
      return Object.fromEntries(Object.entries(found).map(([each, one]) => [each, String(one)]));
    },
    seconds(member) {
      const found = text(member);
      if (found === undefined) return undefined;
      const [, seconds] = /^(\d+(?:\.\d+)?)s$/.exec(found) ?? [];
      if (seconds === undefined) throw wrong(member, "duration");
      return Number(seconds);
    },
  };
}
