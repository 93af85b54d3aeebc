import {
  handleUplinkCommands,
  initialMacState,
  type MacContext,
  type MacUplinkResult,
  markSent,
} from "../../../lorawan/mac/engine.ts";
import { requestsFor } from "../../../lorawan/mac/requests.ts";
import type { MacParameters, MacState, WantedMacParameters } from "../../../lorawan/mac/state.ts";
import type { Channel, ChannelPlan, Region } from "../../../lorawan/region/region.ts";
import { regionOf } from "../../../lorawan/region/regions.ts";
import { bytesOf, hex } from "./vectors.ts";

export const eu868 = regionOf("EU868", "RP002-1.0.4");
export const us915 = regionOf("US915", "RP002-1.0.4");

export const contextOf = (changes: Partial<MacContext> = {}): MacContext => ({
  region: eu868,
  macVersion: "1.0.4",
  nowMs: 1_700_000_000_000,
  uplink: { marginDb: 10, gatewayCount: 2, endGpsTimeMs: 1_384_000_000_000 },
  deviceStatusIntervalSeconds: 0,
  ...changes,
});

const definedIn = (channels: ChannelPlan): readonly number[] =>
  channels.flatMap((channel, index) => (channel ? [index] : []));

export const stateOf = (changes: Partial<MacParameters> = {}, of: Region = eu868): MacState => {
  const channels = changes.channels ?? of.defaultChannels;
  const initial = initialMacState(of, {
    rx1DelaySeconds: 1,
    rx1DrOffset: 0,
    rx2DataRate: of.rx2.dataRate,
    rx2FrequencyHz: of.rx2.frequencyHz,
    channels,
    enabledChannels: definedIn(channels),
  });
  return { ...initial, current: { ...initial.current, ...changes } };
};

export const channelAt = (frequencyHz: number, downlinkFrequencyHz: number = frequencyHz): Channel => ({
  uplinkFrequencyHz: frequencyHz,
  downlinkFrequencyHz,
  minDataRate: 0,
  maxDataRate: 5,
});

/** EU868 with one channel more at number 3. */
export const fourChannels: ChannelPlan = [...eu868.defaultChannels, channelAt(867_100_000)];

/** Requests as hex. */
export const asked = (state: MacState, wanted: WantedMacParameters, context = contextOf()): readonly string[] =>
  requestsFor(state, wanted, context).map(({ bytes }) => hex(bytes));

/** The state once all that is wanted has been sent. */
export const sentState = (state: MacState, wanted: WantedMacParameters, context = contextOf()): MacState =>
  markSent(state, requestsFor(state, wanted, context), context.nowMs);

export const heard = (commands: string, state: MacState, context = contextOf()): MacUplinkResult =>
  handleUplinkCommands(bytesOf(commands), state, context);

/** What is wanted is sent, and the next uplink carries these commands. */
export const exchanged = (
  state: MacState,
  wanted: WantedMacParameters,
  answers: string,
  context = contextOf(),
): MacUplinkResult => heard(answers, sentState(state, wanted, context), context);
