import type { AdrScripts } from "../../network-server/ports.ts";

const stepDb = 3;
const samplesNeeded = 20;

/**
 * The algorithm of Semtech's recommendation, which most networks run: the best SNR of twenty uplinks, in steps of 3 dB,
 * first for data rate, then for power; power alone is given back when the link got worse.
 */
export const textbookAdr: AdrScripts = {
  async decide(_script, _scope, request) {
    const { dr, txPowerIndex, nbTrans, uplinkHistory, requiredSnrForDr } = request;
    const wanted = { dataRate: dr, txPowerIndex, nbTrans };
    if (uplinkHistory.length < samplesNeeded || requiredSnrForDr === undefined) return { kind: "decided", wanted };
    const best = Math.max(...uplinkHistory.map(({ maxSnr }) => maxSnr));
    let steps = Math.floor((best - requiredSnrForDr - request.installationMargin) / stepDb);
    for (; steps > 0 && wanted.dataRate < request.maxDr; steps -= 1) wanted.dataRate += 1;
    for (; steps > 0 && wanted.txPowerIndex < request.maxTxPowerIndex; steps -= 1) wanted.txPowerIndex += 1;
    for (; steps < 0 && wanted.txPowerIndex > 0; steps += 1) wanted.txPowerIndex -= 1;
    return { kind: "decided", wanted, id: "textbook" };
  },
};
