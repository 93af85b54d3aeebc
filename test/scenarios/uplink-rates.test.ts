import { expect, test } from "vitest";
import type { RegionName } from "../../lorawan/region/region.ts";
import { defaultRegionConfig } from "../../network-server/region-config.ts";
import { joinedLife } from "../support/radio-life.ts";

const near = { eastM: 50, northM: 0, heightM: 2 };

const lifeUnder = (region: "EU868" | "US915", extraChannels: readonly number[] = []) =>
  joinedLife({
    region,
    profile: { regionalParameters: "RP002-1.0.5", adrAlgorithm: "none" },
    device: { position: near, adr: false },
    network: {
      regions: [
        {
          ...defaultRegionConfig(region),
          extraChannels: extraChannels.map(frequencyHz => ({
            frequencyHz,
            minDataRate: 0,
            maxDataRate: 5,
            fastDataRates: true,
          })),
        },
      ],
    },
  });

test("C39 EU868 gives a channel for SF5 by NewChannelReq, and answers SF5 with SF5 in RX1", async () => {
  const life = await lifeUnder("EU868", [867_100_000]);
  await life.sendMany(3);
  expect(life.parameters().channels[3]).toMatchObject({ uplinkFrequencyHz: 867_100_000, fastDataRates: true });
  life.parameters().dataRate = 13;
  await life.sendMany(5, { confirmed: true });
  expect(life.eventsOfKind("downlink").slice(-5)).toMatchObject(
    Array.from({ length: 5 }, () => ({ window: "RX1", ack: true })),
  );
  expect((await life.eventsOf(life.device.devEui)).at(-1)).toMatchObject({ kind: "up", dr: 13 });
  life.expectAllHeard();
});

test.each([7, 8])("C39 US915 answers the fast uplink rate DR%i in RX1", async dataRate => {
  const life = await lifeUnder("US915");
  await life.sendMany(3);
  life.parameters().dataRate = dataRate;
  const before = life.eventsOfKind("downlink").length;
  await life.sendMany(5, { confirmed: true });
  expect(life.eventsOfKind("downlink").slice(before)).toMatchObject(
    Array.from({ length: 5 }, () => ({ window: "RX1", ack: true })),
  );
  life.expectAllHeard();
});

const extraHz = { EU868: 867_700_000, IN865: 866_200_000, AS923: 922_200_000 } as const;

/** Rates that only a channel of their own carries, or the wide ones of a fixed plan. */
const rareRates: readonly (readonly [RegionName, number, "lora" | "fsk" | "lrFhss"])[] = [
  ["EU868", 6, "lora"],
  ["EU868", 7, "fsk"],
  ["IN865", 7, "fsk"],
  ["AS923", 7, "fsk"],
  ["EU868", 8, "lrFhss"],
  ["EU868", 9, "lrFhss"],
  ["EU868", 10, "lrFhss"],
  ["EU868", 11, "lrFhss"],
  ["US915", 4, "lora"],
  ["US915", 5, "lrFhss"],
  ["US915", 6, "lrFhss"],
  ["AU915", 6, "lora"],
  ["AU915", 7, "lrFhss"],
];

test.each(rareRates)("C39 %s answers the uplink rate DR%i, %s, in RX1", async (region, dataRate, modulation) => {
  const frequencyHz = Object.entries(extraHz).find(([name]) => name === region)?.[1];
  const extraChannels = frequencyHz === undefined ? [] : [{ frequencyHz, minDataRate: 0, maxDataRate: dataRate }];
  const life = await joinedLife({
    region,
    profile: { adrAlgorithm: "none" },
    device: { position: near, adr: false },
    network: { regions: [{ ...defaultRegionConfig(region), extraChannels }] },
  });
  await life.sendMany(3);
  life.parameters().dataRate = dataRate;
  const before = life.eventsOfKind("downlink").length;
  await life.sendMany(5, { confirmed: true });
  expect(life.eventsOfKind("downlink").slice(before)).toMatchObject(
    Array.from({ length: 5 }, () => ({ window: "RX1", ack: true })),
  );
  const last = (await life.eventsOf(life.device.devEui)).at(-1);
  expect(last).toMatchObject({ kind: "up", dr: dataRate, txInfo: { modulation: { [modulation]: {} } } });
  life.expectAllHeard();
});
