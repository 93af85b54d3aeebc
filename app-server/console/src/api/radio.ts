import { listOfMember, membersOf, numberOfMember, textOfMember } from "./members.ts";

/** How one gateway heard a frame; of `rxInfo`. */
export interface Reception {
  readonly gatewayId: string;
  readonly rssi: number | undefined;
  readonly snr: number | undefined;
  readonly channel: number | undefined;
  readonly antenna: number | undefined;
  /** By the gateway's clock, RFC 3339. */
  readonly gatewayTime: string | undefined;
}

export const receptionsOf = (rxInfo: unknown): readonly Reception[] =>
  listOfMember(rxInfo).map(item => {
    const { gatewayId, rssi, snr, channel, antenna, gwTime } = membersOf(item);
    return {
      gatewayId: textOfMember(gatewayId) ?? "?",
      rssi: numberOfMember(rssi),
      snr: numberOfMember(snr),
      channel: numberOfMember(channel),
      antenna: numberOfMember(antenna),
      gatewayTime: textOfMember(gwTime),
    };
  });

const quality = ({ snr, rssi }: Reception): number => (snr ?? -100) * 1000 + (rssi ?? -999);

/** The reception that decides: of the best SNR. */
export const bestReception = (receptions: readonly Reception[]): Reception | undefined =>
  [...receptions].sort((one, other) => quality(other) - quality(one))[0];

/** How a frame was on the air; of `txInfo`. */
export interface Transmission {
  readonly frequencyHz: number | undefined;
  readonly spreadingFactor: number | undefined;
  /** `SF7 · 125 kHz`. */
  readonly modulation: string;
}

export function transmissionOf(txInfo: unknown): Transmission {
  const { frequency, modulation } = membersOf(txInfo);
  const { lora, fsk, lrFhss } = membersOf(modulation);
  const { spreadingFactor, bandwidth } = membersOf(lora);
  const factor = numberOfMember(spreadingFactor);
  return {
    frequencyHz: numberOfMember(frequency),
    spreadingFactor: factor,
    modulation: modulationText(factor, numberOfMember(bandwidth), fsk, lrFhss),
  };
}

function modulationText(factor: number | undefined, bandwidth: number | undefined, fsk: unknown, lrFhss: unknown) {
  if (factor !== undefined) return `SF${factor}${bandwidth === undefined ? "" : ` · ${bandwidth / 1000} kHz`}`;
  if (fsk !== undefined) return `FSK · ${(numberOfMember(membersOf(fsk).datarate) ?? 0) / 1000} kbit/s`;
  return lrFhss === undefined ? "" : `LR-FHSS · ${textOfMember(membersOf(lrFhss).codeRate) ?? ""}`;
}

/** `868.1 MHz`. */
export const frequencyText = (hertz: number | undefined): string =>
  hertz === undefined ? "" : `${Number((hertz / 1e6).toFixed(4))} MHz`;

/** The least SNR at which a LoRa frame can be read (Semtech AN1200.13): -5 dB at SF6, 2.5 dB less at each further one. */
export const requiredSnrDb = (spreadingFactor: number): number => -5 - 2.5 * (spreadingFactor - 6);

/** `SF7 · 125 kHz` of the `SF7BW125` that sums are told by; what is no LoRa as it is. */
export const dataRateText = (name: string): string => name.replace(/^(SF\d+)BW(\d+)$/, "$1 · $2 kHz");
