import { createHash } from "node:crypto";
import Type from "typebox";
import { Compile } from "typebox/compile";
import type { HistoryEvent } from "../history-ports.ts";
import { type ApplicationEvent, bodyOf } from "../ports.ts";

/** What the history reads of the contract's JSON; the rest is kept as it is. */
const bodySchema = Compile(
  Type.Object({
    time: Type.String(),
    deduplicationId: Type.Optional(Type.String()),
    downlinkId: Type.Optional(Type.Integer()),
    devAddr: Type.Optional(Type.String()),
    code: Type.Optional(Type.String()),
    context: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
    rxInfo: Type.Optional(
      Type.Array(
        Type.Object({
          gatewayId: Type.String(),
          rssi: Type.Optional(Type.Number()),
          snr: Type.Optional(Type.Number()),
        }),
      ),
    ),
    gatewayId: Type.Optional(Type.String()),
    dr: Type.Optional(Type.Integer()),
    acknowledged: Type.Optional(Type.Boolean()),
    level: Type.Optional(Type.String()),
    batteryLevel: Type.Optional(Type.Number()),
    batteryLevelUnavailable: Type.Optional(Type.Boolean()),
    margin: Type.Optional(Type.Number()),
    txInfo: Type.Optional(Type.Object({ frequency: Type.Integer() })),
    object: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
  }),
);

/** An event with what its roll-ups are made of. */
export interface EventRow extends HistoryEvent {
  readonly atMs: number;
  /** Who heard it, or sent it; each once. */
  readonly gatewayIds: readonly string[];
  readonly rxInfo: readonly { readonly rssi?: number; readonly snr?: number }[];
  readonly dr?: number;
  readonly frequency?: number;
  /** Of acknowledgements. */
  readonly acknowledged?: boolean;
  /** Of log events. */
  readonly level?: string;
  /** Of status events; percent, where the device knows it, and dB. */
  readonly batteryLevel?: number;
  readonly margin?: number;
  /** What the codec made of the payload. */
  readonly object?: Readonly<Record<string, unknown>>;
}

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Undefined for JSON that is no event of the contract. Pure: the same event has the same id and time every time. */
export function eventRow(event: ApplicationEvent): EventRow | undefined {
  const body = bodyOf(event);
  if (!bodySchema.Check(body)) return undefined;
  const atMs = Date.parse(body.time);
  if (Number.isNaN(atMs)) return undefined;
  const { kind, tenantId, applicationId, devEui, json } = event;
  // Alerts have a table of their own.
  if (kind === "alert") return undefined;
  const heard = body.rxInfo ?? [];
  const gatewayIds = [...heard, ...(body.gatewayId === undefined ? [] : [{ gatewayId: body.gatewayId }])];
  const { deduplication_id: logged } = body.context ?? {};
  const stated = body.deduplicationId ?? (typeof logged === "string" ? logged : undefined);
  return {
    id: idOf(stated ?? `${devEui} ${kind} ${atMs} ${body.downlinkId ?? ""}`),
    kind,
    time: new Date(atMs).toISOString(),
    atMs,
    tenantId,
    applicationId,
    devEui,
    ...(kind === "log" && body.code !== undefined && { code: body.code }),
    ...(body.devAddr !== undefined && { devAddr: body.devAddr }),
    json,
    gatewayIds: [...new Set(gatewayIds.map(({ gatewayId }) => gatewayId))],
    rxInfo: heard,
    ...(body.dr !== undefined && { dr: body.dr }),
    ...(body.txInfo !== undefined && { frequency: body.txInfo.frequency }),
    ...(body.acknowledged !== undefined && { acknowledged: body.acknowledged }),
    ...(body.level !== undefined && { level: body.level }),
    ...(body.batteryLevel !== undefined &&
      body.batteryLevelUnavailable !== true && { batteryLevel: body.batteryLevel }),
    ...(body.margin !== undefined && { margin: body.margin }),
    ...(body.object !== undefined && { object: body.object }),
  };
}

/** The events of a transmission alone have no identifier in the contract: theirs is made of what tells them apart. */
function idOf(text: string): string {
  if (uuidPattern.test(text)) return text;
  const hex = createHash("sha256").update(text).digest("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join("-");
}

/** By which an event is known however often it is delivered: an uplink and what is logged of it share an id. */
export const journalKey = ({ id, kind }: { readonly id: string; readonly kind: string }): string => `${id} ${kind}`;

/** Undefined for what the history does not take. */
export function eventKey(event: ApplicationEvent): string | undefined {
  const row = eventRow(event);
  return row && journalKey(row);
}
