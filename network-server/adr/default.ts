import { demodulationFloor } from "../link-margin.ts";
import type { AdrAlgorithm, AdrDecision, AdrInput } from "./adr.ts";
import { adrHistoryLength } from "./adr.ts";

/** Less than this is not worth a step, whatever the step costs. */
const leastStepDb = 3;
/** A worse link is answered sooner than a better one is used. */
const samplesToRecover = 6;
/** Recovery brings the margin back to this much under the wanted one: the last decibel is worth no step. */
const toleranceDb = 1;
/** Loss is seen at once, and its absence only over many frames. */
const framesToTrust = 60;
/** Fewer lost frames than this are no reason for repetitions; one is given up when it would stay so without it. */
const bearableLoss = 0.05;

/**
 * Spends a margin first on data rate, then on power; gives back power, then data rate, when the link got worse, instead
 * of waiting for the device's own back-off; repeats frames according to the loss that the counters show.
 */
export const defaultAdr: AdrAlgorithm = input => {
  const { history } = input;
  if (!input.dataRates.includes(input.dataRate)) {
    const range = `DR${input.dataRates[0]} to DR${input.dataRates.at(-1)}`;
    const wanted = { ...wantedOf(input), dataRate: nearest(input) };
    return { wanted, reason: `DR${input.dataRate} is not within ${range}` };
  }
  const keep: AdrDecision = { wanted: wantedOf(input), reason: `${history.length} uplinks heard${lossText(input)}` };
  const floor = floorOf(input, input.dataRate);
  if (floor === undefined || history.length === 0) return keep;
  const margins = history.map(sample => sample.snrDb - floor - input.installationMarginDb);
  const margin = Math.max(...margins);
  const recent = Math.max(...margins.slice(-samplesToRecover));

  if (isTimeToImprove(input)) {
    const spendable = Math.min(margin, leastOfRuns(margins) + (recoveryDb(input) * 2) / 5);
    if (spendable >= leastStepDb) return improve(input, spendable, margin);
  }
  if (history.length >= samplesToRecover && recent <= -recoveryDb(input)) return recover(input, recent);
  if (history.length < adrHistoryLength) return keep;
  return decided(input, wantedOf(input), margin);
};

/** The fastest allowed that is no faster than the present data rate, else the slowest. */
const nearest = ({ dataRates, dataRate }: AdrInput): number =>
  dataRates.findLast(allowed => allowed < dataRate) ?? dataRates[0] ?? dataRate;

/**
 * Recovery waits until half of the wanted margin is gone, so that noise does not swing the device; an improvement stays
 * three fifths of that away from it.
 */
const recoveryDb = ({ installationMarginDb }: AdrInput): number => Math.max(1, installationMarginDb / 2);

/**
 * Once for every twenty uplinks, and on the two that follow, should the request get lost: looked at after each uplink,
 * a fading link would have its lucky twenty before long.
 */
const isTimeToImprove = ({ history, heardCount }: AdrInput): boolean =>
  history.length >= adrHistoryLength && heardCount % adrHistoryLength < 3;

/** The worst that recovery would have looked at in this history: how far the link swings by itself. */
function leastOfRuns(margins: readonly number[]): number {
  const runs = Math.max(1, margins.length - samplesToRecover + 1);
  const best = (start: number): number => Math.max(...margins.slice(start, start + samplesToRecover));
  return Math.min(...Array.from({ length: runs }, (_, start) => best(start)));
}

function improve(input: AdrInput, spendable: number, margin: number): AdrDecision {
  let { dataRate, txPowerIndex } = input;
  let left = spendable;
  const take = (stepDb: number): boolean => {
    const costDb = Math.max(stepDb, leastStepDb);
    if (left < costDb) return false;
    left -= costDb;
    return true;
  };
  for (const faster of input.dataRates.filter(allowed => allowed > input.dataRate)) {
    if (!take(dataRateStepDb(input, dataRate, faster))) break;
    dataRate = faster;
  }
  // Less power never loses fewer frames.
  const mostPower = recentLoss(input) < bearableLoss ? input.region.maxTxPowerIndex : txPowerIndex;
  while (txPowerIndex < mostPower && take(powerStepDb(input, txPowerIndex))) txPowerIndex += 1;
  return decided(input, { ...wantedOf(input), dataRate, txPowerIndex }, margin);
}

