import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MalformedValue } from "../../../lorawan/errors.ts";
import { type Channel, type ChannelPlan, type Region, regionNames } from "../../../lorawan/region/region.ts";
import { regionOf } from "../../../lorawan/region/regions.ts";
import { newestRegionalParameters, regionalParametersRevisions } from "../../../lorawan/version.ts";

const all: readonly Region[] = regionNames.flatMap(name =>
  Array.from(new Set(regionalParametersRevisions.map(revision => regionOf(name, revision)))),
);
const latest: readonly Region[] = regionNames.map(name => regionOf(name, newestRegionalParameters));
const fixedRegions = latest.filter(region => region.plan === "fixed");
const dynamicRegions = latest.filter(region => region.plan === "dynamic");

const eu868 = regionOf("EU868", "RP002-1.0.4");
const us915 = regionOf("US915", "RP002-1.0.4");
const us915Old = regionOf("US915", "RP001-1.0.2-B");

const allOf = (channels: ChannelPlan): ReadonlySet<number> =>
  new Set(Array.from(channels.keys()).filter(number => channels[number] !== undefined));

const range = (from: number, to: number): readonly number[] =>
  Array.from({ length: to - from + 1 }, (_, n) => from + n);

const channelAt = (frequencyHz: number, minDataRate = 0, maxDataRate = 5): Channel => ({
  uplinkFrequencyHz: frequencyHz,
  downlinkFrequencyHz: frequencyHz,
  minDataRate,
  maxDataRate,
});

/** Channels a device of this region may have: the defaults, and in a dynamic plan some of the free places filled. */
const channelsArbitrary = (region: Region): fc.Arbitrary<ChannelPlan> =>
  region.plan === "fixed"
    ? fc.constant(region.defaultChannels)
    : fc
        .array(fc.option(fc.integer({ min: 1, max: 50 }), { nil: undefined }), {
          maxLength: region.maxChannels - region.defaultChannels.length,
        })
        .map(steps => [
          ...region.defaultChannels,
          ...steps.map(step => (step === undefined ? undefined : channelAt(867_000_000 + step * 200_000))),
        ]);

const enabledArbitrary = (channels: ChannelPlan): fc.Arbitrary<ReadonlySet<number>> =>
  fc.oneof(
    fc.subarray(Array.from(allOf(channels)), { minLength: 1 }).map(numbers => new Set(numbers)),
    // Whole blocks, as operators choose them.
    fc
      .subarray(range(0, Math.ceil(channels.length / 8) - 1).slice(), { minLength: 1 })
      .map(blocks => new Set(blocks.flatMap(block => range(block * 8, block * 8 + 7))))
      .map(numbers => new Set(Array.from(numbers).filter(number => channels[number] !== undefined)))
      .filter(numbers => numbers.size > 0),
  );

const deviceArbitrary = (region: Region) =>
  channelsArbitrary(region).chain(channels =>
    fc.record({
      channels: fc.constant(channels),
      wanted: enabledArbitrary(channels),
      current: enabledArbitrary(channels),
    }),
  );

