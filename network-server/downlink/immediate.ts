import type { GatewayId } from "../../lorawan/ids.ts";
import type { Clock } from "../../platform/clock.ts";
import type { TxInfo } from "../../platform/state/network-event.ts";
import type { DownlinkFacts } from "../frame-trace.ts";
import type { TransmissionFailure } from "../gateway/types.ts";
import { type GatewayLink, rankGateways } from "./gateway-choice.ts";
import type { Channel, GatewaySender } from "./gateway-sender.ts";
import { txInfoOf } from "./transmit.ts";

/** A finished frame for a device that listens all the time. */
export interface ImmediateOrder {
  readonly downlinkId: number;
  readonly phyPayload: Uint8Array;
  readonly channel: Channel;
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
      /** Before the one that sent it. */
      readonly attempts: readonly ImmediateAttempt[];
    }
  | { readonly kind: "failed"; readonly attempts: readonly ImmediateAttempt[] }
  | { readonly kind: "withdrawn" };

export interface ImmediateAttempt {
  readonly gatewayId: GatewayId;
  readonly reason: TransmissionFailure;
}

/** The outcome as whoever looks into the radio traffic sees it. */
export function immediateFacts(outcome: ImmediateOutcome): Pick<DownlinkFacts, "outcome" | "attempts" | "txInfo"> {
  if (outcome.kind === "withdrawn") return { outcome: "withdrawn", attempts: [] };
  const attempts = outcome.attempts.map(({ gatewayId, reason }) => ({
    gatewayId,
    window: "immediately",
    status: reason,
  }));
  if (outcome.kind === "failed") return { outcome: "failed", attempts };
  const { gatewayId, txInfo } = outcome;
  return { outcome: "sent", attempts: [...attempts, { gatewayId, window: "immediately", status: "OK" }], txInfo };
}

/** Sends frames as soon as a gateway is free, after everything that has a time of its own. */
export interface ImmediateTransmitter {
  reaches(gatewayId: GatewayId): boolean;
  /** Tries gateway after gateway, best link first, until one takes the frame (C41). Rejects as `stillDue` does. */
  send(order: ImmediateOrder): Promise<ImmediateOutcome>;
}

export interface ImmediateTransmitterOptions {
  readonly sender: GatewaySender;
  readonly clock: Clock;
}

/** No attempt begins later, so that a frame without an outcome is known to be lost soon. */
export const longestTryMs = 10_000;

export function createImmediateTransmitter({ sender, clock }: ImmediateTransmitterOptions): ImmediateTransmitter {
  return {
    reaches: gatewayId => sender.reaches(gatewayId),
    async send(order) {
      const { downlinkId, phyPayload, channel, stillDue } = order;
      const startedAtUs = clock.monotonicUs();
      const ranked = rankGateways(order.gateways, ({ gatewayId }) => sender.reaches(gatewayId), {
        reservedUs: ({ gatewayId }) => sender.reservedUs(gatewayId),
      });
      const attempts: ImmediateAttempt[] = [];
      for (const { gatewayId } of ranked) {
        if (clock.monotonicUs() - startedAtUs > longestTryMs * 1000) break;
        if (attempts.length > 0 && !(await stillDue())) return { kind: "withdrawn" };
        const result = await sender.sendPrompt({ downlinkId, phyPayload, gatewayId, channel }, stillDue);
        if (result.kind === "sent") return { ...result, gatewayId, txInfo: txInfoOf(channel), attempts };
        if (result.kind === "withdrawn") return result;
        attempts.push({ gatewayId, reason: result.reason });
      }
      return { kind: "failed", attempts };
    },
  };
}
