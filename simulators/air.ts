import type { Modulation } from "../lorawan/region/region.ts";
import type { Clock } from "../platform/clock.ts";
import { createPropagation, type Position, type PropagationOptions, snrLimitDb } from "./propagation.ts";
import { atTime } from "./timer.ts";

/** A frame on its way; times are of the air's clock. */
export interface Transmission {
  readonly senderId: string;
  readonly position: Position;
  readonly phyPayload: Uint8Array;
  readonly frequencyHz: number;
  readonly modulation: Modulation;
  /** Downlinks have inverted IQ and uplinks normal, so that neither side hears its own kind (C11). */
  readonly inverted: boolean;
  /** A beacon, which receivers of other frames do not make out. */
  readonly implicitHeader?: boolean;
  /** EIRP. */
  readonly powerDbm: number;
  readonly startUs: number;
  readonly endUs: number;
}

export interface AirReception {
  readonly transmission: Transmission;
  readonly rssiDbm: number;
  readonly snrDb: number;
}

export interface Receiver {
  readonly id: string;
  readonly position: Position;
  readonly hearsInverted: boolean;
  /** Whether it was tuned to this frequency and data rate when the frame began. Asked until the frame has ended. */
  listens(transmission: Transmission): boolean;
  /** Called when the frame has ended. */
  heard(reception: AirReception): void;
}

/** Why a receiver that listened got nothing. */
export type Loss = "too-weak" | "collision" | "deaf";

export interface AirStatistics {
  readonly transmissions: number;
  readonly receptions: number;
  /** Uplinks that no gateway heard, downlinks that no device heard. */
  readonly uplinksLost: number;
  readonly downlinksLost: number;
  readonly losses: Readonly<Record<Loss, number>>;
}

export interface Air {
  readonly clock: Clock;
  add(receiver: Receiver): () => void;
  /**
   * `startUs` may lie ahead. `ended` gets the receivers that heard it. The returned function takes it off the air, as if
   * it had never been sent.
   */
  transmit(transmission: Transmission, ended?: (heardBy: readonly string[]) => void): () => void;
  /** End of a frame that this receiver is in the middle of, or that began at or before `timeUs`; else undefined. */
  incomingUntilUs(receiver: Receiver, timeUs: number): number | undefined;
  statistics(): AirStatistics;
  /** Takes everything off the air. */
  close(): void;
}

interface OnAir {
  readonly transmission: Transmission;
  /** Distinguishes the frames of one sender, so that each fades on its own. */
  readonly sequence: number;
  cancel: () => void;
  done: boolean;
}

/** The stronger of two frames survives when it is ahead by this much. */
const captureDb = 6;

const modulationKey = (modulation: Modulation): string => {
  switch (modulation.kind) {
    case "lora":
      return `${modulation.spreadingFactor}/${modulation.bandwidthHz}`;
    case "fsk":
      return `${modulation.bitRate}`;
    case "lr-fhss":
      return `${modulation.codingRate}/${modulation.operatingChannelWidthHz}`;
  }
};

/** Frames with different keys do not disturb each other. */
const channelKey = ({ frequencyHz, modulation, inverted }: Transmission): string =>
  `${frequencyHz} ${modulation.kind} ${modulationKey(modulation)} ${inverted}`;

/** Exactly the same frequency and data rate. */
export const sameChannel = (
  one: Pick<Transmission, "frequencyHz" | "modulation">,
  other: Pick<Transmission, "frequencyHz" | "modulation">,
): boolean =>
  one.frequencyHz === other.frequencyHz &&
  one.modulation.kind === other.modulation.kind &&
  modulationKey(one.modulation) === modulationKey(other.modulation);

const overlap = (one: Transmission, other: Transmission): boolean =>
  one.startUs < other.endUs && other.startUs < one.endUs;

