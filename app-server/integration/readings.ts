import type { SinkMessage } from "../integration-ports.ts";
import { isObject, type JsonObject, listAt, numberAt, objectAt } from "./json.ts";

/** A value of a decoded payload, under the names that lead to it, with dots between. */
export type Reading = readonly [name: string, value: number | boolean | string];

const maxDepth = 8;
const maxReadings = 256;
const maxNameLength = 100;

/** Numbers, texts and yes or no of what may be nested; members of lists under their place. Pure; never throws. */
function readingsIn(value: unknown, name = "", depth = 0): readonly Reading[] {
  if (name.length > maxNameLength) return [];
  if (typeof value === "boolean" || typeof value === "string") return name === "" ? [] : [[name, value]];
  if (typeof value === "number") return name === "" || !Number.isFinite(value) ? [] : [[name, value]];
  if (typeof value !== "object" || value === null || depth === maxDepth) return [];
  return Object.entries(value)
    .flatMap(([member, inner]) => readingsIn(inner, name === "" ? member : `${name}.${member}`, depth + 1))
    .slice(0, maxReadings);
}

/** The gateway that heard it best. */
export interface Reception {
  readonly rssi: number | undefined;
  readonly snr: number | undefined;
}

export function bestReception(event: JsonObject): Reception {
  const heard = listAt(event, "rxInfo")
    .filter(isObject)
    .map(one => ({ rssi: numberAt(one, "rssi"), snr: numberAt(one, "snr") }));
  const [first = { rssi: undefined, snr: undefined }, ...others] = heard;
  return others.reduce((best, one) => ((one.rssi ?? -Infinity) > (best.rssi ?? -Infinity) ? one : best), first);
}

/**
 * What a message says in ChirpStack's form, whatever its format; undefined when a mapping made something else of it.
 * The message and not the event, since a mapping may have changed single members.
 */
export function eventIn({ body, event }: SinkMessage): JsonObject | undefined {
  const message: unknown = JSON.parse(body);
  if (!isObject(message)) return undefined;
  if (isObject(message.deviceInfo)) return message;
  return isObject(message.end_device_ids) ? event : undefined;
}

/** Readings of the decoded payload, or of all that a mapping made. */
export function readingsOf(message: SinkMessage): readonly Reading[] {
  const event = eventIn(message);
  return readingsIn(event === undefined ? JSON.parse(message.body) : objectAt(event, "object"));
}

/** What series are kept of, beside the decoded payload: of what type, since a series can have but one. */
const told = {
  number: ["fCnt", "dr", "margin", "batteryLevel", "fCntDown"],
  boolean: ["confirmed", "externalPowerSource", "batteryLevelUnavailable", "acknowledged"],
  string: ["devAddr", "level", "code", "description"],
};

function ownReadings(event: JsonObject): readonly Reading[] {
  const { rssi, snr } = bestReception(event);
  const gateways = listAt(event, "rxInfo").length;
  const location = objectAt(event, "location");
  const found: readonly (readonly [string, unknown, string])[] = [
    ...Object.entries(told).flatMap(([type, names]) => names.map(name => [name, event[name], type] as const)),
    ...["latitude", "longitude", "altitude"].map(name => [name, location[name], "number"] as const),
    ["rssi", rssi, "number"],
    ["snr", snr, "number"],
    ["gateways", gateways > 0 ? gateways : undefined, "number"],
  ];
  return found.flatMap(([name, value, type]) => (typeof value === type ? readingsIn(value, name) : []));
}

/**
 * All of an event that makes a time series: readings of the decoded payload, and what the network knows. Each name once; the
 * codec's come first.
 */
export function telemetryOf(message: SinkMessage): ReadonlyMap<string, Reading[1]> {
  const event = eventIn(message);
  return new Map([...(event === undefined ? [] : ownReadings(event)), ...readingsOf(message)]);
}
