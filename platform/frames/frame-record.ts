import type { ApplicationId, DevAddr, DevEui, GatewayId, TenantId } from "../../lorawan/ids.ts";
import type { RxInfo, TxInfo } from "../state/network-event.ts";

/**
 * A frame that the network server received or sent, with all that is known of it: for whoever looks into the radio traffic.
 * Bytes are those on the air. No key is in it, nor anything that was opened with one.
 */
export type FrameRecord = UplinkFrameRecord | DownlinkFrameRecord;

/** The device that the frame is of, as far as the catalog knows it. */
export interface FrameSubject {
  readonly tenantId: TenantId;
  readonly applicationId: ApplicationId;
  readonly devEui: DevEui;
}

interface FrameBase {
  /** UUID of version 7 (RFC 9562), whose time is `atMs`. */
  readonly id: string;
  /** Wall clock of the server: when the first copy came, or when the downlink's fate was known. */
  readonly atMs: number;
  readonly phyPayload: Uint8Array;
  /** Absent where the device is not known, or not proven. */
  readonly subject?: FrameSubject;
  /** Of data frames, as on the air. */
  readonly devAddr?: DevAddr;
  /** All 32 bits, where the MIC told them or the server chose them. */
  readonly fCnt?: number;
}

/** What became of a frame that was heard. */
export type UplinkVerdict =
  /** A data frame that is delivered, or a join that is answered. */
  | "accepted"
  /** The last accepted frame once more. */
  | "repeat"
  | "replay"
  | "counter-reset"
  | "bad-mic"
  | "unknown-device"
  /** A join or rejoin that is not answered, or a frame that nothing is done with; `reason` says why. */
  | "refused"
  /** Bytes that are no frame of LoRaWAN; `reason` says why. */
  | "malformed"
  | "proprietary";

export interface UplinkFrameRecord extends FrameBase {
  readonly direction: "up";
  readonly verdict: UplinkVerdict;
  /** A code, like the label of the metric that counts it. */
  readonly reason?: string;
  /** Of the event that the frame became. */
  readonly deduplicationId?: string;
  readonly txInfo: TxInfo;
  /** One for each gateway, or antenna, that heard it. */
  readonly rxInfo: readonly RxInfo[];
}

/** One try to send a frame through one gateway. */
export interface FrameAttempt {
  readonly gatewayId: GatewayId;
  /** `RX1`, `RX2`, `ping slot`, or `immediately` for a device that listens all the time. */
  readonly window: string;
  /** `OK`, or the code with which the gateway or the server's own timeline declined. */
  readonly status: string;
}

export interface DownlinkFrameRecord extends FrameBase {
  readonly direction: "down";
  readonly outcome: "sent" | "failed" | "withdrawn";
  readonly downlinkId: number;
  /** Of the queue, where its payload is of there. */
  readonly queueItemId?: string;
  /** In order; the last one is the one that sent it. */
  readonly attempts: readonly FrameAttempt[];
  /** On which it was sent. */
  readonly txInfo?: TxInfo;
  /** From the end of the uplink that it answers to its start. */
  readonly delayUs?: number;
}

/** Gateways that heard the frame or were asked to send it; each once. */
export const gatewaysOf = (frame: FrameRecord): readonly GatewayId[] => [
  ...new Set((frame.direction === "up" ? frame.rxInfo : frame.attempts).map(({ gatewayId }) => gatewayId)),
];

/** An id that is as good as the random one it is made of, and tells the time. */
export function frameIdOf(atMs: number, randomUuid: string): string {
  const time = Math.trunc(atMs).toString(16).padStart(12, "0");
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUuid.slice(15)}`;
}

/** Milliseconds, of an id of `frameIdOf`. */
export const timeOfFrameId = (id: string): number => Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);

const idPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const endOfYear9999Ms = Date.UTC(10_000, 0);

/** Whether a text from outside may be the id of a frame, whose time has four digits for its year then. */
export const isFrameId = (text: string): boolean => idPattern.test(text) && timeOfFrameId(text) < endOfYear9999Ms;
