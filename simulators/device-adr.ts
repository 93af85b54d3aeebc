import type { Region } from "../lorawan/region/region.ts";
import type { RadioParameters } from "./device-state.ts";

const adrAckLimit = 64;
const adrAckDelay = 32;

/** With the dwell-time limit on uplinks the slowest rates carry nothing. */
export const lowestDataRate = (region: Region, dwellTime: boolean): number =>
  region.uplinkDataRates.findIndex(
    (modulation, dataRate) =>
      modulation && region.maxPayload(dataRate, { direction: "up", dwellTime, repeater: false }) > 0,
  );

const defaultChannels = (region: Region): readonly number[] => [...region.defaultChannels.keys()];

const hasDefaults = (region: Region, parameters: RadioParameters): boolean =>
  parameters.txPowerIndex === 0 &&
  parameters.dataRate <= lowestDataRate(region, parameters.uplinkDwellTime) &&
  parameters.nbTrans === 1 &&
  defaultChannels(region).every(number => parameters.enabledChannels.includes(number));

/** RP002-1.0.5, data rate back-off: SF5 falls to SF6, and SF6 past what lies between to SF7. */
function slower(region: Region, dataRate: number): number {
  const place = region.fastDataRates.indexOf(dataRate);
  return place < 0 ? dataRate - 1 : (region.fastDataRates[place - 1] ?? region.maxAdrDataRate);
}

/** Power first, then one data rate at a time, at last every default channel and a single transmission. */
function stepBack(region: Region, parameters: RadioParameters): RadioParameters {
  if (parameters.txPowerIndex !== 0) return { ...parameters, txPowerIndex: 0 };
  if (parameters.dataRate > lowestDataRate(region, parameters.uplinkDwellTime))
    return { ...parameters, dataRate: slower(region, parameters.dataRate) };
  const enabled = new Set([...parameters.enabledChannels, ...defaultChannels(region)]);
  const enabledChannels = [...enabled].sort((one, other) => one - other);
  return { ...parameters, nbTrans: 1, enabledChannels };
}

/**
 * What an uplink is sent with when `silentUplinks` went before it without a downlink: ADRACKReq after 64, a step back
 * after each 32 more (TS001-1.0.4 4.3.1.1). Nothing is asked for once nothing could be improved.
 */
export function adrOfUplink(
  region: Region,
  parameters: RadioParameters,
  silentUplinks: number,
): { readonly parameters: RadioParameters; readonly adrAckReq: boolean } {
  const over = silentUplinks - adrAckLimit;
  if (over < 0) return { parameters, adrAckReq: false };
  const changed = over > 0 && over % adrAckDelay === 0 ? stepBack(region, parameters) : parameters;
  return { parameters: changed, adrAckReq: !hasDefaults(region, changed) };
}
