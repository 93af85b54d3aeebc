import { gpsMsOf } from "../../lorawan/gps-time.ts";
import type { GatewayId } from "../../lorawan/ids.ts";
import { airtimeUs } from "../../lorawan/phy/airtime.ts";
import { type Clock, sleep } from "../../platform/clock.ts";
import type { Metrics } from "../../platform/metrics.ts";
import type { GatewayTransport, Reception, Transmission, TransmissionFailure } from "../gateway/types.ts";
import type { DownlinkPriority } from "./duty-cycle.ts";
import type { Schedule } from "./schedule.ts";
import type { ReceiveWindow } from "./windows.ts";

/** A frame for one gateway, to be sent in a window of the uplink that it answers. */
export interface TimedFrame {
  readonly downlinkId: number;
  readonly phyPayload: Uint8Array;
  readonly priority: DownlinkPriority;
  readonly window: ReceiveWindow;
  readonly reception: Reception;
}

export type TimedResult = { readonly kind: "sent" } | { readonly kind: "failed"; readonly reason: TransmissionFailure };

export type Channel = Pick<ReceiveWindow, "frequencyHz" | "modulation" | "eirpDbm" | "subBand">;

/** A frame for one gateway, to be sent as soon as its transmitter is free. */
export interface PromptFrame {
  readonly downlinkId: number;
  readonly phyPayload: Uint8Array;
  readonly gatewayId: GatewayId;
  readonly channel: Channel;
}

/** A frame for one gateway, to be sent in a ping slot. */
export interface GpsTimedFrame extends PromptFrame {
  readonly gpsTimeMs: number;
}

export type PromptResult =
  /** `endsInMs`: until the frame has left the air; not negative. */
  | { readonly kind: "sent"; readonly endsInMs: number }
  | { readonly kind: "failed"; readonly reason: TransmissionFailure }
  | { readonly kind: "withdrawn" };

/** Gateways with their time on the air: who may send when is decided where the gateway is connected. */
export interface GatewaySender {
  reaches(gatewayId: GatewayId): boolean;
  /** How much of the gateway's near future is known to be taken, microseconds. */
  reservedUs(gatewayId: GatewayId): number;
  /** Whether the gateway has GPS time; undefined where nobody here knows. */
  hasGpsTime(gatewayId: GatewayId): boolean | undefined;
  /** How long before its time a frame must be on its way to the gateway, as far as anyone here knows. */
  leadMs(gatewayId: GatewayId): number;
  /** Never rejects. */
  sendTimed(frame: TimedFrame): Promise<TimedResult>;
  /** Never rejects. */
  sendAtGps(frame: GpsTimedFrame): Promise<TimedResult>;
  /** `stillDue` is asked after each wait, false takes the frame back. Rejects as `stillDue` does. */
  sendPrompt(frame: PromptFrame, stillDue: () => Promise<boolean>): Promise<PromptResult>;
}

/** The sender of this process, which others may ask for a try without a wait. */
export interface LocalSender extends GatewaySender {
  /** `busy`: nothing was sent; the transmitter is free after so long. */
  tryPrompt(frame: PromptFrame): Promise<PromptResult | { readonly kind: "busy"; readonly freeInMs: number }>;
}

export interface LocalSenderOptions {
  readonly transport: GatewayTransport;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly schedule: Schedule;
}

/** Semtech's forwarder for the SX1302 refuses a frame less than 42.5 ms ahead. */
const shortestLeadMs = 45;
/** However slow the way was, RX2 is tried: only a frame tells that the way has become better. */
const longestLeadMs = 1_500;
/** A gateway that is busy for longer is left to others. */
export const longestWaitMs = 3_000;

