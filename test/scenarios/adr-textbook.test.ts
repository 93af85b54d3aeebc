import { describe, expect, test } from "vitest";
import { airtimeUs } from "../../lorawan/phy/airtime.ts";
import { regionOf } from "../../lorawan/region/regions.ts";
import { joinedLife, type LifeOptions } from "../support/radio-life.ts";
import { textbookAdr } from "../support/textbook-adr.ts";

const region = regionOf("EU868", "RP002-1.0.4");
/** Longer than three transmissions with their windows. */
const intervalMs = 30_000;

interface Place {
  eastM: number;
  readonly northM: number;
  readonly heightM: number;
}

/** What happens to a device in the course of its uplinks. */
interface Story {
  readonly startM: number;
  readonly uplinks: number;
  readonly options?: LifeOptions;
  readonly each?: (index: number, place: Place) => void;
}

/** The same device, air and story under this algorithm. */
async function told(algorithm: "default" | "textbook", { startM, uplinks, options = {}, each = () => {} }: Story) {
  const place: Place = { eastM: startM, northM: 0, heightM: 2 };
  const profile = algorithm === "default" ? {} : ({ adrAlgorithm: "script", adrScript: "textbook" } as const);
  const life = await joinedLife({ ...options, adrScripts: textbookAdr, profile, device: { position: place } });
  let airtimeS = 0;
  let energyMj = 0;
  for (let index = 0; index < uplinks; index += 1) {
    each(index, place);
    const { txPowerIndex, maxEirpDbm } = life.parameters();
    const sentBefore = life.eventsOfKind("uplink-sent").length;
    life.device.device.send({ fPort: 1, payload: Uint8Array.of(index & 0xff) });
    await life.clock.advance(intervalMs);
    for (const { dataRate, phyPayload } of life.eventsOfKind("uplink-sent").slice(sentBefore)) {
      const modulation = region.uplinkDataRates[dataRate] ?? expect.fail(`DR${dataRate}`);
      const seconds = airtimeUs(modulation, phyPayload.length, { crc: true }) / 1e6;
      airtimeS += seconds;
      energyMj += seconds * 10 ** (region.txPowerDbm(txPowerIndex, maxEirpDbm) / 10);
    }
  }
  expect([...life.eventsOfKind("violation"), ...life.eventsOfKind("bad-mic")]).toEqual([]);
  const { dataRate, txPowerIndex, nbTrans } = life.parameters();
  const events = await life.eventsOf(life.device.devEui);
  return {
    delivered: events.filter(event => event.kind === "up").length,
    requests: life.commandsHeard().filter(name => name === "LinkADRReq").length,
    airtimeS,
    energyMj,
    settings: { dataRate, txPowerIndex, nbTrans },
  };
}

const both = async (story: Story) => ({
  ours: await told("default", story),
  textbook: await told("textbook", story),
});

describe("against the textbook's algorithm", () => {
  test.each([30, 300, 700, 1_500])("a device that stays at %i m", async startM => {
    const { ours, textbook } = await both({ startM, uplinks: 300 });
    // On a link that does not change there is nothing to do better.
    expect(ours).toEqual(textbook);
    expect(ours).toMatchObject({ delivered: 300, settings: { dataRate: 5, nbTrans: 1 } });
  });

  test.each([1, 2, 3])("a device whose link fades (seed %i)", async seed => {
    const { ours, textbook } = await both({ startM: 700, uplinks: 400, options: { seed, fadingDb: 4 } });
    expect(ours.delivered).toBeGreaterThan(0.95 * 400);
    expect(textbook.delivered).toBeLessThan(0.92 * 400);
    // What fewer losses cost: power that the textbook has taken away, and some repetitions.
    expect(ours.energyMj).toBeLessThan(2 * textbook.energyMj);
  });

  test.each([1, 2])("a device that moves away (seed %i)", async seed => {
    const story: Story = {
      startM: 100,
      uplinks: 450,
      options: { seed, fadingDb: 2 },
      each: (index, place) => {
        place.eastM = 100 + Math.max(0, index - 150) * 10;
      },
    };
    const { ours, textbook } = await both(story);
    expect(ours.delivered).toBeGreaterThanOrEqual(445);
    expect(ours.delivered - textbook.delivered).toBeGreaterThan(15);
    // The textbook leaves the data rate to the device's own back-off.
    expect(textbook.settings).toMatchObject({ dataRate: 5, txPowerIndex: 0 });
    expect(ours.settings.dataRate).toBeLessThan(5);
  });

  test.each([1, 2, 3])("a device whose link is suddenly worse (seed %i)", async seed => {
    const story: Story = {
      startM: 300,
      uplinks: 210,
      options: { seed, fadingDb: 3 },
      each: (index, place) => {
        if (index === 150) place.eastM = 1_100;
      },
    };
    const { ours, textbook } = await both(story);
    const sixty = 60;
    const stableDelivered = 150;
    expect(ours.delivered - stableDelivered).toBeGreaterThan(sixty / 3);
    // Twenty samples of a link that hardly brings any are a long wait.
    expect(textbook.delivered - stableDelivered).toBeLessThan(sixty / 6);
    expect(ours.settings.txPowerIndex).toBeLessThan(textbook.settings.txPowerIndex - 3);
  });

  test("a device whose frames get lost", async () => {
    const frequencies = [868_100_000, 868_300_000, 868_500_000, 867_500_000, 867_700_000, 867_900_000];
    const story: Story = {
      startM: 400,
      uplinks: 300,
      options: { gateways: [{ listensTo: new Set(frequencies) }] },
    };
    const { ours, textbook } = await both(story);
    expect(ours.settings.nbTrans).toBeGreaterThan(1);
    expect(textbook.settings.nbTrans).toBe(1);
    expect(textbook.delivered).toBeLessThan(0.8 * 300);
    expect(ours.delivered).toBeGreaterThan(0.92 * 300);
  });
});