describe("channel masks", () => {
  test.each(all)("C55 the masks of $name under $revision turn any set of channels into any other", region => {
    fc.assert(
      fc.property(deviceArbitrary(region), ({ channels, wanted, current }) => {
        const masks = region.channelMasks(wanted, current, channels);
        if (masks.length === 0) expect(wanted).toEqual(current);
        else expect(region.applyChannelMasks(masks, current, channels)).toEqual(new Set(wanted));
      }),
      { numRuns: 30 },
    );
  });

  test.each(fixedRegions)("C55 $name never needs more masks than it has groups of 16 channels", region => {
    fc.assert(
      fc.property(deviceArbitrary(region), ({ channels, wanted, current }) => {
        const masks = region.channelMasks(wanted, current, channels);
        expect(masks.length).toBeLessThanOrEqual(Math.ceil(region.maxChannels / 16));
      }),
      { numRuns: 50 },
    );
  });

  test("C55 US915 needs one mask at most for any choice of sub-bands", () => {
    const choice = fc.subarray([1, 2, 3, 4, 5, 6, 7, 8], { minLength: 1 });
    fc.assert(
      fc.property(choice, enabledArbitrary(us915.defaultChannels), (subBands, current) => {
        const wanted = new Set(subBands.flatMap(subBand => Array.from(us915.subBandChannels(subBand))));
        expect(us915.channelMasks(wanted, current, us915.defaultChannels).length).toBeLessThanOrEqual(1);
      }),
    );
  });

  test("C55 US915 goes from all channels to sub-band 2 with one mask, by ChMaskCntl 5", () => {
    const masks = us915.channelMasks(us915.subBandChannels(2), allOf(us915.defaultChannels), us915.defaultChannels);
    expect(masks).toEqual([{ control: 5, mask: 0x0002 }]);
  });

  test("C55 US915 before ChMaskCntl 5 goes to sub-band 2 with two masks", () => {
    const { defaultChannels } = us915Old;
    const masks = us915Old.channelMasks(us915Old.subBandChannels(2), allOf(defaultChannels), defaultChannels);
    expect(masks).toEqual([
      { control: 7, mask: 0x0002 },
      { control: 0, mask: 0xff00 },
    ]);
    expect(us915Old.applyChannelMasks([{ control: 5, mask: 0x0002 }], new Set([0]), defaultChannels)).toBeUndefined();
  });

  test("C55 US915 goes back to all channels with one mask", () => {
    const masks = us915Old.channelMasks(
      allOf(us915Old.defaultChannels),
      us915Old.subBandChannels(2),
      us915Old.defaultChannels,
    );
    expect(masks).toEqual([{ control: 6, mask: 0x00ff }]);
  });

  test("C55 US915 joins a sub-band and a few more channels with ChMaskCntl 5 and one group", () => {
    const wanted = new Set([...us915.subBandChannels(2), 32, 33]);
    const masks = us915.channelMasks(wanted, allOf(us915.defaultChannels), us915.defaultChannels);
    expect(masks).toEqual([
      { control: 5, mask: 0x0002 },
      { control: 2, mask: 0x0003 },
    ]);
  });

  test("C55 US915 applies ChMaskCntl 0 to 7", () => {
    const { defaultChannels } = us915;
    const current = us915.subBandChannels(1);
    const masked = (control: number, mask: number) =>
      us915.applyChannelMasks([{ control, mask }], current, defaultChannels);
    expect(masked(0, 0x0003)).toEqual(new Set([0, 1, 64]));
    expect(masked(3, 0x8000)).toEqual(new Set([...range(0, 7), 63, 64]));
    expect(masked(4, 0x0082)).toEqual(new Set([...range(0, 7), 65, 71]));
    expect(masked(5, 0x0081)).toEqual(new Set([...range(0, 7), 64, ...range(56, 63), 71]));
    expect(masked(6, 0x0001)).toEqual(new Set([...range(0, 63), 64]));
    expect(masked(7, 0x0003)).toEqual(new Set([64, 65]));
  });

  test("C56 a mask that leaves no channel, or that has an RFU control, is refused", () => {
    const { defaultChannels } = us915;
    const current = us915.subBandChannels(1);
    expect(us915.applyChannelMasks([{ control: 7, mask: 0 }], current, defaultChannels)).toBeUndefined();
    expect(us915.applyChannelMasks([{ control: 8, mask: 1 }], current, defaultChannels)).toBeUndefined();
    expect(eu868.applyChannelMasks([{ control: 1, mask: 1 }], new Set([0]), eu868.defaultChannels)).toBeUndefined();
  });

  test("C56 a mask with a channel that is not defined is refused", () => {
    const current = new Set([0, 1, 2]);
    expect(eu868.applyChannelMasks([{ control: 0, mask: 0x000f }], current, eu868.defaultChannels)).toBeUndefined();
    expect(eu868.applyChannelMasks([{ control: 0, mask: 0x0005 }], current, eu868.defaultChannels)).toEqual(
      new Set([0, 2]),
    );
  });

  test("C56 one bad mask refuses the whole block", () => {
    const masks = [
      { control: 0, mask: 0x0003 },
      { control: 1, mask: 0x0001 },
    ];
    expect(eu868.applyChannelMasks(masks, new Set([0, 1, 2]), eu868.defaultChannels)).toBeUndefined();
  });

  test("EU868 enables every defined channel by ChMaskCntl 6", () => {
    const channels = [...eu868.defaultChannels, undefined, channelAt(867_100_000)];
    expect(eu868.applyChannelMasks([{ control: 6, mask: 0 }], new Set([0]), channels)).toEqual(new Set([0, 1, 2, 4]));
  });

  test("wishes that no device could follow are faults", () => {
    const { defaultChannels } = eu868;
    expect(() => eu868.channelMasks(new Set(), new Set([0]), defaultChannels)).toThrow(MalformedValue);
    expect(() => eu868.channelMasks(new Set([3]), new Set([0]), defaultChannels)).toThrow(MalformedValue);
    expect(() => eu868.channelMasks(new Set([16]), new Set([0]), defaultChannels)).toThrow(MalformedValue);
  });
});

