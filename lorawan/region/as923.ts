import type { RegionalParametersRevision } from "../version.ts";
import { bothWays, channelsAt, type DataRateTable, fsk, lora, type RegionDefinition, twoDbSteps } from "./facts.ts";
import { fastRatesFrom105 } from "./fast-rates.ts";
import { dynamicPlan } from "./plans.ts";
import type { RegionName, SubBand } from "./region.ts";

/** Rates by the payload of DR2, the one that documents differ in. */
const dataRates = (dataRate2Payload: number): DataRateTable => [
  lora(12, 125, 51, { dwellTime: 0 }),
  lora(11, 125, 51, { dwellTime: 0 }),
  lora(10, 125, dataRate2Payload, { dwellTime: 11 }),
  lora(9, 125, 115, { dwellTime: 53 }),
  lora(8, 125, 242, { dwellTime: 125 }),
  lora(7, 125, 242),
  lora(7, 250, 242),
  fsk(242),
];

const rx1Tables = {
  rx1: ["00000012", "10000023", "21000034", "32100045", "43210056", "54321067", "65432177", "76543277"],
  rx1DwellTime: ["22222222", "22222223", "22222234", "32222245", "43222256", "54322267", "65432277", "76543277"],
};

interface Group {
  readonly name: RegionName;
  readonly first: RegionalParametersRevision;
  readonly offsetHz: number;
  readonly band: Pick<SubBand, "fromHz" | "toHz">;
}

/** AS923-1 to AS923-4 (RP002-1.0.4 2.10) differ by a frequency offset alone. */
const as923Group = ({ name, first, offsetHz, band }: Group): RegionDefinition => ({
  name,
  first,
  facts: {
    plan: dynamicPlan(channelsAt([923_200_000 + offsetHz, 923_400_000 + offsetHz], 0, 5)),
    ...bothWays(dataRates(51)),
    maxAdrDataRate: 5,
    // Before RP002, DR5 is the most: min(5, max(least, uplink rate - effective offset)) (RP001-1.0.3-A 2.8.7).
    rx1: ["00000012", "10000023", "21000034", "32100045", "43210055", "54321055", "55432155", "55543255"],
    rx1DwellTime: ["22222222", "22222223", "22222234", "32222245", "43222255", "54322255", "55432255", "55543255"],
    rx2: { frequencyHz: 923_200_000 + offsetHz, dataRate: 2 },
    maxEirpDbm: 14,
    txPowerOffsetsDb: twoDbSteps(5),
    txParamSetup: true,
    // Later documents than RP002-1.0.1 leave it to the country; devices go on with the limit on uplinks.
    dwellTimeAtStart: { uplink: true, downlink: false },
    subBands: [{ ...band, dutyCycle: 0.01, maxEirpDbm: 16 }],
    beacon: { frequenciesHz: [923_400_000 + offsetHz], dataRate: 3 },
    pingSlotFrequenciesHz: [923_400_000 + offsetHz],
  },
  changes: [
    { from: "RP001-1.0.2-B", facts: { maxEirpDbm: 16, txPowerOffsetsDb: twoDbSteps(7) } },
    {
      from: "RP001-1.0.2-B",
      until: "RP001-1.0.2-B",
      facts: { dwellTimeAtStart: { uplink: true, downlink: true } },
    },
    {
      // RP002-1.0.4 2.10.7: offsets 6 and 7 raise the rate beyond DR5; devices without DR6 and DR7 keep away from them.
      from: "RP002-1.0.0",
      facts: rx1Tables,
    },
    { from: "RP002-1.0.1", facts: bothWays(dataRates(115)) },
    fastRatesFrom105({ ...bothWays(dataRates(115)), ...rx1Tables }, ["c54321dd", "dc5432dd"], ["c54322dd", "dc5432dd"]),
  ],
});

export const as923: RegionDefinition = as923Group({
  name: "AS923",
  first: "RP001-1.0.2-A",
  offsetHz: 0,
  band: { fromHz: 915_000_000, toHz: 928_000_000 },
});

export const as923Group2: RegionDefinition = as923Group({
  name: "AS923-2",
  first: "RP002-1.0.1",
  offsetHz: -1_800_000,
  band: { fromHz: 920_000_000, toHz: 923_000_000 },
});

export const as923Group3: RegionDefinition = as923Group({
  name: "AS923-3",
  first: "RP002-1.0.1",
  offsetHz: -6_600_000,
  band: { fromHz: 915_000_000, toHz: 921_000_000 },
});

export const as923Group4: RegionDefinition = as923Group({
  name: "AS923-4",
  first: "RP002-1.0.3",
  offsetHz: -5_900_000,
  band: { fromHz: 917_000_000, toHz: 920_000_000 },
});
