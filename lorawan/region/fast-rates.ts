import { type DataRateTable, lora, type RegionChange, type RegionFacts, type Rx1Table, reserved } from "./facts.ts";

// DR12 and DR13 of every dynamic plan (RP002-1.0.5 3.4.3 and its like).
const firstFastRate = 12;
const fastRates: DataRateTable = [lora(6, 125, 242), lora(5, 125, 242)];

const withFastRates = (table: DataRateTable): DataRateTable => [
  ...table,
  ...reserved(firstFastRate - table.length),
  ...fastRates,
];

const withFastRows = (table: Rx1Table, rows: Rx1Table): Rx1Table => [
  ...table,
  ...new Array<string>(firstFastRate - table.length).fill(""),
  ...rows,
];

type TablesBefore = Pick<RegionFacts, "uplinkDataRates" | "downlinkDataRates" | "rx1" | "rx1DwellTime">;

/**
 * What RP002-1.0.5 adds to the tables that a dynamic plan had before: SF6 and SF5 at 125 kHz in both directions. A step
 * of RX1DROffset goes from SF6 on to SF7, past the rates between.
 */
export const fastRatesFrom105 = (
  { uplinkDataRates, downlinkDataRates, rx1, rx1DwellTime }: TablesBefore,
  rows: Rx1Table = ["c54321", "dc5432"],
  rowsDwellTime: Rx1Table = rows,
): RegionChange => ({
  from: "RP002-1.0.5",
  facts: {
    uplinkDataRates: withFastRates(uplinkDataRates),
    downlinkDataRates: withFastRates(downlinkDataRates),
    fastDataRates: [firstFastRate, firstFastRate + 1],
    rx1: withFastRows(rx1, rows),
    ...(rx1DwellTime && { rx1DwellTime: withFastRows(rx1DwellTime, rowsDwellTime) }),
  },
});