describe("sub-bands", () => {
  test("US915 sub-band 2 is channels 8 to 15 and 65", () => {
    expect(us915.subBandChannels(2)).toEqual(new Set([...range(8, 15), 65]));
  });

  test.each(fixedRegions)("the sub-bands of $name share no channel and cover the plan", region => {
    const numbers: number[] = [];
    for (let subBand = 1; numbers.length < region.maxChannels; subBand += 1) {
      numbers.push(...region.subBandChannels(subBand));
    }
    expect(numbers.toSorted((a, b) => a - b)).toEqual(range(0, region.maxChannels - 1));
  });

  test("a sub-band outside the plan is a fault, and a dynamic plan has its defaults alone", () => {
    expect(() => us915.subBandChannels(0)).toThrow(MalformedValue);
    expect(() => us915.subBandChannels(9)).toThrow(MalformedValue);
    expect(eu868.subBandChannels(1)).toEqual(new Set([0, 1, 2]));
  });
});

describe("CFList", () => {
  test("C29 EU868 lists the channels after its defaults as frequencies", () => {
    const extra = [867_100_000, 867_300_000, 867_500_000, 867_700_000, 867_900_000].map(frequencyHz =>
      channelAt(frequencyHz),
    );
    const channels = [...eu868.defaultChannels, ...extra];
    const cfList = eu868.cfList(channels, allOf(channels));
    expect(Buffer.from(cfList ?? []).toString("hex")).toBe("184f84e85684b85e84886684586e8400");
    expect(eu868.applyCfList(cfList ?? new Uint8Array())).toEqual({ channels, enabled: allOf(channels) });
  });

  test("C29 US915 lists the masks of the enabled channels, from RP001-1.0.3-A on", () => {
    const enabled = us915.subBandChannels(2);
    const cfList = us915.cfList(us915.defaultChannels, enabled);
    expect(Buffer.from(cfList ?? []).toString("hex")).toBe("00ff0000000000000200000000000001");
    expect(us915.applyCfList(cfList ?? new Uint8Array())).toEqual({ channels: us915.defaultChannels, enabled });
    expect(us915Old.cfList(us915.defaultChannels, enabled)).toBeUndefined();
  });

  test.each(latest)("C29 $name needs no CFList for its default channels", region => {
    expect(region.cfList(region.defaultChannels, allOf(region.defaultChannels))).toBeUndefined();
  });

  test("C29 only enabled channels for DR0 to DR5 are listed", () => {
    const channels = [
      ...eu868.defaultChannels,
      channelAt(867_100_000),
      channelAt(868_800_000, 7, 7),
      channelAt(867_500_000),
    ];
    const cfList = eu868.cfList(channels, new Set([0, 1, 2, 4, 5]));
    expect(eu868.applyCfList(cfList ?? new Uint8Array()).channels).toEqual([
      ...eu868.defaultChannels,
      undefined,
      undefined,
      channelAt(867_500_000),
    ]);
  });

  test.each(dynamicRegions)("C29 $name reads back any CFList it writes", region => {
    const readable = region.applyCfList(Uint8Array.of(1, 2, 3, ...new Array<number>(13).fill(0)));
    const pattern = readable.channels[region.defaultChannels.length];
    const step = (pattern?.uplinkFrequencyHz ?? 0) / 0x030201;
    fc.assert(
      fc.property(
        fc.array(fc.option(fc.integer({ min: 1, max: 0xffffff }), { nil: undefined }), { maxLength: 5 }),
        values => {
          const extra = values.map(value =>
            value === undefined ? undefined : channelAt(value * step, 0, pattern?.maxDataRate),
          );
          while (extra.length > 0 && extra.at(-1) === undefined) extra.pop();
          const channels = [...region.defaultChannels, ...extra];
          const cfList = region.cfList(channels, allOf(channels));
          if (extra.length === 0) expect(cfList).toBeUndefined();
          else expect(region.applyCfList(cfList ?? new Uint8Array())).toEqual({ channels, enabled: allOf(channels) });
        },
      ),
      { numRuns: 50 },
    );
  });

  test.each(fixedRegions)("C29 $name reads back any CFList it writes", region => {
    fc.assert(
      fc.property(enabledArbitrary(region.defaultChannels), enabled => {
        const cfList = region.cfList(region.defaultChannels, enabled);
        if (enabled.size === region.maxChannels) expect(cfList).toBeUndefined();
        else expect(region.applyCfList(cfList ?? new Uint8Array()).enabled).toEqual(new Set(enabled));
      }),
      { numRuns: 50 },
    );
  });

  test("a CFList of a wrong length or type is a fault", () => {
    expect(() => eu868.applyCfList(new Uint8Array(15))).toThrow(MalformedValue);
    expect(() => eu868.applyCfList(Uint8Array.of(...new Array<number>(15).fill(0), 1))).toThrow(MalformedValue);
    expect(() => us915.applyCfList(new Uint8Array(16))).toThrow(MalformedValue);
    expect(() => us915Old.applyCfList(Uint8Array.of(...new Array<number>(15).fill(0), 1))).toThrow(MalformedValue);
  });
});

