import { airtimeUs } from "../../lorawan/phy/airtime.ts";
import type { Modulation } from "../../lorawan/region/region.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Metrics } from "../../platform/metrics.ts";
import type { TxInfo, TxModulation } from "../../platform/state/network-event.ts";
import type { GatewayTransport, Reception, Transmission, TransmissionFailure } from "../gateway/types.ts";
import { rankGateways } from "./gateway-choice.ts";
import { createTimeline } from "./timeline.ts";
import type { ReceiveWindow } from "./windows.ts";

/** A finished frame that must reach a class A device in one of its windows. */
export interface Answer {
  readonly downlinkId: number;
  readonly phyPayload: Uint8Array;
  /** Windows that the frame fits into, in the order of preference. */
  readonly windows: readonly ReceiveWindow[];
  /** Every copy of the uplink that is answered. */
  readonly receptions: readonly Reception[];
}

export type AnswerOutcome =
  | { readonly kind: "sent"; readonly reception: Reception; readonly window: ReceiveWindow; readonly txInfo: TxInfo }
  | { readonly kind: "failed"; readonly attempts: readonly FailedAttempt[] };

export interface FailedAttempt {
  readonly gatewayId: string;
  readonly window: ReceiveWindow["name"];
  readonly reason: TransmissionFailure;
}

export interface Transmitter {
  /** Tries window after window and gateway after gateway until one takes the frame; never rejects (C40, C41). */
  answer(answer: Answer): Promise<AnswerOutcome>;
}

export interface TransmitterOptions {
  readonly transport: GatewayTransport;
  readonly clock: Clock;
  readonly metrics: Metrics;
}

/** Shorter than this before its time, a frame would reach the gateway too late to be sent. */
const leadUs = 40_000;

export function createTransmitter({ transport, clock, metrics }: TransmitterOptions): Transmitter {
  const timeline = createTimeline();

  async function attempt(
    answer: Answer,
    window: ReceiveWindow,
    reception: Reception,
  ): Promise<TransmissionFailure | undefined> {
    const nowUs = clock.monotonicUs();
    if (reception.receivedAtUs + window.delayUs - nowUs < leadUs) return "TOO_LATE";
    const counterUs = (reception.counterUs + window.delayUs) >>> 0;
    const durationUs = airtimeUs(window.modulation, answer.phyPayload.length, { crc: false });
    const release = timeline.reserve(reception.gatewayId, counterUs, durationUs, nowUs);
    if (!release) return "COLLISION_PACKET";
    const outcome = await transport.transmit(transmissionOf(answer, window, reception, counterUs));
    if (outcome.kind === "sent") return undefined;
    release();
    return outcome.reason;
  }

  return {
    async answer(answer) {
      const ranked = rankGateways(answer.receptions, reception => transport.reaches(reception.gatewayId), {
        reservedUs: reception => timeline.reservedUs(reception.gatewayId, clock.monotonicUs()),
      });
      const attempts: FailedAttempt[] = [];
      for (const window of answer.windows) {
        for (const reception of ranked) {
          const reason = await attempt(answer, window, reception);
          metrics.downlinkAttempts.inc({ outcome: reason ?? "sent" });
          if (!reason) return { kind: "sent", reception, window, txInfo: txInfoOf(window) };
          attempts.push({ gatewayId: reception.gatewayId, window: window.name, reason });
        }
      }
      return { kind: "failed", attempts };
    },
  };
}

const transmissionOf = (
  answer: Answer,
  window: ReceiveWindow,
  reception: Reception,
  counterUs: number,
): Transmission => ({
  downlinkId: answer.downlinkId,
  gatewayId: reception.gatewayId,
  phyPayload: answer.phyPayload,
  timing: { kind: "at-counter", counterUs },
  frequencyHz: window.frequencyHz,
  modulation: window.modulation,
  eirpDbm: window.eirpDbm,
  invertPolarization: true,
  answerTo: reception,
});

const txInfoOf = (window: ReceiveWindow): TxInfo => ({
  frequency: window.frequencyHz,
  modulation: txModulation(window.modulation),
});

function txModulation(modulation: Modulation): TxModulation {
  switch (modulation.kind) {
    case "lora":
      return {
        lora: {
          bandwidth: modulation.bandwidthHz,
          spreadingFactor: modulation.spreadingFactor,
          codeRate: "CR_4_5",
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
