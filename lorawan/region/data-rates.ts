import { MalformedValue } from "../errors.ts";
import type { DataRateFacts, RegionFacts } from "./facts.ts";
import type { DataRate, Modulation, PayloadContext, Region } from "./region.ts";

type DataRateFunctions = Pick<Region, "dataRates" | "maxRx1DrOffset" | "dataRateOf" | "maxPayload" | "rx1DataRate">;

// A key, so that equality is that of the whole modulation and a new member cannot be forgotten silently.
const modulationKey = (modulation: Modulation): string => {
  switch (modulation.kind) {
    case "lora":
      return `lora ${modulation.spreadingFactor} ${modulation.bandwidthHz}`;
    case "fsk":
      return `fsk ${modulation.bitRate}`;
    case "lr-fhss":
      return `lr-fhss ${modulation.codingRate} ${modulation.operatingChannelWidthHz}`;
  }
};

const indexByModulation = (
  rows: readonly (DataRateFacts | undefined)[],
  direction: "uplink" | "downlink",
): ReadonlyMap<string, number> => {
  const index = new Map<string, number>();
  rows.forEach((row, dataRate) => {
    if (row?.[direction]) index.set(modulationKey(row.modulation), dataRate);
  });
  return index;
};

const payloadOf = (row: DataRateFacts, context: PayloadContext): number => {
  if (!(context.direction === "up" ? row.uplink : row.downlink)) return 0;
  const { plain, dwellTime, repeater } = row.payload;
  return Math.min(plain, context.dwellTime ? dwellTime : plain, context.repeater ? repeater : plain);
};

const rx1Digit = (table: readonly string[], uplinkDataRate: number, rx1DrOffset: number): number => {
  const digit = table[uplinkDataRate]?.[rx1DrOffset];
  if (digit === undefined) {
    throw new MalformedValue("no RX1 data rate for this uplink data rate and offset", { uplinkDataRate, rx1DrOffset });
  }
  return Number.parseInt(digit, 16);
};

/** The part of a region that speaks of data rates. */
export const dataRateFunctions = (facts: RegionFacts): DataRateFunctions => {
  const byModulation = {
    up: indexByModulation(facts.dataRates, "uplink"),
    down: indexByModulation(facts.dataRates, "downlink"),
  };
  const dataRates = facts.dataRates.map((row, index): DataRate | undefined =>
    row === undefined ? undefined : { index, modulation: row.modulation, uplink: row.uplink, downlink: row.downlink },
  );
  return {
    dataRates,
    maxRx1DrOffset: Math.max(...facts.rx1.map(row => row.length)) - 1,
    dataRateOf: (modulation, direction) => byModulation[direction].get(modulationKey(modulation)),
    maxPayload: (dataRate, context) => {
      const row = facts.dataRates[dataRate];
      if (row === undefined) throw new MalformedValue("the region has no such data rate", { dataRate });
      return payloadOf(row, context);
    },
    rx1DataRate: (uplinkDataRate, rx1DrOffset, downlinkDwellTime) =>
      rx1Digit((downlinkDwellTime ? facts.rx1DwellTime : undefined) ?? facts.rx1, uplinkDataRate, rx1DrOffset),
  };
};