/** The virtual air: who hears what, and how well. Deterministic for a seed and an order of events. */
export function createAir(clock: Clock, options: PropagationOptions): Air {
  const propagation = createPropagation(options);
  const receivers = new Set<Receiver>();
  const channels = new Map<string, OnAir[]>();
  /** What each sender transmits, which is when it is deaf. */
  const bySender = new Map<string, OnAir[]>();
  const losses: Record<Loss, number> = { "too-weak": 0, collision: 0, deaf: 0 };
  const counts = { transmissions: 0, receptions: 0, uplinksLost: 0, downlinksLost: 0 };
  let sequence = 0;

  const linkTo = (entry: OnAir, receiver: Receiver) => {
    const { transmission } = entry;
    const from = { ...transmission, id: transmission.senderId, sequence: entry.sequence };
    return propagation.link(from, receiver, transmission.modulation);
  };

  const isDeaf = (receiver: Receiver, transmission: Transmission): boolean =>
    (bySender.get(receiver.id) ?? []).some(own => overlap(own.transmission, transmission));

  const isDrowned = (entry: OnAir, receiver: Receiver, rssiDbm: number): boolean =>
    (channels.get(channelKey(entry.transmission)) ?? []).some(
      other =>
        other !== entry &&
        overlap(other.transmission, entry.transmission) &&
        linkTo(other, receiver).rssiDbm > rssiDbm - captureDb,
    );

  const judge = (entry: OnAir, receiver: Receiver): AirReception | Loss => {
    const { transmission } = entry;
    if (isDeaf(receiver, transmission)) return "deaf";
    const link = linkTo(entry, receiver);
    if (link.snrDb < snrLimitDb(transmission.modulation)) return "too-weak";
    if (isDrowned(entry, receiver, link.rssiDbm)) return "collision";
    return { transmission, ...link };
  };

  const forget = (index: Map<string, OnAir[]>, key: string, beforeUs: number): void => {
    const rest = (index.get(key) ?? []).filter(({ done, transmission }) => !done || transmission.endUs > beforeUs);
    if (rest.length === 0) index.delete(key);
    else index.set(key, rest);
  };

  /** A frame that has ended is kept as long as one that is still on the air may have met it. */
  const prune = (key: string, senderId: string): void => {
    let oldestUs = clock.monotonicUs();
    for (const entries of channels.values()) {
      for (const { done, transmission } of entries) if (!done) oldestUs = Math.min(oldestUs, transmission.startUs);
    }
    forget(channels, key, oldestUs);
    forget(bySender, senderId, oldestUs);
  };

  const end = (entry: OnAir, ended: ((heardBy: readonly string[]) => void) | undefined): void => {
    const { transmission } = entry;
    entry.done = true;
    const heard: { receiver: Receiver; reception: AirReception }[] = [];
    for (const receiver of receivers) {
      if (receiver.hearsInverted !== transmission.inverted || !receiver.listens(transmission)) continue;
      const outcome = judge(entry, receiver);
      if (typeof outcome === "string") losses[outcome] += 1;
      else heard.push({ receiver, reception: outcome });
    }
    counts.receptions += heard.length;
    if (heard.length === 0) counts[transmission.inverted ? "downlinksLost" : "uplinksLost"] += 1;
    prune(channelKey(transmission), transmission.senderId);
    // The sender first: it was done before anyone had the whole frame.
    ended?.(heard.map(({ receiver }) => receiver.id));
    for (const { receiver, reception } of heard) receiver.heard(reception);
  };

  const addTo = (index: Map<string, OnAir[]>, key: string, entry: OnAir): void => {
    index.set(key, [...(index.get(key) ?? []), entry]);
  };
  const removeFrom = (index: Map<string, OnAir[]>, key: string, entry: OnAir): void => {
    const rest = (index.get(key) ?? []).filter(other => other !== entry);
    if (rest.length === 0) index.delete(key);
    else index.set(key, rest);
  };

  return {
    clock,
    add(receiver) {
      receivers.add(receiver);
      return () => receivers.delete(receiver);
    },
    transmit(transmission, ended) {
      sequence += 1;
      counts.transmissions += 1;
      const entry: OnAir = { transmission, sequence, done: false, cancel: () => {} };
      addTo(channels, channelKey(transmission), entry);
      addTo(bySender, transmission.senderId, entry);
      entry.cancel = atTime(clock, transmission.endUs, () => end(entry, ended));
      return () => {
        if (entry.done) return;
        entry.cancel();
        counts.transmissions -= 1;
        removeFrom(channels, channelKey(transmission), entry);
        removeFrom(bySender, transmission.senderId, entry);
      };
    },
    incomingUntilUs(receiver, timeUs) {
      for (const entries of channels.values()) {
        for (const { done, transmission } of entries) {
          if (done || transmission.startUs > timeUs || transmission.inverted !== receiver.hearsInverted) continue;
          if (receiver.listens(transmission)) return transmission.endUs;
        }
      }
      return undefined;
    },
    statistics: () => ({ ...counts, losses: { ...losses } }),
    close() {
      for (const entries of channels.values()) for (const entry of entries) entry.cancel();
      channels.clear();
      bySender.clear();
      receivers.clear();
    },
  };
}
