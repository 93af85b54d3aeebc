import { demodulationFloor } from "../link-margin.ts";
import type { AdrAlgorithm, AdrDecision, AdrInput } from "./adr.ts";
import { adrHistoryLength } from "./adr.ts";

/** What a step of data rate or of TXPower is worth. */
const stepDb = 3;
/** A worse link is answered sooner than a better one is used. */
const samplesToRecover = 4;
/** Recovery waits for a margin this far below the wanted one, so that noise does not swing the device. */
const hysteresisDb = 3;

/**
 * Spends a margin first on data rate, then on power; gives back power, then data rate, when the link got worse, instead
 * of waiting for the device's own back-off; repeats frames according to the loss that the counters show.
 */
export const defaultAdr: AdrAlgorithm = input => {
  const { history } = input;
  const keep: AdrDecision = { wanted: wantedOf(input), reason: `${history.length} uplinks heard: nothing changes yet` };
  const floor = floorOf(input, input.dataRate);
  if (floor === undefined || history.length === 0) return keep;
  const recent = history.slice(-samplesToRecover);
  const best = Math.max(...history.map(sample => sample.snrDb));
  const recentBest = Math.max(...recent.map(sample => sample.snrDb));
  const margin = best - floor - input.installationMarginDb;
  const recentMargin = recentBest - floor - input.installationMarginDb;

  if (history.length >= adrHistoryLength && margin >= stepDb) return improve(input, best, margin);
  if (history.length >= samplesToRecover && recentMargin <= -hysteresisDb)
    return recover(input, recentBest, recentMargin);
  if (history.length < adrHistoryLength) return keep;
  return decided(input, { ...wantedOf(input), nbTrans: repeatsFor(input) }, best, margin);
};

function improve(input: AdrInput, best: number, margin: number): AdrDecision {
  let { dataRate, txPowerIndex } = input;
  let left = margin;
  while (dataRate < input.maxDataRate && left >= costDb(input, dataRate, dataRate + 1)) {
    left -= costDb(input, dataRate, dataRate + 1);
    dataRate += 1;
  }
  while (txPowerIndex < input.region.maxTxPowerIndex && left >= stepDb) {
    left -= stepDb;
    txPowerIndex += 1;
  }
  return decided(input, { dataRate, txPowerIndex, nbTrans: repeatsFor(input) }, best, margin);
}

function recover(input: AdrInput, best: number, margin: number): AdrDecision {
  let { dataRate, txPowerIndex } = input;
  let missing = -margin;
  while (txPowerIndex > 0 && missing > 0) {
    txPowerIndex -= 1;
    missing -= stepDb;
  }
  while (dataRate > input.minDataRate && missing > 0) {
    missing -= costDb(input, dataRate - 1, dataRate);
    dataRate -= 1;
  }
  return decided(input, { dataRate, txPowerIndex, nbTrans: repeatsFor(input) }, best, margin);
}

/** Decibels of SNR that the faster of two neighbouring data rates needs more. */
function costDb(input: AdrInput, slower: number, faster: number): number {
  const from = floorOf(input, slower);
  const to = floorOf(input, faster);
  // FSK, LR-FHSS and gaps in the table are no rungs of this ladder.
  return from === undefined || to === undefined ? Number.POSITIVE_INFINITY : Math.max(to - from, stepDb);
}

function floorOf(input: AdrInput, dataRate: number): number | undefined {
  const modulation = input.region.dataRates[dataRate]?.modulation;
  return modulation && demodulationFloor(modulation);
}

/** Rows: present NbTrans 1 to 3. Columns: loss under 5 %, 10 %, 30 %, more; the table of Semtech's ADR recommendation. */
const repeatTable = [
  [1, 1, 2, 3],
  [1, 2, 3, 3],
  [2, 3, 3, 3],
] as const;

function repeatsFor(input: AdrInput): number {
  const first = input.history[0];
  const last = input.history.at(-1);
  if (!first || !last || input.history.length < adrHistoryLength) return input.nbTrans;
  const sent = last.fCnt - first.fCnt + 1;
  const loss = sent > 0 ? 1 - input.history.length / sent : 0;
  const column = loss < 0.05 ? 0 : loss < 0.1 ? 1 : loss < 0.3 ? 2 : 3;
  const row = repeatTable[Math.min(Math.max(input.nbTrans, 1), 3) - 1];
  return row?.[column] ?? input.nbTrans;
}

const wantedOf = (input: AdrInput): AdrDecision["wanted"] => ({
  dataRate: input.dataRate,
  txPowerIndex: input.txPowerIndex,
  nbTrans: input.nbTrans,
});

const decided = (input: AdrInput, wanted: AdrDecision["wanted"], best: number, margin: number): AdrDecision => ({
  wanted,
  reason:
    `SNR max ${best.toFixed(1)} dB over ${input.history.length}, margin ${margin.toFixed(1)} dB: ` +
    `DR${wanted.dataRate}, power ${wanted.txPowerIndex}, ${wanted.nbTrans} repeat${wanted.nbTrans === 1 ? "" : "s"}`,
});
