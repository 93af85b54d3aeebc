import type { MacParameters } from "../../lorawan/mac/state.ts";
import type { JoinChannel, Modulation, Region, SubBand } from "../../lorawan/region/region.ts";

/** A time and a channel in which a device listens: of class A after an uplink, of class B in a ping slot too. */
export interface ReceiveWindow {
  readonly name: "RX1" | "RX2" | "ping slot";
  /** From the end of the uplink; 0 for a ping slot, which has a time of its own. */
  readonly delayUs: number;
  readonly frequencyHz: number;
  readonly modulation: Modulation;
  /** Most FRMPayload bytes with empty FOpts. */
  readonly maxPayload: number;
  readonly eirpDbm: number;
  /** Whose duty cycle applies; absent where the region has none. */
  readonly subBand?: SubBand;
}

export interface AnsweredUplink {
  readonly frequencyHz: number;
  readonly dataRate: number;
}

type DataWindowParameters = Pick<
  MacParameters,
  "rx1DelaySeconds" | "rx1DrOffset" | "rx2DataRate" | "rx2FrequencyHz" | "channels" | "downlinkDwellTime"
>;

/** RX1 and RX2 of a data uplink (TS001-1.0.4 3.3, C37, C39), in the order in which they open. */
export const dataWindows = (
  region: Region,
  { channels, ...parameters }: DataWindowParameters,
  { frequencyHz, dataRate }: AnsweredUplink,
): readonly ReceiveWindow[] =>
  windows(region, { ...parameters, rx1FrequencyHz: region.rx1FrequencyHz(channels, frequencyHz) }, dataRate);

/** Windows of a Join-Accept: 5 s and 6 s after the request with the region's own parameters (TS001-1.0.4 6.2.5, C28). */
export const joinAcceptWindows = (
  region: Region,
  { downlinkFrequencyHz, rx2FrequencyHz }: Pick<JoinChannel, "downlinkFrequencyHz" | "rx2FrequencyHz">,
  dataRate: number,
): readonly ReceiveWindow[] =>
  windows(
    region,
    {
      rx1DelaySeconds: region.joinAcceptDelaySeconds,
      rx1DrOffset: 0,
      rx1FrequencyHz: downlinkFrequencyHz,
      rx2DataRate: region.rx2.dataRate,
      rx2FrequencyHz,
      downlinkDwellTime: false,
    },
    dataRate,
  );

interface WindowParameters extends Omit<DataWindowParameters, "channels"> {
  readonly rx1FrequencyHz: number | undefined;
}

function windows(region: Region, parameters: WindowParameters, uplinkDataRate: number): readonly ReceiveWindow[] {
  const { rx1FrequencyHz, downlinkDwellTime } = parameters;
  const rx1DataRate = region.rx1DataRate(uplinkDataRate, parameters.rx1DrOffset, downlinkDwellTime);
  const window = (name: ReceiveWindow["name"], delayUs: number, frequencyHz: number, dataRate: number) => {
    const modulation = region.downlinkDataRates[dataRate];
    const subBand = subBandOf(region, frequencyHz);
    return modulation
      ? [
          {
            name,
            delayUs,
            frequencyHz,
            modulation,
            maxPayload: region.maxPayload(dataRate, {
              direction: "down",
              dwellTime: downlinkDwellTime,
              repeater: false,
            }),
            eirpDbm: gatewayEirpDbm(region, frequencyHz),
            ...(subBand && { subBand }),
          },
        ]
      : [];
  };
  const delayUs = parameters.rx1DelaySeconds * 1_000_000;
  return [
    ...(rx1FrequencyHz === undefined ? [] : window("RX1", delayUs, rx1FrequencyHz, rx1DataRate)),
    ...window("RX2", delayUs + 1_000_000, parameters.rx2FrequencyHz, parameters.rx2DataRate),
  ];
}

/** The sub-band that a downlink on this frequency falls into, or undefined. */
export const subBandOf = (region: Region, frequencyHz: number): SubBand | undefined =>
  region.subBands.find(band => frequencyHz >= band.fromHz && frequencyHz < band.toHz);

/** What a gateway may radiate there: the sub-band's limit, else the region's (C43). */
export const gatewayEirpDbm = (region: Region, frequencyHz: number): number =>
  subBandOf(region, frequencyHz)?.maxEirpDbm ?? region.maxEirpDbm;
