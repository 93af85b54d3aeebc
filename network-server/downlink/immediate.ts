import type { GatewayId } from "../../lorawan/ids.ts";
import { airtimeUs } from "../../lorawan/phy/airtime.ts";
import { type Clock, sleep } from "../../platform/clock.ts";
import type { Metrics } from "../../platform/metrics.ts";
import type { TxInfo } from "../../platform/state/network-event.ts";
import type { GatewayTransport, Transmission, TransmissionFailure } from "../gateway/types.ts";
import { type GatewayLink, rankGateways } from "./gateway-choice.ts";
import type { Schedule } from "./schedule.ts";
import { subBandName, txInfoOf } from "./transmit.ts";
import type { ReceiveWindow } from "./windows.ts";

/** A finished frame for a device that listens all the time. */
export interface ImmediateOrder {
  readonly downlinkId: number;
  readonly phyPayload: Uint8Array;
  readonly channel: Pick<ReceiveWindow, "frequencyHz" | "modulation" | "eirpDbm" | "subBand">;
  /** Gateways that are known to hear the device. */
  readonly gateways: readonly GatewayLink[];
  /** Asked after each wait: false takes the frame back, since something newer is on its way to the device (C20). */
  stillDue(): Promise<boolean>;
}

export type ImmediateOutcome =
  | {
      readonly kind: "sent";
      readonly gatewayId: GatewayId;
      readonly txInfo: TxInfo;
      /** Until the frame has left the air; not negative. */
      readonly endsInMs: number;
    }
  | { readonly kind: "failed"; readonly attempts: readonly ImmediateAttempt[] }
  | { readonly kind: "withdrawn" };

export interface ImmediateAttempt {
  readonly gatewayId: GatewayId;
  readonly reason: TransmissionFailure;
}

/** Sends frames as soon as a gateway is free, after everything that has a time of its own. */
export interface ImmediateTransmitter {
  reaches(gatewayId: GatewayId): boolean;
  /** Tries gateway after gateway, best link first, until one takes the frame (C41). Rejects as `stillDue` does. */
  send(order: ImmediateOrder): Promise<ImmediateOutcome>;
}

export interface ImmediateTransmitterOptions {
  readonly transport: GatewayTransport;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly schedule: Schedule;
}

/** A gateway that is busy for longer is left to others. */
const longestWaitUs = 3_000_000;
/** No attempt begins later, so that a frame without an outcome is known to be lost soon. */
export const longestTryMs = 10_000;

export function createImmediateTransmitter(options: ImmediateTransmitterOptions): ImmediateTransmitter {
  const { transport, clock, metrics, schedule } = options;

  async function attempt(order: ImmediateOrder, gatewayId: GatewayId): Promise<ImmediateOutcome> {
    const { channel, phyPayload } = order;
    const durationUs = airtimeUs(channel.modulation, phyPayload.length, { crc: false });
    const nowUs = clock.monotonicUs();
    const startUs = schedule.nextFree(gatewayId, durationUs, nowUs);
    if (startUs - nowUs > longestWaitUs) {
      metrics.downlinksNotScheduled.inc({ reason: "COLLISION_PACKET" });
      return failed(gatewayId, "COLLISION_PACKET");
    }
    const { subBand } = channel;
    const slot = { startUs, durationUs };
    const claimed = schedule.claim({ gatewayId, slot, priority: "class-c", ...(subBand && { subBand }) }, nowUs);
    if (claimed.kind === "refused") return failed(gatewayId, claimed.reason);
    if (startUs > nowUs) {
      await sleep(clock, (startUs - nowUs) / 1000);
      if (!(await order.stillDue())) {
        claimed.release();
        return { kind: "withdrawn" };
      }
    }
    const outcome = await transport.transmit(transmissionOf(order, gatewayId));
    metrics.downlinkAttempts.inc({ outcome: outcome.kind === "sent" ? "sent" : outcome.reason });
    const endsInMs = Math.max(0, (startUs + durationUs - clock.monotonicUs()) / 1000);
    if (outcome.kind === "sent") {
      metrics.downlinkAirtime.inc({ sub_band: subBandName(channel) }, durationUs / 1e6);
      return { kind: "sent", gatewayId, txInfo: txInfoOf(channel), endsInMs };
    }
    // It may be on the air all the same: the next gateway waits for its end, and the device drops the second copy.
    if (outcome.reason === "NO_TX_ACK") await sleep(clock, endsInMs);
    else claimed.release();
    return failed(gatewayId, outcome.reason);
  }

  return {
    reaches: gatewayId => transport.reaches(gatewayId),
    async send(order) {
      const startedAtUs = clock.monotonicUs();
      const ranked = rankGateways(order.gateways, ({ gatewayId }) => transport.reaches(gatewayId), {
        reservedUs: ({ gatewayId }) => schedule.reservedUs(gatewayId, clock.monotonicUs()),
      });
      const attempts: ImmediateAttempt[] = [];
      for (const { gatewayId } of ranked) {
        if (clock.monotonicUs() - startedAtUs > longestTryMs * 1000) break;
        if (attempts.length > 0 && !(await order.stillDue())) return { kind: "withdrawn" };
        const outcome = await attempt(order, gatewayId);
        if (outcome.kind !== "failed") return outcome;
        attempts.push(...outcome.attempts);
      }
      return { kind: "failed", attempts };
    },
  };
}

const failed = (gatewayId: GatewayId, reason: TransmissionFailure): ImmediateOutcome => ({
  kind: "failed",
  attempts: [{ gatewayId, reason }],
});

const transmissionOf = (order: ImmediateOrder, gatewayId: GatewayId): Transmission => ({
  downlinkId: order.downlinkId,
  gatewayId,
  phyPayload: order.phyPayload,
  timing: { kind: "immediately" },
  frequencyHz: order.channel.frequencyHz,
  modulation: order.channel.modulation,
  eirpDbm: order.channel.eirpDbm,
  invertPolarization: true,
});
