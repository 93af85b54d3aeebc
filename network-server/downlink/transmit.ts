import type { GatewayId } from "../../lorawan/ids.ts";
import { loraCodingRate } from "../../lorawan/region/coding-rate.ts";
import type { Modulation } from "../../lorawan/region/region.ts";
import type { TxInfo, TxModulation } from "../../platform/state/network-event.ts";
import type { DownlinkFacts } from "../frame-trace.ts";
import type { Reception, TransmissionFailure } from "../gateway/types.ts";
import type { DownlinkPriority } from "./duty-cycle.ts";
import { rankGateways } from "./gateway-choice.ts";
import type { GatewaySender } from "./gateway-sender.ts";
import { priorityOf } from "./priority.ts";
import { orderWindows, type PreferredWindow } from "./window-choice.ts";
import type { ReceiveWindow } from "./windows.ts";

/** A finished frame that must reach a class A device in one of its windows. */
export interface Answer {
  readonly downlinkId: number;
  readonly phyPayload: Uint8Array;
  /** Windows that the frame fits into. */
  readonly windows: readonly ReceiveWindow[];
  /** Every copy of the uplink that is answered. */
  readonly receptions: readonly Reception[];
  /** `rx1` by default. */
  readonly preferredWindow?: PreferredWindow;
  /** Its place in the duty cycle; what the frame itself says by default. */
  readonly priority?: DownlinkPriority;
}

export type AnswerOutcome =
  | {
      readonly kind: "sent";
      readonly reception: Reception;
      readonly window: ReceiveWindow;
      readonly txInfo: TxInfo;
      /** Before the one that sent it. */
      readonly attempts: readonly FailedAttempt[];
    }
  | { readonly kind: "failed"; readonly attempts: readonly FailedAttempt[] };

export interface FailedAttempt {
  readonly gatewayId: GatewayId;
  readonly window: ReceiveWindow["name"];
  readonly reason: TransmissionFailure;
}

export interface Transmitter {
  /** Tries window after window and gateway after gateway until one takes the frame; never rejects (C40, C41). */
  answer(answer: Answer): Promise<AnswerOutcome>;
}

export interface TransmitterOptions {
  readonly sender: GatewaySender;
}

export function createTransmitter({ sender }: TransmitterOptions): Transmitter {
  return {
    async answer(answer) {
      const { downlinkId, phyPayload } = answer;
      const priority = answer.priority ?? priorityOf(phyPayload);
      const ranked = rankGateways(answer.receptions, reception => sender.reaches(reception.gatewayId), {
        reservedUs: reception => sender.reservedUs(reception.gatewayId),
      });
      const attempts: FailedAttempt[] = [];
      for (const window of orderWindows(answer.windows, answer.preferredWindow ?? "rx1", ranked[0])) {
        for (const reception of ranked) {
          const result = await sender.sendTimed({ downlinkId, phyPayload, priority, window, reception });
          if (result.kind === "sent") return { kind: "sent", reception, window, txInfo: txInfoOf(window), attempts };
          attempts.push({ gatewayId: reception.gatewayId, window: window.name, reason: result.reason });
          // It may be on the air: a second gateway in the same window would drown it.
          if (result.reason === "NO_TX_ACK") break;
        }
      }
      return { kind: "failed", attempts };
    },
  };
}

/** The outcome as whoever looks into the radio traffic sees it. */
export function answerFacts(
  outcome: AnswerOutcome,
): Pick<DownlinkFacts, "outcome" | "attempts" | "txInfo" | "delayUs"> {
  const attempts = outcome.attempts.map(({ gatewayId, window, reason }) => ({ gatewayId, window, status: reason }));
  if (outcome.kind === "failed") return { outcome: "failed", attempts };
  const { reception, window, txInfo } = outcome;
  const last = { gatewayId: reception.gatewayId, window: window.name, status: "OK" };
  return { outcome: "sent", attempts: [...attempts, last], txInfo, delayUs: window.delayUs };
}

export const txInfoOf = (window: Pick<ReceiveWindow, "frequencyHz" | "modulation">): TxInfo => ({
  frequency: window.frequencyHz,
  modulation: txModulation(window.modulation),
});

const codeRateNames = { "4/5": "CR_4_5", "4/8LI": "CR_LI_4_8" } as const;

function txModulation(modulation: Modulation): TxModulation {
  switch (modulation.kind) {
    case "lora":
      return {
        lora: {
          bandwidth: modulation.bandwidthHz,
          spreadingFactor: modulation.spreadingFactor,
          codeRate: codeRateNames[loraCodingRate(modulation)],
          polarizationInversion: true,
        },
      };
    case "fsk":
      return { fsk: { frequencyDeviation: 25_000, datarate: modulation.bitRate } };
    case "lr-fhss":
      return {
        lrFhss: {
          operatingChannelWidth: modulation.operatingChannelWidthHz,
          codeRate: modulation.codingRate === "1/3" ? "CR_2_6" : "CR_4_6",
        },
      };
  }
}
