import Type from "typebox";
import { Compile } from "typebox/compile";
import { type GatewayId, parseGatewayId } from "../../lorawan/ids.ts";
import type { GatewayState } from "../../platform/state/store.ts";
import type { GatewayConfig } from "../ports.ts";
import { formatSource, type SourceAddress, type SourceCheck } from "./source-rule.ts";
import { fullBucket, type TokenBucket } from "./token-bucket.ts";
import type { GatewayStatus } from "./types.ts";

/** What the registry keeps of one gateway while the process lives; `statusOf` is its lasting part. */
export interface GatewayRecord {
  readonly gatewayId: GatewayId;
  registered: boolean;
  /** The catalog's last answer; undefined before the first, and null when the gateway is not in it. */
  config: GatewayConfig | null | undefined;
  /** False: the catalog must be asked before the next packet is judged. */
  configFresh: boolean;
  sourceCheck: SourceCheck | undefined;
  bucket: TokenBucket;
  firstSeenAtMs: number;
  lastSeenAtMs: number;
  countedOnline: boolean;
  /** Where the last packet came from; text only when it was restored. */
  source: SourceAddress | string;
  pinnedAddress: string | undefined;
  returnPath: GatewayStatus["returnPath"];
  location: GatewayStatus["location"];
  gps: GatewayStatus["gps"];
  roundTripsMs: number[];
  /** Median of the above. */
  roundTripMs: number | undefined;
  uplinks: number;
  downlinks: number;
  downlinkFailures: number;
  refused: number;
  lastStatistics: GatewayStatus["lastStatistics"];
  /** Something has changed since the record was last stored. */
  dirty: boolean;
  stored: boolean;
  warnedAtMs: number;
}

const keptRoundTrips = 16;

export function newRecord(gatewayId: GatewayId, source: SourceAddress, nowMs: number, nowUs: number): GatewayRecord {
  return {
    gatewayId,
    registered: false,
    config: undefined,
    configFresh: false,
    sourceCheck: undefined,
    bucket: fullBucket(1, nowUs),
    firstSeenAtMs: nowMs,
    lastSeenAtMs: nowMs,
    countedOnline: false,
    source,
    pinnedAddress: undefined,
    returnPath: undefined,
    location: undefined,
    gps: undefined,
    roundTripsMs: [],
    roundTripMs: undefined,
    uplinks: 0,
    downlinks: 0,
    downlinkFailures: 0,
    refused: 0,
    lastStatistics: undefined,
    dirty: true,
    stored: false,
    warnedAtMs: Number.NEGATIVE_INFINITY,
  };
}

export function addRoundTrip(record: GatewayRecord, milliseconds: number): void {
  record.roundTripsMs.push(milliseconds);
  if (record.roundTripsMs.length > keptRoundTrips) record.roundTripsMs.shift();
  record.roundTripMs = median(record.roundTripsMs);
  record.dirty = true;
}

function median(values: readonly number[]): number | undefined {
  const sorted = values.toSorted((left, right) => left - right);
  const upper = sorted[sorted.length >> 1];
  const lower = sorted[(sorted.length - 1) >> 1];
  return upper === undefined || lower === undefined ? undefined : (upper + lower) / 2;
}

export function statusOf(record: GatewayRecord, online: boolean): GatewayStatus {
  const { roundTripMs } = record;
  const location = record.config?.location ?? record.location;
  return {
    gatewayId: record.gatewayId,
    registered: record.registered,
    firstSeenAtMs: record.firstSeenAtMs,
    lastSeenAtMs: record.lastSeenAtMs,
    online,
    remoteAddress: typeof record.source === "string" ? record.source : formatSource(record.source),
    ...(record.pinnedAddress === undefined ? {} : { pinnedAddress: record.pinnedAddress }),
    ...(record.returnPath === undefined ? {} : { returnPath: record.returnPath }),
    ...(roundTripMs === undefined ? {} : { roundTripMs }),
    ...(location === undefined ? {} : { location }),
    ...(record.gps === undefined ? {} : { gps: record.gps }),
    counts: {
      uplinks: record.uplinks,
      downlinks: record.downlinks,
      downlinkFailures: record.downlinkFailures,
      refused: record.refused,
    },
    ...(record.lastStatistics === undefined ? {} : { lastStatistics: record.lastStatistics }),
  };
}

const count = Type.Integer({ minimum: 0 });
const statusSchema = Type.Object({
  gatewayId: Type.String(),
  registered: Type.Boolean(),
  firstSeenAtMs: Type.Number(),
  lastSeenAtMs: Type.Number(),
  online: Type.Boolean(),
  remoteAddress: Type.String(),
  pinnedAddress: Type.Optional(Type.String()),
  returnPath: Type.Optional(
    Type.Object({
      address: Type.String(),
      port: Type.Integer(),
      version: Type.Union([Type.Literal(1), Type.Literal(2)]),
      heardAtMs: Type.Number(),
      server: Type.Optional(Type.String()),
    }),
  ),
  roundTripMs: Type.Optional(Type.Number()),
  location: Type.Optional(Type.Object({ latitude: Type.Number(), longitude: Type.Number(), altitude: Type.Number() })),
  gps: Type.Optional(Type.Object({ hasTime: Type.Boolean(), atMs: Type.Number() })),
  counts: Type.Object({ uplinks: count, downlinks: count, downlinkFailures: count, refused: count }),
  lastStatistics: Type.Optional(Type.Record(Type.String(), Type.Union([Type.String(), Type.Number()]))),
});
const compiledStatus = Compile(statusSchema);

export const encodeStatus = (status: GatewayStatus): GatewayState => ({
  gatewayId: status.gatewayId,
  value: Buffer.from(JSON.stringify(status)),
});

/** Undefined for bytes that are no gateway's status. */
export function decodeStatus(value: Uint8Array): GatewayStatus | undefined {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("utf8"));
    if (!compiledStatus.Check(parsed)) return undefined;
    return { ...parsed, gatewayId: parseGatewayId(parsed.gatewayId) };
  } catch {
    return undefined;
  }
}

/** A record as it was stored; whether the gateway is registered is asked again. */
export function restoredRecord(status: GatewayStatus, nowUs: number): GatewayRecord {
  return {
    ...newRecord(status.gatewayId, { address: "", port: 0 }, status.firstSeenAtMs, nowUs),
    registered: status.registered,
    lastSeenAtMs: status.lastSeenAtMs,
    source: status.remoteAddress,
    pinnedAddress: status.pinnedAddress,
    returnPath: status.returnPath,
    location: status.location,
    gps: status.gps,
    roundTripsMs: status.roundTripMs === undefined ? [] : [status.roundTripMs],
    roundTripMs: status.roundTripMs,
    ...status.counts,
    lastStatistics: status.lastStatistics,
    dirty: false,
    stored: true,
  };
}
