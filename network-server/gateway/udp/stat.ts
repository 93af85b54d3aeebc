import type { GatewayStatus } from "../types.ts";
import type { JsonRecord } from "./json-record.ts";

export interface ForwarderStatistics {
  readonly values: NonNullable<GatewayStatus["lastStatistics"]>;
  /** From the gateway's own GPS or the forwarder's configuration; undefined when it says nothing or 0, 0, 0. */
  readonly location?: NonNullable<GatewayStatus["location"]>;
}

const maxValues = 32;
const maxNameLength = 32;
const maxTextLength = 128;

/** The `stat` object of PUSH_DATA: its numbers and short texts, whatever their names. */
export function statisticsOf(stat: JsonRecord): ForwarderStatistics {
  const kept: [string, string | number][] = [];
  for (const [name, value] of Object.entries(stat)) {
    if (kept.length === maxValues) break;
    if (name.length > maxNameLength) continue;
    if (typeof value === "number" && Number.isFinite(value)) kept.push([name, value]);
    if (typeof value === "string" && value.length <= maxTextLength) kept.push([name, value]);
  }
  const values = Object.fromEntries(kept);
  const location = locationOf(stat);
  return location ? { values, location } : { values };
}

function locationOf({ lati, long, alti }: JsonRecord): ForwarderStatistics["location"] {
  const latitude = within(lati, 90);
  const longitude = within(long, 180);
  const altitude = within(alti, 100_000) ?? 0;
  if (latitude === undefined || longitude === undefined) return undefined;
  if (latitude === 0 && longitude === 0 && altitude === 0) return undefined;
  return { latitude, longitude, altitude };
}

const within = (value: unknown, limit: number): number | undefined =>
  typeof value === "number" && Math.abs(value) <= limit ? value : undefined;