describe("frequencies", () => {
  test("C39 US915 answers channel 10 on downlink channel 2, and the 500 kHz channel 65 on downlink channel 1", () => {
    expect(us915.rx1FrequencyHz(us915.defaultChannels, 904_300_000)).toBe(924_500_000);
    expect(us915.rx1FrequencyHz(us915.defaultChannels, 904_600_000)).toBe(923_900_000);
  });

  test("C39 a dynamic plan answers on the channel's own downlink frequency", () => {
    const channels = [...eu868.defaultChannels, { ...channelAt(867_100_000), downlinkFrequencyHz: 869_525_000 }];
    expect(eu868.rx1FrequencyHz(channels, 868_300_000)).toBe(868_300_000);
    expect(eu868.rx1FrequencyHz(channels, 867_100_000)).toBe(869_525_000);
    expect(eu868.rx1FrequencyHz(channels, 867_300_000)).toBe(867_300_000);
  });

  test("C39 a fixed plan has no RX1 for a frequency that is none of its channels", () => {
    expect(us915.rx1FrequencyHz(us915.defaultChannels, 902_400_000)).toBeUndefined();
  });

  test("two channels on one frequency are told apart by data rate", () => {
    const channels = [...eu868.defaultChannels, channelAt(868_300_000, 6, 6)];
    expect(eu868.channelOf(channels, 868_300_000, 5)).toBe(1);
    expect(eu868.channelOf(channels, 868_300_000, 6)).toBe(3);
    expect(eu868.channelOf(channels, 868_300_000, 7)).toBeUndefined();
    expect(eu868.channelOf(channels, 868_400_000, 5)).toBeUndefined();
  });
});
