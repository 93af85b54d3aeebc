import Type from "typebox";
import { Compile } from "typebox/compile";
import type { Measurement, Normalized } from "../codec-ports.ts";

interface Range {
  readonly kind: "number";
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMaximum?: number;
}

type Field =
  | Range
  | { readonly kind: "flag" | "time" }
  | { readonly kind: "choice"; readonly values: readonly string[] }
  | { readonly kind: "group"; readonly fields: Fields };
type Fields = Readonly<Record<string, Field>>;

const number = (range: Omit<Range, "kind"> = {}): Field => ({ kind: "number", ...range });
const choice = (...values: readonly string[]): Field => ({ kind: "choice", values });
const group = (fields: Fields): Field => ({ kind: "group", fields });
const flag: Field = { kind: "flag" };

const celsius = number({ minimum: -273.15 });
const percent = number({ minimum: 0, maximum: 100 });
const partsPerMillion = number({ minimum: 0, maximum: 1_000_000 });
const notNegative = number({ minimum: 0 });

/** Values of a measurement as The Things Network's device repository defines them (lib/payload.json, 2025). */
export const measurementFields: Fields = {
  time: { kind: "time" },
  battery: notNegative,
  air: group({
    location: choice("indoor", "outdoor"),
    temperature: celsius,
    relativeHumidity: percent,
    pressure: number({ minimum: 900, maximum: 1100 }),
    co2: partsPerMillion,
    lightIntensity: notNegative,
  }),
  soil: group({
    depth: notNegative,
    moisture: percent,
    temperature: celsius,
    ec: number({ minimum: 0, maximum: 621 }),
    pH: number({ minimum: 0, maximum: 14 }),
    n: partsPerMillion,
    p: partsPerMillion,
    k: partsPerMillion,
  }),
  wind: group({ speed: notNegative, direction: number({ minimum: 0, exclusiveMaximum: 360 }) }),
  water: group({
    leak: flag,
    temperature: group({ min: celsius, max: celsius, avg: celsius, current: celsius }),
  }),
  metering: group({ water: group({ total: number() }) }),
  action: group({
    motion: group({ detected: flag, count: number() }),
    contactState: choice("open", "closed"),
  }),
  position: group({ latitude: number(), longitude: number() }),
};

const texts = Type.Array(Type.Unknown());
const record = Type.Record(Type.String(), Type.Unknown());
const answerValidator = Compile(
  Type.Object({
    data: Type.Optional(Type.Union([Type.Null(), record, Type.Array(record)])),
    warnings: Type.Optional(texts),
    errors: Type.Optional(texts),
  }),
);
const recordValidator = Compile(record);
const mostMeasurements = 1000;

/** A value that makes the whole answer unusable, as opposed to one that is only left out. */
class Unusable extends Error {}

/**
 * What `normalizeUplink` answered. As in The Things Stack: a value out of its range is left out with a warning, a value of
 * the wrong type or one that is not defined makes all of it fail.
 */
export function normalizedFrom(answer: unknown, textOf: (item: unknown) => string): Normalized {
  if (!answerValidator.Check(answer))
    return failed("normalizeUplink did not return data as an object or a list of them");
  const errors = (answer.errors ?? []).map(textOf);
  if (errors.length > 0) return failed(`normalizeUplink returned errors: ${errors.join(", ")}`);
  const data = answer.data === undefined || answer.data === null ? [] : [answer.data].flat();
  if (data.length > mostMeasurements)
    return failed(`normalizeUplink returned more than ${mostMeasurements} measurements`);
  const warnings = (answer.warnings ?? []).map(textOf);
  try {
    const measurements = data
      .map((given, index) =>
        valid(given, measurementFields, "", fault => warnings.push(`measurement ${index + 1}: ${fault}`)),
      )
      .filter(measurement => Object.keys(measurement).length > 0);
    return { kind: "normalized", measurements, warnings };
  } catch (error) {
    if (error instanceof Unusable) return failed(`normalizeUplink: ${error.message}`);
    throw error;
  }
}

/** Data that are normalized as they are, from codecs without `normalizeUplink`; undefined for all others. */
export function alreadyNormalized(data: Readonly<Record<string, unknown>>): Normalized | undefined {
  const members = Object.keys(data);
  if (members.length === 0 || members.some(name => measurementFields[name]?.kind !== "group" && name !== "time")) {
    return undefined;
  }
  const normalized = normalizedFrom({ data }, String);
  return normalized.kind === "normalized" ? normalized : undefined;
}

function valid(given: Measurement, fields: Fields, prefix: string, onFault: (fault: string) => void): Measurement {
  const members = Object.entries(given).flatMap(([name, value]) => {
    const path = `${prefix}${name}`;
    const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (field === undefined) throw new Unusable(`${path} is no value of a measurement`);
    if (value === undefined || value === null) return [];
    const kept = validValue(value, field, path, onFault);
    return kept === undefined ? [] : [[name, kept] as const];
  });
  return Object.fromEntries(members);
}

function validValue(value: unknown, field: Field, path: string, onFault: (fault: string) => void): unknown {
  switch (field.kind) {
    case "group": {
      if (!recordValidator.Check(value)) throw new Unusable(`${path} is no object`);
      const kept = valid(value, field.fields, `${path}.`, onFault);
      return Object.keys(kept).length === 0 ? undefined : kept;
    }
    case "number": {
      if (typeof value !== "number") throw new Unusable(`${path} is no number`);
      const fault = outOf(field, value);
      if (fault === undefined) return value;
      onFault(`${path} should be ${fault}`);
      return undefined;
    }
    case "flag":
      if (typeof value !== "boolean" && typeof value !== "string")
        throw new Unusable(`${path} is neither true nor false`);
      return value;
    case "choice":
      if (typeof value !== "string" || !field.values.includes(value)) {
        throw new Unusable(`${path} is none of ${field.values.join(", ")}`);
      }
      return value;
    case "time":
      if (typeof value !== "string" || !isTime(value)) throw new Unusable(`${path} is no RFC 3339 time`);
      return value;
  }
}

function outOf({ minimum, maximum, exclusiveMaximum }: Range, value: number): string | undefined {
  if (minimum !== undefined && value < minimum) return `equal to or greater than ${minimum}`;
  if (maximum !== undefined && value > maximum) return `equal to or less than ${maximum}`;
  if (exclusiveMaximum !== undefined && value >= exclusiveMaximum) return `less than ${exclusiveMaximum}`;
  return undefined;
}

const isTime = (text: string): boolean =>
  /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(text) && !Number.isNaN(Date.parse(text));

const failed = (message: string): Normalized => ({ kind: "failed", message });
