import { gpsMsOf } from "../../lorawan/gps-time.ts";
import type { GatewayId } from "../../lorawan/ids.ts";
import type { Clock } from "../../platform/clock.ts";
import type { TxInfo } from "../../platform/state/network-event.ts";
import type { DownlinkFacts } from "../frame-trace.ts";
import type { TransmissionFailure } from "../gateway/types.ts";
import type { PingWindow } from "./class-b.ts";
import { type GatewayLink, rankGateways } from "./gateway-choice.ts";
import type { GatewaySender } from "./gateway-sender.ts";
import { txInfoOf } from "./transmit.ts";

/** A gateway that heard the device, and whether it had GPS time then. */
export interface PingGateway extends GatewayLink {
  readonly hasGpsTime?: boolean;
}

/** A finished frame for a device of class B. */
export interface PingOrder {
  readonly downlinkId: number;
  readonly phyPayload: Uint8Array;
  readonly gateways: readonly PingGateway[];
  /** Where it shall go; it is known that gateways get it now. */
  readonly first: PingWindow;
  /** The ping slot after this one. */
  next(ping: PingWindow): PingWindow | undefined;
  /**
   * Makes durable that the frame goes to another slot: `postponed` until then, `handed-over` when gateways get it. False takes
   * it back, since something newer was heard from the device or sent to it (C20).
   */
  take(ping: PingWindow, step: "postponed" | "handed-over"): Promise<boolean>;
}

export type PingOutcome =
  | {
      readonly kind: "sent";
      readonly gatewayId: GatewayId;
      readonly txInfo: TxInfo;
      readonly ping: PingWindow;
      /** Those that failed before. */
      readonly attempts: readonly PingAttempt[];
    }
  | { readonly kind: "failed"; readonly attempts: readonly PingAttempt[] }
  | { readonly kind: "withdrawn" };

export interface PingAttempt {
  readonly gatewayId: GatewayId;
  readonly gpsTimeMs: number;
  readonly reason: TransmissionFailure;
}

/** The outcome as whoever looks into the radio traffic sees it. */
export function pingFacts(outcome: PingOutcome): Pick<DownlinkFacts, "outcome" | "attempts" | "txInfo"> {
  if (outcome.kind === "withdrawn") return { outcome: "withdrawn", attempts: [] };
  const attempt = ({ gatewayId }: Pick<PingAttempt, "gatewayId">, status: string) => ({
    gatewayId,
    window: "ping slot",
    status,
  });
  const attempts = outcome.attempts.map(failed => attempt(failed, failed.reason));
  if (outcome.kind === "failed") return { outcome: "failed", attempts };
  return { outcome: "sent", attempts: [...attempts, attempt(outcome, "OK")], txInfo: outcome.txInfo };
}

/** Sends frames in ping slots, through gateways that have GPS time (C47). */
export interface PingTransmitter {
  /** The gateway is in reach and has GPS time, as far as anyone knows. */
  canUse(gateway: Pick<PingGateway, "gatewayId" | "hasGpsTime">): boolean;
  /** How long before a ping slot gateways get its frame: enough for a second one to be asked, and no more. */
  leadMs(gateways: readonly Pick<PingGateway, "gatewayId">[]): number;
  /** Tries gateway after gateway, best link first, then slot after slot, until one takes the frame (C41). Rejects as `take` does. */
  send(order: PingOrder): Promise<PingOutcome>;
  /** Resolves after so long, or when the transmitter stops. */
  wait(durationMs: number): Promise<void>;
  /** What waits for a slot is taken back. */
  stop(): void;
}

export interface PingTransmitterOptions {
  readonly sender: GatewaySender;
  readonly clock: Clock;
}

/** What no gateway took three times is reported, and waits for longer. */
const mostSlots = 3;
const shortestLeadMs = 1_000;
const longestLeadMs = 2_500;
/** What a second gateway needs to be asked. */
const spareMs = 500;

export function createPingTransmitter({ sender, clock }: PingTransmitterOptions): PingTransmitter {
  let isStopped = false;
  const waiting = new Set<() => void>();

  const canUse: PingTransmitter["canUse"] = ({ gatewayId, hasGpsTime = false }) =>
    sender.reaches(gatewayId) && (sender.hasGpsTime(gatewayId) ?? hasGpsTime);

  const leadMs: PingTransmitter["leadMs"] = gateways => {
    const needed = gateways.map(({ gatewayId }) => sender.leadMs(gatewayId) + spareMs);
    return Math.min(longestLeadMs, Math.max(shortestLeadMs, ...needed));
  };

  function wait(durationMs: number): Promise<void> {
    if (isStopped || durationMs <= 0) return Promise.resolve();
    return new Promise(resolve => {
      const end = (): void => {
        cancel();
        waiting.delete(end);
        resolve();
      };
      const cancel = clock.after(durationMs, end);
      waiting.add(end);
    });
  }

  /** Waits for the time at which gateways get the frame for this slot. False: it is not due any more. */
  async function isDue(order: PingOrder, ping: PingWindow): Promise<boolean> {
    const aheadMs = ping.slot.gpsTimeMs - gpsMsOf(clock.nowMs()) - leadMs(order.gateways);
    if (aheadMs > 0) {
      if (!(await order.take(ping, "postponed"))) return false;
      await wait(aheadMs);
    }
    return !isStopped && (await order.take(ping, "handed-over"));
  }

  async function sendIn(order: PingOrder, ping: PingWindow): Promise<PingOutcome> {
    const { downlinkId, phyPayload } = order;
    const { gpsTimeMs } = ping.slot;
    const attempts: PingAttempt[] = [];
    const ranked = rankGateways(order.gateways, canUse, { reservedUs: link => sender.reservedUs(link.gatewayId) });
    for (const { gatewayId } of ranked) {
      const result = await sender.sendAtGps({ downlinkId, phyPayload, gatewayId, channel: ping.window, gpsTimeMs });
      if (result.kind === "sent") return { kind: "sent", gatewayId, txInfo: txInfoOf(ping.window), ping, attempts };
      attempts.push({ gatewayId, gpsTimeMs, reason: result.reason });
      // It may be on the air: a second gateway in the same slot would drown it.
      if (result.reason === "NO_TX_ACK") break;
    }
    return { kind: "failed", attempts };
  }

  return {
    canUse,
    leadMs,
    wait,
    async send(order) {
      const attempts: PingAttempt[] = [];
      let ping = order.first;
      for (let slots = 1; ; slots += 1) {
        const outcome = await sendIn(order, ping);
        if (outcome.kind === "withdrawn") return outcome;
        attempts.push(...outcome.attempts);
        if (outcome.kind === "sent") return { ...outcome, attempts };
        const next = order.next(ping);
        if (!next || slots === mostSlots || !order.gateways.some(canUse)) return { kind: "failed", attempts };
        if (!(await isDue(order, next))) return { kind: "withdrawn" };
        ping = next;
      }
    },
    stop() {
      isStopped = true;
      for (const end of [...waiting]) end();
    },
  };
}
