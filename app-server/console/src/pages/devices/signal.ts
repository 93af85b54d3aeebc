import { numberOfMember, textOfMember } from "../../api/members.ts";
import { bestReception, receptionsOf, requiredSnrDb, transmissionOf } from "../../api/radio.ts";
import type { DeviceEvent } from "./events.tsx";

/** How one uplink was heard. */
export interface Heard {
  readonly timeMs: number;
  readonly devAddr: string;
  readonly fCnt: number | undefined;
  readonly dataRate: number | undefined;
  readonly rssi: number | undefined;
  readonly snr: number | undefined;
  /** SNR above what the spreading factor needs, of the gateway that heard it best. */
  readonly marginDb: number | undefined;
  readonly spreadingFactor: number | undefined;
  readonly gateways: number;
}

/** Uplinks in the order of time, oldest first. */
export function heardOf(events: readonly DeviceEvent[]): readonly Heard[] {
  return events
    .filter(({ kind }) => kind === "up")
    .map(({ time, content }): Heard => {
      const receptions = receptionsOf(content.rxInfo);
      const best = bestReception(receptions);
      const { spreadingFactor } = transmissionOf(content.txInfo);
      // Zero is left out of events; of frames that are no LoRa there is none.
      const snr = best?.snr ?? (spreadingFactor === undefined ? undefined : 0);
      return {
        timeMs: Date.parse(time),
        devAddr: textOfMember(content.devAddr) ?? "",
        fCnt: numberOfMember(content.fCnt),
        dataRate: numberOfMember(content.dr),
        rssi: best?.rssi,
        snr,
        marginDb: snr === undefined || spreadingFactor === undefined ? undefined : snr - requiredSnrDb(spreadingFactor),
        spreadingFactor,
        gateways: new Set(receptions.map(({ gatewayId }) => gatewayId)).size,
      };
    })
    .sort((one, other) => one.timeMs - other.timeMs);
}

/** Counters between two uplinks of one session that nobody heard. */
export interface CounterGap {
  readonly timeMs: number;
  readonly from: number;
  readonly to: number;
  readonly missing: number;
}

export interface Counting {
  readonly gaps: readonly CounterGap[];
  readonly missing: number;
  readonly expected: number;
}

/** A counter that falls, or another address, is a session anew. */
export function countingOf(heard: readonly Heard[]): Counting {
  const gaps: CounterGap[] = [];
  let expected = heard.length > 0 ? 1 : 0;
  for (const [index, { fCnt, devAddr, timeMs }] of heard.entries()) {
    const before = heard[index - 1];
    if (before === undefined) continue;
    const isSameSession =
      before.devAddr === devAddr && fCnt !== undefined && before.fCnt !== undefined && fCnt > before.fCnt;
    const step = isSameSession ? fCnt - before.fCnt : 1;
    expected += step;
    if (isSameSession && step > 1) gaps.push({ timeMs, from: before.fCnt + 1, to: fCnt - 1, missing: step - 1 });
  }
  return { gaps: gaps.reverse(), missing: gaps.reduce((sum, gap) => sum + gap.missing, 0), expected };
}