function recover(input: AdrInput, margin: number): AdrDecision {
  let { dataRate, txPowerIndex } = input;
  let missing = -margin - toleranceDb;
  while (txPowerIndex > 0 && missing > 0) {
    txPowerIndex -= 1;
    missing -= powerStepDb(input, txPowerIndex);
  }
  for (const slower of input.dataRates.filter(allowed => allowed < input.dataRate).reverse()) {
    if (missing <= 0) break;
    missing -= dataRateStepDb(input, slower, dataRate);
    dataRate = slower;
  }
  return decided(input, { ...wantedOf(input), dataRate, txPowerIndex }, margin, samplesToRecover);
}

/** Decibels that the faster of two data rates needs more: of SNR, and of signal where noise comes in over more bandwidth. */
function dataRateStepDb(input: AdrInput, slower: number, faster: number): number {
  const from = floorOf(input, slower);
  const to = floorOf(input, faster);
  // FSK and LR-FHSS are no rungs of this ladder.
  if (from === undefined || to === undefined) return Number.POSITIVE_INFINITY;
  return to - from + 10 * Math.log10(bandwidthOf(input, faster) / bandwidthOf(input, slower));
}

function bandwidthOf({ region }: AdrInput, dataRate: number): number {
  const modulation = region.uplinkDataRates[dataRate];
  return modulation?.kind === "lora" ? modulation.bandwidthHz : 1;
}

/** Decibels that the next TXPower takes away: 2 in most regions, up to 6 in old revisions of some. */
const powerStepDb = ({ region }: AdrInput, txPowerIndex: number): number =>
  region.txPowerDbm(txPowerIndex, 0) - region.txPowerDbm(txPowerIndex + 1, 0);

function floorOf(input: AdrInput, dataRate: number): number | undefined {
  const modulation = input.region.uplinkDataRates[dataRate];
  return modulation && demodulationFloor(modulation);
}

/** Rows: present NbTrans 1 to 3. Columns: loss under 5 %, 10 %, 30 %, more; the table of Semtech's ADR recommendation. */
const repeatTable = [
  [1, 1, 2, 3],
  [1, 2, 3, 3],
  [2, 3, 3, 3],
] as const;

function repeatsFor(input: AdrInput): number {
  const { history, nbTrans } = input;
  if (history.length < adrHistoryLength) return nbTrans;
  const loss = recentLoss(input);
  const column = loss < bearableLoss ? 0 : loss < 0.1 ? 1 : loss < 0.3 ? 2 : 3;
  const row = repeatTable[Math.min(Math.max(nbTrans, 1), 3) - 1];
  const wanted = row?.[column] ?? nbTrans;
  return wanted < nbTrans && !isSureWithout(input) ? nbTrans : wanted;
}

/**
 * Whether one repetition less would do. Twenty frames with two transmissions each tell little of what one each would
 * lose: the table alone would take repetitions away and give them back for ever.
 */
function isSureWithout({ nbTrans, sentCount, heardCount }: AdrInput): boolean {
  if (sentCount < framesToTrust) return false;
  return lossOf(sentCount, heardCount) ** ((nbTrans - 1) / nbTrans) < bearableLoss;
}

function recentLoss({ history }: AdrInput): number {
  const first = history[0];
  const last = history.at(-1);
  return first && last ? lossOf(last.fCnt - first.fCnt + 1, history.length) : 0;
}

const lossOf = (sent: number, heard: number): number => (sent > 0 ? Math.max(0, 1 - heard / sent) : 0);

const wantedOf = (input: AdrInput): AdrDecision["wanted"] => ({
  dataRate: input.dataRate,
  txPowerIndex: input.txPowerIndex,
  nbTrans: repeatsFor(input),
});

/** @param sampleCount of the newest samples, those that the margin is of. */
function decided(
  input: AdrInput,
  wanted: AdrDecision["wanted"],
  margin: number,
  sampleCount: number = adrHistoryLength,
): AdrDecision {
  const samples = input.history.slice(-sampleCount);
  const snr = Math.max(...samples.map(sample => sample.snrDb));
  const link = `SNR max ${snr.toFixed(1)} dB over ${samples.length}, margin ${margin.toFixed(1)} dB`;
  return { wanted, reason: link + lossText(input) };
}

function lossText(input: AdrInput): string {
  const loss = recentLoss(input);
  return loss > 0 ? `, ${Math.round(loss * 100)} % of the frames lost` : "";
}
