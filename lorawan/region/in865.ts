import { bothWays, channelsAt, fsk, loraSf12ToSf7, type RegionDefinition, twoDbSteps } from "./facts.ts";
import { fastRatesFrom105 } from "./fast-rates.ts";
import { dynamicPlan } from "./plans.ts";

const dataRates = bothWays([...loraSf12ToSf7, undefined, fsk(242)]);

// RP002-1.0.4 2.12.7: there is no DR6, so that a step onto it stays at DR5.
const rx1 = ["00000012", "10000023", "21000034", "32100045", "43210055", "54321057", "", "75543277"];

const rates105 = fastRatesFrom105({ ...dataRates, rx1 }, ["c54321dd", "dc5432dd"]);

/** IN865-867 (RP002-1.0.4 2.12). */
export const in865: RegionDefinition = {
  name: "IN865",
  first: "RP001-1.0.2-B",
  facts: {
    plan: dynamicPlan(channelsAt([865_062_500, 865_402_500, 865_985_000], 0, 5)),
    ...dataRates,
    maxAdrDataRate: 5,
    // Before RP002: min(5, uplink rate - effective offset) (RP001-1.0.3-A 2.10.7).
    rx1: ["00000012", "10000023", "21000034", "32100045", "43210055", "54321055", "", "55543255"],
    rx2: { frequencyHz: 866_550_000, dataRate: 2 },
    maxEirpDbm: 30,
    txPowerOffsetsDb: twoDbSteps(10),
    txParamSetup: false,
    subBands: [{ fromHz: 865_000_000, toHz: 867_000_000, dutyCycle: 1, maxEirpDbm: 30 }],
    beacon: { frequenciesHz: [866_550_000], dataRate: 4 },
    pingSlotFrequenciesHz: [866_550_000],
  },
  changes: [
    { from: "RP002-1.0.0", facts: { rx1 } },
    // RP002-1.0.5 3.12.3. Index 15 means "as it is" in LinkADRReq and never names a power.
    { ...rates105, facts: { ...rates105.facts, maxEirpDbm: 29.2, txPowerOffsetsDb: twoDbSteps(14) } },
  ],
};
