import type { Channel, Region } from "../lorawan/region/region.ts";
import { channelPlanOf, type RadioParameters } from "./device-state.ts";
import type { Random } from "./random.ts";

/** One of the channels in use that carry this data rate. */
export function channelFor(
  region: Region,
  parameters: RadioParameters,
  dataRate: number,
  random: Random,
): { readonly number: number; readonly frequencyHz: number } {
  const channels = channelPlanOf(parameters);
  const carries = (channel: Channel | undefined): boolean => channel !== undefined && region.carries(channel, dataRate);
  const fitting = parameters.enabledChannels.filter(number => carries(channels[number]));
  // After a step back no enabled channel may carry the data rate; a default one does.
  const defaults = [...region.defaultChannels.keys()].filter(number => carries(region.defaultChannels[number]));
  const number = random.pick(fitting.length > 0 ? fitting : defaults);
  return { number, frequencyHz: (channels[number] ?? region.defaultChannels[number])?.uplinkFrequencyHz ?? 0 };
}
