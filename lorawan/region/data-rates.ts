import { MalformedValue } from "../errors.ts";
import type { DataRateFacts, DataRateTable, RegionFacts } from "./facts.ts";
import type { DataRates, Modulation, PayloadContext, Region } from "./region.ts";

type DataRateFunctions = Pick<
  Region,
  | "uplinkDataRates"
  | "downlinkDataRates"
  | "fastDataRates"
  | "maxRx1DrOffset"
  | "dataRateOf"
  | "maxPayload"
  | "carries"
  | "rx1DataRate"
>;

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

const indexByModulation = (rows: DataRateTable): ReadonlyMap<string, number> =>
  new Map(rows.flatMap((row, dataRate) => (row ? [[modulationKey(row.modulation), dataRate] as const] : [])));

const modulationsOf = (rows: DataRateTable): DataRates => rows.map(row => row?.modulation);

const payloadOf = (row: DataRateFacts, context: PayloadContext): number => {
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
  const tables = { up: facts.uplinkDataRates, down: facts.downlinkDataRates };
  const byModulation = { up: indexByModulation(tables.up), down: indexByModulation(tables.down) };
  const { fastDataRates = [] } = facts;
  return {
    uplinkDataRates: modulationsOf(tables.up),
    downlinkDataRates: modulationsOf(tables.down),
    fastDataRates,
    maxRx1DrOffset: Math.max(...facts.rx1.map(row => row.length)) - 1,
    dataRateOf: (modulation, direction) => byModulation[direction].get(modulationKey(modulation)),
    maxPayload: (dataRate, context) => {
      const row = tables[context.direction][dataRate];
      if (row === undefined) throw new MalformedValue("the region has no such data rate", { dataRate });
      return payloadOf(row, context);
    },
    carries: ({ minDataRate, maxDataRate, fastDataRates: hasFast = false }, dataRate) =>
      (minDataRate <= dataRate && dataRate <= maxDataRate) || (hasFast && fastDataRates.includes(dataRate)),
    rx1DataRate: (uplinkDataRate, rx1DrOffset, downlinkDwellTime) =>
      rx1Digit((downlinkDwellTime ? facts.rx1DwellTime : undefined) ?? facts.rx1, uplinkDataRate, rx1DrOffset),
  };
};
