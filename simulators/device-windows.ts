import type { JoinChannel, Region } from "../lorawan/region/region.ts";
import { sameChannel, type Transmission } from "./air.ts";
import { channelPlanOf, type RadioParameters } from "./device-state.ts";

export type WindowName = "RX1" | "RX2" | "RXC" | "PING";

export interface DeviceWindow {
  readonly name: "RX1" | "RX2";
  readonly openUs: number;
  readonly frequencyHz: number;
  readonly modulation: Transmission["modulation"];
}

export type WindowParameters = Pick<
  RadioParameters,
  "rx1DelaySeconds" | "rx1DrOffset" | "rx2DataRate" | "rx2FrequencyHz" | "channels" | "downlinkDwellTime"
>;

/** TS001-1.0.4 6.2.5: a Join-Accept comes 5 s and 6 s after the request, with the region's own parameters (C28). */
export const joinWindowParameters = (region: Region, channel: JoinChannel): WindowParameters => ({
  rx1DelaySeconds: region.joinAcceptDelaySeconds,
  rx1DrOffset: 0,
  rx2DataRate: region.rx2.dataRate,
  rx2FrequencyHz: channel.rx2FrequencyHz,
  channels: [channel],
  downlinkDwellTime: false,
});

/** TS001-1.0.4 3.3: RX1 opens a delay after the end of the uplink, RX2 one second later (C37, C39). */
export function windowsAfter(
  region: Region,
  parameters: WindowParameters,
  uplink: { readonly endUs: number; readonly frequencyHz: number; readonly dataRate: number },
): readonly DeviceWindow[] {
  const { rx1DrOffset, downlinkDwellTime } = parameters;
  const rx1OpenUs = uplink.endUs + parameters.rx1DelaySeconds * 1_000_000;
  const rx1FrequencyHz = region.rx1FrequencyHz(channelPlanOf(parameters), uplink.frequencyHz);
  const rx1DataRate = region.rx1DataRate(uplink.dataRate, rx1DrOffset, downlinkDwellTime);
  const window = (name: DeviceWindow["name"], openUs: number, frequencyHz: number, dataRate: number) => {
    const modulation = region.downlinkDataRates[dataRate];
    return modulation === undefined ? [] : [{ name, openUs, frequencyHz, modulation }];
  };
  return [
    ...(rx1FrequencyHz === undefined ? [] : window("RX1", rx1OpenUs, rx1FrequencyHz, rx1DataRate)),
    ...window("RX2", rx1OpenUs + 1_000_000, parameters.rx2FrequencyHz, parameters.rx2DataRate),
  ];
}

/** Where a device of class C listens between its windows. */
export function rx2Channel(region: Region, { rx2DataRate, rx2FrequencyHz }: WindowParameters) {
  const modulation = region.downlinkDataRates[rx2DataRate];
  return modulation && { frequencyHz: rx2FrequencyHz, modulation };
}

/** The window in which this downlink begins, or undefined when it begins in none. */
export const windowOf = (
  windows: readonly DeviceWindow[],
  transmission: Transmission,
  toleranceUs: number,
): DeviceWindow | undefined =>
  windows.find(
    window => Math.abs(transmission.startUs - window.openUs) <= toleranceUs && sameChannel(window, transmission),
  );
