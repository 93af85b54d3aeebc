import { describe, expect, test } from "vitest";
import type { JoinChannel, RegionName } from "../../lorawan/region/region.ts";
import { regionOf } from "../../lorawan/region/regions.ts";
import { joinedLife, personalisedLife } from "../support/radio-life.ts";

const { joinChannels } = regionOf("CN470-20A", "RP002-1.0.4");
const near = { eastM: 50, northM: 0, heightM: 2 };

/** A device that joins on one channel alone, through a gateway that may send on some frequencies alone. */
async function joinedOn(
  channel: JoinChannel,
  options: { readonly profileRegion?: RegionName; readonly txRangeHz?: { lowest: number; highest: number } } = {},
) {
  const region = regionOf(channel.region, "RP002-1.0.4");
  const number = region.channelOf(region.defaultChannels, channel.uplinkFrequencyHz, 5) ?? -1;
  return joinedLife({
    region: options.profileRegion ?? channel.region,
    gateways: [options.txRangeHz ? { txRangeHz: options.txRangeHz } : {}],
    device: { region, position: near, channels: new Set([number]) },
  });
}

const named = joinChannels.map((channel, index) => [index, channel] as const);

describe("the common join channels of CN470", () => {
  test.each(named)(
    "C39 on channel %i the device is answered in RX1, and its session is in that channel's plan",
    async (_, channel) => {
      const life = await joinedOn(channel, { profileRegion: "CN470-20A" });
      expect(life.eventsOfKind("joined")).toMatchObject([{ window: "RX1" }]);
      await life.sendMany(30, { confirmed: true });
      const windows = new Set(life.eventsOfKind("downlink").map(event => event.window));
      expect(windows).toEqual(new Set(["RX1"]));
      expect(await life.server.session(life.device.devEui)).toMatchObject({ session: { region: channel.region } });
      life.expectAllHeard();
      await life.expectAgreement();
    },
  );

  test.each(named)("C39 on channel %i RX2 is where that channel has it, and stays there", async (_, channel) => {
    const { rx2FrequencyHz } = channel;
    const life = await joinedOn(channel, { txRangeHz: { lowest: rx2FrequencyHz, highest: rx2FrequencyHz } });
    await life.sendMany(25, { confirmed: true });
    expect(life.parameters().rx2FrequencyHz).toBe(rx2FrequencyHz);
    expect(life.eventsOfKind("downlink").at(-1)).toMatchObject({ window: "RX2", ack: true });
    life.expectAllHeard();
    await life.expectAgreement();
  });
});

const plans = ["CN470-20A", "CN470-20B", "CN470-26A", "CN470-26B"] as const;

test.each(plans)("C39 %s is joined by LoRaMac-node, which sends on another channel than it should", async name => {
  const region = regionOf(name, "RP002-1.0.4");
  expect(region.strayJoinChannels.length).toBeGreaterThan(1);
  for (const channel of region.strayJoinChannels) {
    const device = { region: { ...region, joinChannels: [channel] }, position: near };
    const life = await joinedLife({ region: name, device });
    expect(life.eventsOfKind("joined")).toMatchObject([{ window: "RX1" }]);
    await life.sendMany(3, { confirmed: true });
    expect(life.eventsOfKind("downlink").map(event => event.window)).toEqual(["RX1", "RX1", "RX1"]);
    life.expectAllHeard();
  }
});

test("C39 CN779 is joined on a channel that is for joining alone", async () => {
  const region = regionOf("CN779", "RP002-1.0.3");
  const onlyFrequency = 780_900_000;
  const life = await joinedLife({
    region: "CN779",
    gateways: [
      {
        listensTo: new Set([onlyFrequency, ...region.defaultChannels.map(channel => channel?.uplinkFrequencyHz ?? 0)]),
      },
    ],
    device: { region: { ...region, joinChannels: region.joinChannels.slice(5) }, position: near },
  });
  expect(life.eventsOfKind("joined")).toMatchObject([{ window: "RX1" }]);
  await life.sendMany(10, { confirmed: true });
  life.expectAllHeard();
});

test.each(plans)("C7 %s: a device that was never heard is told how long a downlink may be", async region => {
  const life = await personalisedLife({ region });
  expect((await life.server.session(life.device.devEui))?.maxPayload).toBe(23);
});
