import type { Reception } from "../gateway/types.ts";
import { demodulationFloor } from "../link-margin.ts";
import type { ReceiveWindow } from "./windows.ts";

/** Which receive window is tried first; the other one follows. */
export type PreferredWindow = "rx1" | "rx2" | "best";

/**
 * An RX1 that the device is expected to hear this clearly is taken in any case: a stronger RX2 is mostly a slower one,
 * which keeps the gateway from hearing others for longer.
 */
const comfortableMarginDb = 10;

/** The windows in the order in which they should be tried. `best` judges by how the uplink was heard. */
export function orderWindows(
  windows: readonly ReceiveWindow[],
  preferred: PreferredWindow,
  uplink: Reception | undefined,
): readonly ReceiveWindow[] {
  const rx1 = windows.find(window => window.name === "RX1");
  const rx2 = windows.find(window => window.name === "RX2");
  if (!rx1 || !rx2) return windows;
  const prefersRx2 = preferred === "rx2" || (preferred === "best" && uplink && isRx2Better(rx1, rx2, uplink));
  return prefersRx2 ? [rx2, rx1] : [rx1, rx2];
}

function isRx2Better(rx1: ReceiveWindow, rx2: ReceiveWindow, uplink: Reception): boolean {
  const inRx1 = expectedMarginDb(rx1, rx1, uplink);
  const inRx2 = expectedMarginDb(rx2, rx1, uplink);
  return inRx1 !== undefined && inRx2 !== undefined && inRx1 < comfortableMarginDb && inRx2 > inRx1;
}

/**
 * Decibels that the device will have above what it needs: the loss on the way is the same in both directions, and the
 * device is taken to radiate what RX1's channel allows, so one that saves power is served better than estimated.
 * Undefined where SNR says nothing.
 */
export function expectedMarginDb(window: ReceiveWindow, rx1: ReceiveWindow, uplink: Reception): number | undefined {
  const floorDb = demodulationFloor(window.modulation);
  if (floorDb === undefined || window.modulation.kind !== "lora" || uplink.modulation.kind !== "lora") return undefined;
  const noiseDb = 10 * Math.log10(window.modulation.bandwidthHz / uplink.modulation.bandwidthHz);
  return uplink.snrDb + (window.eirpDbm - rx1.eirpDbm) - noiseDb - floorDb;
}