export function createLocalSender(options: LocalSenderOptions): LocalSender {
  const { transport, clock, metrics, schedule } = options;

  const neededLeadMs = (gatewayId: GatewayId): number =>
    Math.min(longestLeadMs, Math.max(shortestLeadMs, transport.leadMs?.(gatewayId) ?? 0));

  const countAttempt = (outcome: string): void => metrics.downlinkAttempts.inc({ outcome });

  async function sendTimed(frame: TimedFrame): Promise<TimedResult> {
    const { window, reception, priority, phyPayload } = frame;
    const { gatewayId } = reception;
    const nowUs = clock.monotonicUs();
    const startUs = reception.receivedAtUs - (reception.lateByUs ?? 0) + window.delayUs;
    const leadMs = (startUs - nowUs) / 1000;
    const neededMs = neededLeadMs(gatewayId);
    // What a transport needs has the usual way of an uplink in it: that part of the delay is not counted twice.
    const countedTwiceMs = Math.min((reception.lateByUs ?? 0) / 1000, (neededMs - shortestLeadMs) / 2);
    if (leadMs + countedTwiceMs < neededMs) {
      metrics.downlinksNotScheduled.inc({ reason: "TOO_LATE" });
      return { kind: "failed", reason: "TOO_LATE" };
    }
    const counterUs = (reception.counterUs + window.delayUs) >>> 0;
    const durationUs = airtimeUs(window.modulation, phyPayload.length, { crc: false });
    const { subBand } = window;
    const slot = { startUs, durationUs, counterUs };
    const claimed = schedule.claim({ gatewayId, slot, priority, ...(subBand && { subBand }) }, nowUs);
    if (claimed.kind === "refused") return { kind: "failed", reason: claimed.reason };
    metrics.downlinkLead.observe(leadMs / 1000);
    const outcome = await transport.transmit(timedTransmission(frame, counterUs));
    countAttempt(outcome.kind === "sent" ? "sent" : outcome.reason);
    if (outcome.kind === "sent") {
      metrics.downlinkAirtime.inc({ sub_band: subBandName(window) }, durationUs / 1e6);
      return { kind: "sent" };
    }
    // The gateway may be sending all the same.
    if (outcome.reason !== "NO_TX_ACK") claimed.release();
    return outcome;
  }

  async function sendAtGps(frame: GpsTimedFrame): Promise<TimedResult> {
    const { gatewayId, channel, phyPayload, gpsTimeMs } = frame;
    if (transport.hasGpsTime?.(gatewayId) === false) return { kind: "failed", reason: "GPS_UNLOCKED" };
    const nowUs = clock.monotonicUs();
    const aheadMs = gpsTimeMs - gpsMsOf(clock.nowMs());
    if (aheadMs < neededLeadMs(gatewayId)) {
      metrics.downlinksNotScheduled.inc({ reason: "TOO_LATE" });
      return { kind: "failed", reason: "TOO_LATE" };
    }
    const durationUs = airtimeUs(channel.modulation, phyPayload.length, { crc: false });
    const slot = { startUs: nowUs + aheadMs * 1000, durationUs };
    const { subBand } = channel;
    const claimed = schedule.claim({ gatewayId, slot, priority: "class-c", ...(subBand && { subBand }) }, nowUs);
    if (claimed.kind === "refused") return { kind: "failed", reason: claimed.reason };
    metrics.downlinkLead.observe(aheadMs / 1000);
    const outcome = await transport.transmit(transmissionOf(frame, { kind: "at-gps-time", gpsTimeMs }));
    countAttempt(outcome.kind === "sent" ? "sent" : outcome.reason);
    if (outcome.kind === "sent") {
      metrics.downlinkAirtime.inc({ sub_band: subBandName(channel) }, durationUs / 1e6);
      return { kind: "sent" };
    }
    // The gateway may be sending all the same.
    if (outcome.reason !== "NO_TX_ACK") claimed.release();
    return outcome;
  }

  /** Waits for the transmitter for `waitMs` at most, with its time taken meanwhile. */
  async function prompt(
    frame: PromptFrame,
    waitMs: number,
    stillDue: () => Promise<boolean>,
  ): Promise<PromptResult | { readonly kind: "busy"; readonly freeInMs: number }> {
    const { channel, phyPayload, gatewayId } = frame;
    const durationUs = airtimeUs(channel.modulation, phyPayload.length, { crc: false });
    const nowUs = clock.monotonicUs();
    const startUs = schedule.nextFree(gatewayId, durationUs, nowUs);
    if (startUs - nowUs > waitMs * 1000) return { kind: "busy", freeInMs: (startUs - nowUs) / 1000 };
    const { subBand } = channel;
    const slot = { startUs, durationUs };
    const claimed = schedule.claim({ gatewayId, slot, priority: "class-c", ...(subBand && { subBand }) }, nowUs);
    if (claimed.kind === "refused") return { kind: "failed", reason: claimed.reason };
    if (startUs > nowUs) {
      await sleep(clock, (startUs - nowUs) / 1000);
      if (!(await stillDue())) {
        claimed.release();
        return { kind: "withdrawn" };
      }
    }
    const outcome = await transport.transmit(transmissionOf(frame, { kind: "immediately" }));
    countAttempt(outcome.kind === "sent" ? "sent" : outcome.reason);
    const endsInMs = Math.max(0, (startUs + durationUs - clock.monotonicUs()) / 1000);
    if (outcome.kind === "sent") {
      metrics.downlinkAirtime.inc({ sub_band: subBandName(channel) }, durationUs / 1e6);
      return { kind: "sent", endsInMs };
    }
    // It may be on the air all the same: the next gateway waits for its end, and the device drops the second copy.
    if (outcome.reason === "NO_TX_ACK") await sleep(clock, endsInMs);
    else claimed.release();
    return outcome;
  }

  return {
    reaches: gatewayId => transport.reaches(gatewayId),
    reservedUs: gatewayId => schedule.reservedUs(gatewayId, clock.monotonicUs()),
    hasGpsTime: gatewayId => transport.hasGpsTime?.(gatewayId),
    leadMs: neededLeadMs,
    sendTimed,
    sendAtGps,
    tryPrompt: frame => prompt(frame, 0, async () => true),
    async sendPrompt(frame, stillDue) {
      const result = await prompt(frame, longestWaitMs, stillDue);
      if (result.kind !== "busy") return result;
      metrics.downlinksNotScheduled.inc({ reason: "COLLISION_PACKET" });
      return { kind: "failed", reason: "COLLISION_PACKET" };
    },
  };
}

/** Like `868.0-868.6`, in MHz. */
function subBandName({ subBand }: Pick<ReceiveWindow, "subBand">): string {
  return subBand ? `${subBand.fromHz / 1e6}-${subBand.toHz / 1e6}` : "none";
}

const timedTransmission = (
  { downlinkId, phyPayload, window, reception }: TimedFrame,
  counterUs: number,
): Transmission => ({
  downlinkId,
  gatewayId: reception.gatewayId,
  phyPayload,
  timing: { kind: "at-counter", counterUs },
  frequencyHz: window.frequencyHz,
  modulation: window.modulation,
  eirpDbm: window.eirpDbm,
  invertPolarization: true,
  answerTo: reception,
});

const transmissionOf = (
  { downlinkId, gatewayId, phyPayload, channel }: PromptFrame,
  timing: Transmission["timing"],
): Transmission => ({
  downlinkId,
  gatewayId,
  phyPayload,
  timing,
  frequencyHz: channel.frequencyHz,
  modulation: channel.modulation,
  eirpDbm: channel.eirpDbm,
  invertPolarization: true,
});
