import type { GatewayId } from "../../lorawan/ids.ts";
import { airtimeUs } from "../../lorawan/phy/airtime.ts";
import type { Modulation } from "../../lorawan/region/region.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Metrics } from "../../platform/metrics.ts";
import type { TxInfo, TxModulation } from "../../platform/state/network-event.ts";
import type { GatewayTransport, Reception, Transmission, TransmissionFailure } from "../gateway/types.ts";
import type { DownlinkPriority } from "./duty-cycle.ts";
import { rankGateways } from "./gateway-choice.ts";
import { priorityOf } from "./priority.ts";
import { createSchedule, type Schedule } from "./schedule.ts";
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
  /** False leaves the duty cycle to the gateways; true by default. */
  readonly dutyCycle?: boolean;
  /** To share the gateways' time with other classes; an own one by default. */
  readonly schedule?: Schedule;
}

/**
 * Bounds of what a transport says it needs: Semtech's forwarder for the SX1302 refuses a frame less than 42.5 ms ahead, and
 * some forwarders acknowledge only what they have sent.
 */
const shortestLeadMs = 45;
const longestLeadMs = 400;

export function createTransmitter(options: TransmitterOptions): Transmitter {
  const { transport, clock, metrics } = options;
  const schedule = options.schedule ?? createSchedule(options);

  const neededLeadMs = (gatewayId: GatewayId): number =>
    Math.min(longestLeadMs, Math.max(shortestLeadMs, transport.leadMs?.(gatewayId) ?? 0));

  async function attempt(
    answer: Answer,
    priority: DownlinkPriority,
    window: ReceiveWindow,
    reception: Reception,
  ): Promise<TransmissionFailure | undefined> {
    const { gatewayId } = reception;
    const nowUs = clock.monotonicUs();
    const startUs = reception.receivedAtUs - (reception.lateByUs ?? 0) + window.delayUs;
    const leadMs = (startUs - nowUs) / 1000;
    if (leadMs < neededLeadMs(gatewayId)) {
      metrics.downlinksNotScheduled.inc({ reason: "TOO_LATE" });
      return "TOO_LATE";
    }
    const counterUs = (reception.counterUs + window.delayUs) >>> 0;
    const durationUs = airtimeUs(window.modulation, answer.phyPayload.length, { crc: false });
    const { subBand } = window;
    const slot = { startUs, durationUs, counterUs };
    const claimed = schedule.claim({ gatewayId, slot, priority, ...(subBand && { subBand }) }, nowUs);
    if (claimed.kind === "refused") return claimed.reason;
    metrics.downlinkLead.observe(leadMs / 1000);
    const outcome = await transport.transmit(transmissionOf(answer, window, reception, counterUs));
    metrics.downlinkAttempts.inc({ outcome: outcome.kind === "sent" ? "sent" : outcome.reason });
    if (outcome.kind === "sent") metrics.downlinkAirtime.inc({ sub_band: subBandName(window) }, durationUs / 1e6);
    // The gateway may be sending all the same.
    else if (outcome.reason !== "NO_TX_ACK") claimed.release();
    return outcome.kind === "sent" ? undefined : outcome.reason;
  }

  return {
    async answer(answer) {
      const priority = answer.priority ?? priorityOf(answer.phyPayload);
      const ranked = rankGateways(answer.receptions, reception => transport.reaches(reception.gatewayId), {
        reservedUs: reception => schedule.reservedUs(reception.gatewayId, clock.monotonicUs()),
      });
      const attempts: FailedAttempt[] = [];
      for (const window of orderWindows(answer.windows, answer.preferredWindow ?? "rx1", ranked[0])) {
        for (const reception of ranked) {
          const reason = await attempt(answer, priority, window, reception);
          if (!reason) return { kind: "sent", reception, window, txInfo: txInfoOf(window) };
          attempts.push({ gatewayId: reception.gatewayId, window: window.name, reason });
          // It may be on the air: a second gateway in the same window would drown it.
          if (reason === "NO_TX_ACK") break;
        }
      }
      return { kind: "failed", attempts };
    },
  };
}

/** Like `868.0-868.6`, in MHz. */
export function subBandName({ subBand }: Pick<ReceiveWindow, "subBand">): string {
  return subBand ? `${subBand.fromHz / 1e6}-${subBand.toHz / 1e6}` : "none";
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

export const txInfoOf = (window: Pick<ReceiveWindow, "frequencyHz" | "modulation">): TxInfo => ({
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
