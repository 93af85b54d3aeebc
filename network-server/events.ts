import type { GatewayId } from "../lorawan/ids.ts";
import type { DataFrame } from "../lorawan/phy/frame.ts";
import type {
  AckEvent,
  AppSKeyKnowledge,
  DeviceClass,
  JoinEvent,
  LogCode,
  LogEvent,
  StatusEvent,
  TxAckEvent,
  TxInfo,
  UplinkEvent,
} from "../platform/state/network-event.ts";
import type { Dropped } from "./downlink/queue.ts";
import type { DeviceConfig } from "./ports.ts";
import type { Session } from "./session.ts";
import type { OpenUplink } from "./session-record.ts";

/** Whose event, when, under which stable id. */
export interface EventOrigin {
  readonly device: Pick<DeviceConfig, "devEui" | "applicationId">;
  readonly atMs: number;
  readonly deduplicationId: string;
  readonly deviceClass?: DeviceClass;
}

const base = (origin: EventOrigin) => ({
  deduplicationId: origin.deduplicationId,
  time: new Date(origin.atMs).toISOString(),
  devEui: origin.device.devEui,
  applicationId: origin.device.applicationId,
  ...(origin.deviceClass && { deviceClass: origin.deviceClass }),
});

export function uplinkEvent(origin: EventOrigin, session: Session, frame: DataFrame, open: OpenUplink): UplinkEvent {
  return {
    kind: "up",
    ...base(origin),
    devAddr: session.devAddr,
    adr: frame.adr,
    dr: open.dataRate,
    fCnt: open.fCnt,
    ...(frame.fPort !== undefined && { fPort: frame.fPort }),
    confirmed: frame.confirmed,
    // Port 0 carries the network's commands; the application learns that a frame came, not what it said (C4).
    frmPayload: frame.fPort === 0 ? "" : Buffer.from(frame.frmPayload).toString("base64"),
    ...appSKeyKnowledge(session),
    regionConfigId: session.regionConfigId,
    rxInfo: open.receptions.map(reception => reception.rxInfo),
    txInfo: open.txInfo,
  };
}

const appSKeyKnowledge = ({ appSKey, sessionKeyId }: Session): AppSKeyKnowledge => ({
  ...(appSKey && { appSKey }),
  ...(sessionKeyId !== undefined && { sessionKeyId }),
});

export const joinEvent = (origin: EventOrigin, session: Session): JoinEvent => ({
  kind: "join",
  ...base(origin),
  devAddr: session.devAddr,
  ...appSKeyKnowledge(session),
  regionConfigId: session.regionConfigId,
});

export const ackEvent = (
  origin: EventOrigin,
  queueItemId: string,
  acknowledged: boolean,
  fCntDown: number,
): AckEvent => ({ kind: "ack", ...base(origin), queueItemId, acknowledged, fCntDown });

/** Context of a downlink that no gateway took; those whose duty cycle is used up are named apart. */
export function failureContext(
  downlinkId: number,
  attempts: readonly { readonly gatewayId: GatewayId; readonly reason: string }[],
): Readonly<Record<string, string>> {
  const spent = attempts.filter(({ reason }) => reason === "DUTY_CYCLE_OVERFLOW").map(({ gatewayId }) => gatewayId);
  return {
    downlink_id: String(downlinkId),
    ...(spent.length > 0 && { duty_cycle_gateways: [...new Set(spent)].join(",") }),
  };
}

export const txAckEvent = (
  origin: EventOrigin,
  downlinkId: number,
  queueItemId: string | undefined,
  fCntDown: number,
  outcome: { readonly reception: { readonly gatewayId: GatewayId }; readonly txInfo: TxInfo },
): TxAckEvent => ({
  kind: "txack",
  ...base(origin),
  downlinkId,
  ...(queueItemId !== undefined && { queueItemId }),
  fCntDown,
  gatewayId: outcome.reception.gatewayId,
  txInfo: outcome.txInfo,
});

export const statusEvent = (origin: EventOrigin, battery: number, marginDb: number): StatusEvent => ({
  kind: "status",
  ...base(origin),
  margin: marginDb,
  // TS001-1.0.4 5.5: 0 is external power, 255 unknown, 1 to 254 the charge (C61).
  externalPowerSource: battery === 0,
  batteryLevelUnavailable: battery === 255,
  batteryLevel: battery === 0 || battery === 255 ? 0 : Math.round(((battery - 1) / 253) * 10_000) / 100,
});

export const logEvent = (
  origin: EventOrigin,
  level: LogEvent["level"],
  code: LogCode,
  description: string,
  context: Readonly<Record<string, string>> = {},
): LogEvent => ({ kind: "log", ...base(origin), level, code, description, context });

export function droppedEvent(origin: EventOrigin, dropped: Dropped): LogEvent {
  const context = { queue_item_id: dropped.item.id };
  switch (dropped.kind) {
    case "expired":
      return logEvent(origin, "WARNING", "EXPIRED", "The downlink expired before it could be sent", context);
    case "too-long":
      return logEvent(
        origin,
        "ERROR",
        "DOWNLINK_PAYLOAD_SIZE",
        `The downlink is longer than the ${dropped.maxPayload} bytes that the device's receive window takes now`,
        { ...context, max_size: String(dropped.maxPayload) },
      );
    case "without-app-s-key":
      return logEvent(
        origin,
        "ERROR",
        "F_CNT_DOWN",
        "The downlink cannot be encrypted: this device's AppSKey is known to its Join Server alone; enqueue it encrypted",
        context,
      );
    case "stale":
      return logEvent(
        origin,
        "ERROR",
        "F_CNT_DOWN",
        `The downlink was encrypted for another counter or session: next is counter ${dropped.nextFCntDown} of ${dropped.devAddr}; encrypt it again`,
        { ...context, dev_addr: dropped.devAddr, next_f_cnt_down: String(dropped.nextFCntDown) },
      );
  }
}
