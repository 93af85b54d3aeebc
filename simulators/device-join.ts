import type { JoinChannel, Region } from "../lorawan/region/region.ts";
import type { MacVersion } from "../lorawan/version.ts";
import type { Clock } from "../platform/clock.ts";
import type { AirReception } from "./air.ts";
import { lowestDataRate } from "./device-adr.ts";
import type { DeviceEvent } from "./device-events.ts";
import { openJoinAccept } from "./device-frames.ts";
import type { DeviceRadio } from "./device-radio.ts";
import { type DeviceSession, joinedSession } from "./device-state.ts";
import { joinWindowParameters, type WindowName } from "./device-windows.ts";
import { encodeJoinRequest, type JoinAcceptFields, type JoinCredentials } from "./frames.ts";
import type { Random } from "./random.ts";

export interface DeviceJoinOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly radio: DeviceRadio;
  readonly region: Region;
  readonly macVersion: MacVersion;
  readonly credentials: JoinCredentials;
  readonly dataRate?: number;
  readonly channels?: ReadonlySet<number>;
  readonly joinRetryMs?: number;
  emit(event: DeviceEvent): void;
}

interface JoinCounters {
  readonly devNonce: number;
  readonly lastJoinNonce: number | undefined;
}

const longestRetryMs = 3_600_000;

/** Over-the-air activation of one device (TS001-1.0.4 6.2). */
export class DeviceJoin {
  readonly #options: DeviceJoinOptions;
  /** From 1.0.4 on DevNonce is a counter and JoinNonce rises; before, both are only not to repeat. */
  readonly #counts: boolean;
  #nextDevNonce: number;
  #lastJoinNonce: number | undefined;
  #attempt = 0;
  #sentDevNonce: number | undefined;
  /** Of the last request: the session begins where the accept came. */
  #sentDataRate = 0;
  #sentOn: JoinChannel | undefined;
  #joined: ((session: DeviceSession) => void) | undefined;
  #cancel = (): void => {};

  constructor(options: DeviceJoinOptions, counters: JoinCounters) {
    this.#options = options;
    this.#counts = options.macVersion === "1.0.4" || options.macVersion === "1.1.0";
    this.#nextDevNonce = counters.devNonce;
    this.#lastJoinNonce = counters.lastJoinNonce;
  }

  counters(): { devNonce: number; lastJoinNonce?: number } {
    const joinNonce = this.#lastJoinNonce;
    return { devNonce: this.#nextDevNonce, ...(joinNonce === undefined ? {} : { lastJoinNonce: joinNonce }) };
  }

  start(joined: (session: DeviceSession) => void): void {
    this.stop();
    this.#attempt = 0;
    this.#joined = joined;
    this.#send();
  }

  stop(): void {
    this.#cancel();
    this.#joined = undefined;
    this.#sentDevNonce = undefined;
  }

  heard({ transmission }: AirReception, window: WindowName): void {
    const devNonce = this.#sentDevNonce;
    if (devNonce === undefined || this.#joined === undefined) return;
    const { credentials, region, emit, radio } = this.#options;
    const accept = openJoinAccept(transmission.phyPayload, credentials, devNonce);
    if (accept === undefined || !this.follow(accept)) return;
    const rx2FrequencyHz = this.#sentOn?.rx2FrequencyHz;
    const session = joinedSession(region, accept, this.#dataRateOfSession(), this.#channels(), rx2FrequencyHz);
    const joined = this.#joined;
    this.stop();
    radio.endWindows();
    emit({ kind: "joined", devAddr: accept.devAddr, window });
    joined(session);
  }

  /** C26. A 1.0.4 device refuses a JoinNonce that does not rise. True for one that it takes, from then on the last. */
  follow(accept: JoinAcceptFields): boolean {
    const isTaken = this.#mayFollow(accept);
    if (isTaken) this.#lastJoinNonce = accept.joinNonce;
    return isTaken;
  }

  #mayFollow({ joinNonce }: JoinAcceptFields): boolean {
    const last = this.#lastJoinNonce;
    if (last === undefined || (this.#counts ? joinNonce > last : joinNonce !== last)) return true;
    const detail = `JoinNonce ${joinNonce} after ${last}`;
    this.#options.emit({ kind: "violation", violation: "join-nonce-not-rising", detail });
    return !this.#counts;
  }

  #send(): void {
    const { credentials, radio, region, random, emit } = this.#options;
    const devNonce = this.#takeDevNonce();
    this.#sentDevNonce = devNonce;
    const { channel, dataRate } = this.#channel();
    this.#sentDataRate = dataRate;
    this.#sentOn = channel;
    emit({ kind: "join-requested", devNonce });
    radio.transmit({
      phyPayload: encodeJoinRequest(credentials, devNonce),
      frequencyHz: channel.uplinkFrequencyHz,
      dataRate,
      powerDbm: region.maxEirpDbm,
      windows: joinWindowParameters(region, channel),
      ended: () => {},
      closed: () => {
        this.#attempt += 1;
        this.#sentDevNonce = undefined;
        const baseMs = Math.min(longestRetryMs, (this.#options.joinRetryMs ?? 10_000) * 2 ** (this.#attempt - 1));
        const retryInMs = Math.round(baseMs * (0.5 + random.next()));
        emit({ kind: "join-failed", attempt: this.#attempt, retryInMs });
        this.#cancel = this.#options.clock.after(retryInMs, () => this.#send());
      },
    });
  }

  #takeDevNonce(): number {
    if (!this.#counts) return this.#options.random.between(0, 0xffff);
    const devNonce = this.#nextDevNonce;
    this.#nextDevNonce = (devNonce + 1) & 0xffff;
    return devNonce;
  }

  #channels(): ReadonlySet<number> {
    return this.#options.channels ?? new Set(this.#options.region.defaultChannels.keys());
  }

  #dataRateOfSession(): number {
    return Math.min(this.#sentDataRate, this.#firstDataRate());
  }

  #firstDataRate(): number {
    return this.#options.dataRate ?? this.#options.region.maxAdrDataRate;
  }

  /** One data rate lower after every second attempt, as far as the channel goes, then from the top again. */
  #channel(): { readonly channel: JoinChannel; readonly dataRate: number } {
    const { region, random } = this.#options;
    const channel = random.pick(this.#joinChannels());
    const highest = Math.min(channel.maxDataRate, Math.max(channel.minDataRate, this.#firstDataRate()));
    const lowest = Math.min(
      highest,
      Math.max(channel.minDataRate, lowestDataRate(region, region.dwellTimeAtStart.uplink)),
    );
    const span = highest - lowest + 1;
    return { channel, dataRate: highest - (Math.floor(this.#attempt / 2) % span) };
  }

  /** Those of its own plan, and of its own channels where it is kept to some. */
  #joinChannels(): readonly JoinChannel[] {
    const { channels, region } = this.#options;
    const own = region.joinChannels.filter(channel => channel.region === region.name);
    if (channels === undefined) return own;
    const frequencies = new Set([...channels].map(number => region.defaultChannels[number]?.uplinkFrequencyHz));
    return own.filter(channel => frequencies.has(channel.uplinkFrequencyHz));
  }
}
