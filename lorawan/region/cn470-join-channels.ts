import { channelsAt, frequencies } from "./facts.ts";
import type { JoinChannel, RegionName } from "./region.ts";

type Consequences = Omit<JoinChannel, "uplinkFrequencyHz" | "minDataRate" | "maxDataRate">;

const joinChannels = (
  uplinksHz: readonly number[],
  consequencesOf: (index: number) => Consequences,
): readonly JoinChannel[] =>
  channelsAt(uplinksHz, 1, 5).map((channel, index) => ({ ...channel, ...consequencesOf(index) }));

/** Channels 0 to 7: the device listens to a group of eight downlink channels, of which the accept takes the fourth. */
const plan20A = joinChannels(
  [...frequencies(470_900_000, 4, 1_600_000), ...frequencies(504_100_000, 4, 1_600_000)],
  index => {
    const group = frequencies(483_900_000 + index * 1_600_000, 8, 200_000);
    return {
      region: "CN470-20A",
      downlinkFrequencyHz: 484_500_000 + index * 1_600_000,
      rx2FrequencyHz: 485_300_000 + index * 1_600_000,
      beaconFrequenciesHz: group,
      pingSlotFrequenciesHz: group,
    };
  },
);

/** Channels 8 and 9, one for each half of the plan: the accept comes where the request was sent. */
const plan20B = joinChannels([479_900_000, 499_900_000], index => ({
  region: "CN470-20B",
  downlinkFrequencyHz: 479_900_000 + index * 20_000_000,
  rx2FrequencyHz: 478_300_000 + index * 20_000_000,
  beaconFrequenciesHz: [481_500_000 + index * 20_000_000],
  pingSlotFrequenciesHz: frequencies(476_900_000 + index * 20_000_000, 32, 200_000),
}));

/** Channels 10 to 14 and 15 to 19: everything on one frequency, whichever the channel. */
const plan26 = (region: "CN470-26A" | "CN470-26B", firstHz: number, downlinkHz: number) =>
  joinChannels(frequencies(firstHz, 5, 2_000_000), () => ({
    region,
    downlinkFrequencyHz: downlinkHz,
    rx2FrequencyHz: downlinkHz,
    beaconFrequenciesHz: [downlinkHz + 2_400_000],
    pingSlotFrequenciesHz: [downlinkHz + 2_400_000],
  }));

/**
 * The twenty common join channels of CN470-510 (RP002-1.0.4 2.9.2; RX2 by channel in 2.9.7): a device may send its
 * Join-Request on any of them, and uses the plan of the one that is answered.
 */
export const cn470JoinChannels: readonly JoinChannel[] = [
  ...plan20A,
  ...plan20B,
  ...plan26("CN470-26A", 470_300_000, 492_500_000),
  ...plan26("CN470-26B", 480_300_000, 502_500_000),
];

/**
 * LoRaMac-node, from 4.5.0 to 4.7.0 at least, draws a common join channel and sends on the channel of the same number in the
 * plan that it was built with (RegionCN470.c, RegionCN470TxConfig), though it listens as if it had sent on the join channel.
 * What is a common join channel by its frequency is one.
 */
export const cn470StrayJoinChannels = (name: RegionName, uplinksHz: readonly number[]): readonly JoinChannel[] =>
  cn470JoinChannels.flatMap((channel, index) => {
    const uplinkFrequencyHz = uplinksHz[index] ?? 0;
    const isCommon = cn470JoinChannels.some(common => common.uplinkFrequencyHz === uplinkFrequencyHz);
    return channel.region === name && !isCommon ? [{ ...channel, uplinkFrequencyHz }] : [];
  });
