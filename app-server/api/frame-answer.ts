import Type, { type Static } from "typebox";
import type { TenantId } from "../../lorawan/ids.ts";
import type { FrameRecord } from "../../platform/frames/frame-record.ts";
import type { RxInfo, TxInfo } from "../../platform/state/network-event.ts";
import { Eui64, listOf, Time, timeOf, Uuid } from "./schemas.ts";

const frameTypes = [
  "join-request",
  "join-accept",
  "unconfirmed-data-up",
  "unconfirmed-data-down",
  "confirmed-data-up",
  "confirmed-data-down",
  "rejoin-request",
  "proprietary",
] as const;

const Info = Type.Object({}, { additionalProperties: true, description: "As in events." });

/** A frame as the API tells it: what it was, whose, and what became of it. */
export const Frame = Type.Object({
  id: Type.String(),
  time: Time,
  direction: Type.Enum(["up", "down"]),
  frameType: Type.Enum([...frameTypes], { description: "Of the MHDR (TS001-1.0.4 4.2.1)." }),
  phyPayload: Type.String({ description: "Base64, as on the air." }),
  devEui: Type.Optional(Eui64),
  applicationId: Type.Optional(Uuid),
  devAddr: Type.Optional(Type.String()),
  fCnt: Type.Optional(Type.Integer({ description: "All 32 bits, where the server knows them." })),
  verdict: Type.Optional(Type.String({ description: "Of an uplink: `accepted`, or why it is not." })),
  reason: Type.Optional(Type.String({ description: "Code that says more of the verdict." })),
  deduplicationId: Type.Optional(Type.String({ description: "Of the event that the frame became." })),
  rxInfo: Type.Optional(listOf(Type.Unsafe<RxInfo>(Info))),
  txInfo: Type.Optional(Type.Unsafe<TxInfo>(Info)),
  outcome: Type.Optional(Type.Enum(["sent", "failed", "withdrawn"], { description: "Of a downlink." })),
  downlinkId: Type.Optional(Type.Integer()),
  queueItemId: Type.Optional(Type.String()),
  delayMs: Type.Optional(Type.Number({ description: "From the end of the uplink to the downlink that answers it." })),
  attempts: Type.Optional(
    listOf(
      Type.Object({
        gatewayId: Eui64,
        window: Type.String({ description: "`RX1`, `RX2`, or `immediately`." }),
        status: Type.String({ description: "`OK`, or why the gateway or its timeline declined." }),
      }),
    ),
  ),
});
export type FrameAnswer = Static<typeof Frame>;

/** From where a caller looks at a frame, which decides what there is to see. */
export type FrameView =
  | { readonly kind: "device" }
  /**
   * The gateway's own copy alone; whose frame it is only where it is of the tenant that the gateway is of, or when the
   * caller sees every tenant.
   */
  | { readonly kind: "gateway"; readonly gatewayId: string; readonly tenantId: TenantId | "all" };

export function frameAnswer(frame: FrameRecord, view: FrameView): FrameAnswer {
  const { id, atMs, direction, phyPayload, devAddr } = frame;
  const ofHere = <Item extends { readonly gatewayId: string }>(items: readonly Item[]): readonly Item[] =>
    view.kind === "gateway" ? items.filter(({ gatewayId }) => gatewayId === view.gatewayId) : items;
  return {
    id,
    time: timeOf(atMs),
    direction,
    frameType: frameTypes[(phyPayload[0] ?? 0xff) >> 5] ?? "proprietary",
    phyPayload: Buffer.from(phyPayload).toString("base64"),
    ...(devAddr !== undefined && { devAddr }),
    ...(isKnownTo(frame, view) && subjectAnswer(frame)),
    ...(frame.direction === "up"
      ? {
          verdict: frame.verdict,
          ...(frame.reason !== undefined && { reason: frame.reason }),
          rxInfo: ofHere(frame.rxInfo),
          txInfo: frame.txInfo,
        }
      : {
          outcome: frame.outcome,
          downlinkId: frame.downlinkId,
          attempts: ofHere(frame.attempts),
          ...(frame.txInfo && { txInfo: frame.txInfo }),
          ...(frame.delayUs !== undefined && { delayMs: frame.delayUs / 1000 }),
        }),
  };
}

const isKnownTo = ({ subject }: FrameRecord, view: FrameView): boolean =>
  view.kind === "device" || view.tenantId === "all" || subject?.tenantId === view.tenantId;

function subjectAnswer(frame: FrameRecord) {
  const { subject, fCnt } = frame;
  const deduplicationId = frame.direction === "up" ? frame.deduplicationId : undefined;
  const queueItemId = frame.direction === "down" ? frame.queueItemId : undefined;
  return {
    ...(subject && { devEui: subject.devEui, applicationId: subject.applicationId }),
    ...(fCnt !== undefined && { fCnt }),
    ...(deduplicationId !== undefined && { deduplicationId }),
    ...(queueItemId !== undefined && { queueItemId }),
  };
}
