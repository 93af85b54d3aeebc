import { describe, expect, test } from "vitest";
import type { RegionName } from "../../../lorawan/region/region.ts";
import { regionOf } from "../../../lorawan/region/regions.ts";
import { regionalParametersRevisions } from "../../../lorawan/version.ts";

const plans: readonly RegionName[] = ["CN470-20A", "CN470-20B", "CN470-26A", "CN470-26B"];

/**
 * RP002-1.0.4 2.9.2 and 2.9.7, channel by channel: request, accept in RX1, RX2 from then on, plan, in MHz. LoRaMac-node
 * and Basics Modem have the same. (LoRaMac-node listens for the accept in RX2 where it listened in RX1; Basics Modem and
 * we take RX2 of the table, which the accept needs only where RX1 is missed.)
 */
const common: readonly (readonly [number, number, number, RegionName])[] = [
  [470.9, 484.5, 485.3, "CN470-20A"],
  [472.5, 486.1, 486.9, "CN470-20A"],
  [474.1, 487.7, 488.5, "CN470-20A"],
  [475.7, 489.3, 490.1, "CN470-20A"],
  [504.1, 490.9, 491.7, "CN470-20A"],
  [505.7, 492.5, 493.3, "CN470-20A"],
  [507.3, 494.1, 494.9, "CN470-20A"],
  [508.9, 495.7, 496.5, "CN470-20A"],
  [479.9, 479.9, 478.3, "CN470-20B"],
  [499.9, 499.9, 498.3, "CN470-20B"],
  [470.3, 492.5, 492.5, "CN470-26A"],
  [472.3, 492.5, 492.5, "CN470-26A"],
  [474.3, 492.5, 492.5, "CN470-26A"],
  [476.3, 492.5, 492.5, "CN470-26A"],
  [478.3, 492.5, 492.5, "CN470-26A"],
  [480.3, 502.5, 502.5, "CN470-26B"],
  [482.3, 502.5, 502.5, "CN470-26B"],
  [484.3, 502.5, 502.5, "CN470-26B"],
  [486.3, 502.5, 502.5, "CN470-26B"],
  [488.3, 502.5, 502.5, "CN470-26B"],
];

const mHz = (frequencyHz: number): number => frequencyHz / 1e6;

describe("CN470 from RP002 on", () => {
  test.each(plans)("C39 %s has the twenty common join channels in every revision", name => {
    for (const revision of regionalParametersRevisions) {
      expect(
        regionOf(name, revision).joinChannels.map(channel => [
          mHz(channel.uplinkFrequencyHz),
          mHz(channel.downlinkFrequencyHz),
          mHz(channel.rx2FrequencyHz),
          channel.region,
        ]),
      ).toEqual(common);
    }
  });

  test("C39 a join channel is a channel of its plan, and of 20 MHz the accept comes where that plan has RX1", () => {
    for (const channel of regionOf("CN470-20A", "RP002-1.0.4").joinChannels) {
      const { defaultChannels, rx1FrequencyHz } = regionOf(channel.region, "RP002-1.0.4");
      const rx1Hz = rx1FrequencyHz(defaultChannels, channel.uplinkFrequencyHz);
      expect(rx1Hz).toBeDefined();
      if (channel.region.startsWith("CN470-20")) expect(rx1Hz).toBe(channel.downlinkFrequencyHz);
    }
  });

  // As LoRaMac-node and Basics Modem have them: no other public reading of 2.9.8.
  test("C39 a join channel that LoRaMac-node mistakes is its plan's channel of the same number, unless that is a join channel", () => {
    const stray = plans.map(name =>
      regionOf(name, "RP002-1.0.4").strayJoinChannels.map(channel => [
        mHz(channel.uplinkFrequencyHz),
        mHz(channel.downlinkFrequencyHz),
      ]),
    );
    expect(stray).toEqual([
      [
        [470.5, 486.1],
        [470.7, 487.7],
        [471.1, 490.9],
        [471.3, 492.5],
        [471.5, 494.1],
        [471.7, 495.7],
      ],
      [
        [478.5, 479.9],
        [478.7, 499.9],
      ],
      [
        [472.7, 492.5],
        [472.9, 492.5],
        [473.1, 492.5],
      ],
      [
        [483.3, 502.5],
        [483.5, 502.5],
        [483.7, 502.5],
        [483.9, 502.5],
        [484.1, 502.5],
      ],
    ]);
    expect(regionOf("EU868", "RP002-1.0.4").strayJoinChannels).toEqual([]);
  });

  test("C45 the beacon follows the join channel in the 20 MHz plans", () => {
    const { joinChannels } = regionOf("CN470-20A", "RP002-1.0.4");
    const beacons = joinChannels.map(({ beaconFrequenciesHz }) => beaconFrequenciesHz.map(mHz));
    expect(beacons[0]).toEqual([483.9, 484.1, 484.3, 484.5, 484.7, 484.9, 485.1, 485.3]);
    expect(beacons[7]).toEqual([495.1, 495.3, 495.5, 495.7, 495.9, 496.1, 496.3, 496.5]);
    expect(beacons.slice(8)).toEqual([
      [481.5],
      [501.5],
      ...new Array<number[]>(5).fill([494.9]),
      ...new Array<number[]>(5).fill([504.9]),
    ]);
  });

  test("C46 a device of plan 20B has ping slots on its half of the plan", () => {
    const { joinChannels } = regionOf("CN470-20B", "RP002-1.0.4");
    const [lower = [], upper = []] = [8, 9].map(index => joinChannels[index]?.pingSlotFrequenciesHz.map(mHz));
    expect([lower.length, lower[0], lower.at(-1)]).toEqual([32, 476.9, 483.1]);
    expect([upper.length, upper[0], upper.at(-1)]).toEqual([32, 496.9, 503.1]);
  });

  test("C39 a device that has not joined has RX2 where its plan says", () => {
    expect(plans.map(name => mHz(regionOf(name, "RP002-1.0.4").rx2.frequencyHz))).toEqual([486.9, 498.3, 492.5, 502.5]);
  });
});

test("CN779 has three channels to join on beside its default ones (RP002-1.0.3 2.6.2)", () => {
  const { joinChannels, defaultChannels } = regionOf("CN779", "RP002-1.0.3");
  expect(joinChannels.map(channel => mHz(channel.uplinkFrequencyHz))).toEqual([
    779.5, 779.7, 779.9, 780.5, 780.7, 780.9,
  ]);
  expect(defaultChannels).toHaveLength(3);
});

test.each(["EU868", "US915", "AS923-2", "CN470"] as const)("%s joins on its default channels", name => {
  const { joinChannels, defaultChannels, rx2 } = regionOf(name, "RP002-1.0.4");
  expect(joinChannels.map(channel => channel.uplinkFrequencyHz)).toEqual(
    defaultChannels.map(channel => channel?.uplinkFrequencyHz),
  );
  expect(new Set(joinChannels.map(channel => channel.rx2FrequencyHz))).toEqual(new Set([rx2.frequencyHz]));
});
