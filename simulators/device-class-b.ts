import { airtimeUs } from "../lorawan/phy/airtime.ts";
import type { Modulation, Region } from "../lorawan/region/region.ts";
import { type Air, type AirReception, type Receiver, sameChannel, type Transmission } from "./air.ts";
import { beaconSeconds } from "./beacon.ts";
import type { DeviceSession } from "./device-state.ts";
import { hoppingChannel, pingSlotsAfterBeacon } from "./ping-slots.ts";
import type { Position } from "./propagation.ts";
import { atTime } from "./timer.ts";

export interface ClassBBehaviour {
  /** 0 to 7: a ping slot every 0.96 s times 2^periodicity. */
  readonly periodicity: number;
  /** It says so with PingSlotInfoReq; otherwise the network knows by other ways. True by default. */
  readonly announces?: boolean;
}

export interface DeviceClassBOptions extends ClassBBehaviour {
  readonly id: string;
  readonly position: Position;
  readonly region: Region;
  /** A frame that begins further than this from its time is not heard. */
  readonly toleranceUs: number;
  session(): DeviceSession | undefined;
  /** Beacon and ping slots are there, or not any more. */
  changed(isInClassB: boolean): void;
}

/** The clock of a device, as set by a beacon. */
interface BeaconLock {
  readonly gpsSeconds: number;
  readonly startUs: number;
}

const periodUs = 128_000_000;
const beaconReservedMs = 2_120;
/** TS001-1.0.4 10.1. */
const beaconLessUs = 7_200_000_000;

/** What makes a device one of class B: it follows the beacon, and listens in its ping slots. */
export class DeviceClassB implements Receiver {
  readonly id: string;
  readonly position: Position;
  /** Beacons are not inverted. */
  readonly hearsInverted = false;
  readonly #air: Air;
  readonly #options: DeviceClassBOptions;
  readonly #leave: () => void;
  #lock: BeaconLock | undefined;
  /** The network has answered PingSlotInfoReq. */
  #isAgreed: boolean;
  #cancelLoss = (): void => {};

  constructor(air: Air, options: DeviceClassBOptions) {
    this.id = options.id;
    this.position = options.position;
    this.#air = air;
    this.#options = options;
    this.#isAgreed = !this.#announces;
    this.#leave = air.add(this);
  }

  /** The ClassB bit of uplinks. */
  get isActive(): boolean {
    return this.#isAgreed && this.#lock !== undefined;
  }

  /** PingSlotInfoReq (TS001-1.0.4 12.1), hex. */
  get announcements(): readonly string[] {
    return this.#announces ? [`100${this.#options.periodicity}`] : [];
  }

  get #announces(): boolean {
    return this.#options.announces ?? true;
  }

  agreed(): void {
    const before = this.isActive;
    this.#isAgreed = true;
    if (this.isActive !== before) this.#options.changed(this.isActive);
  }

  /** A join makes a device one of class A. */
  reset(): void {
    this.#isAgreed = !this.#announces;
  }

  listens(transmission: Transmission): boolean {
    if (!transmission.implicitHeader) return false;
    const { beaconFrequencyHz = 0 } = this.#options.session()?.parameters ?? {};
    const expected = beaconFrequencyHz === 0 ? this.#beaconChannels(transmission.startUs) : [beaconFrequencyHz];
    return (
      expected.includes(transmission.frequencyHz) &&
      isSame(this.#beaconRate(), transmission) &&
      this.#isOnTime(transmission)
    );
  }

  heard({ transmission }: AirReception): void {
    const gpsSeconds = beaconSeconds(transmission.modulation, transmission.phyPayload);
    if (gpsSeconds === undefined) return;
    const before = this.isActive;
    this.#lock = { gpsSeconds, startUs: transmission.startUs };
    this.#cancelLoss();
    this.#cancelLoss = atTime(this.#air.clock, transmission.startUs + beaconLessUs, () => this.#lose());
    if (!before && this.isActive) this.#options.changed(true);
  }

  /** Whether a downlink begins in one of the device's ping slots, where and as it listens then. */
  hasPingSlot(transmission: Transmission): boolean {
    const lock = this.#lock;
    const session = this.#options.session();
    if (!this.#isAgreed || lock === undefined || session === undefined) return false;
    const { region, periodicity, toleranceUs } = this.#options;
    const { pingSlotDataRate = region.pingSlot.dataRate, pingSlotFrequencyHz = 0 } = session.parameters;
    const periods = Math.floor((transmission.startUs + toleranceUs - lock.startUs) / periodUs);
    const gpsSeconds = lock.gpsSeconds + 128 * periods;
    const sinceBeaconUs = transmission.startUs - lock.startUs - periods * periodUs;
    const frequencyHz =
      pingSlotFrequencyHz || hoppingChannel(this.#pingSlotChannels(session), gpsSeconds, session.devAddr);
    return (
      frequencyHz === transmission.frequencyHz &&
      isSame(region.downlinkDataRates[pingSlotDataRate], transmission) &&
      pingSlotsAfterBeacon(session.devAddr, periodicity, gpsSeconds).some(
        slotMs => Math.abs(sinceBeaconUs - slotMs * 1000) <= toleranceUs,
      )
    );
  }

  /** How long an uplink must wait: what comes in a ping slot is heard to its end, and so is the beacon. */
  holdMs(receivingMs: number, dataRate: number, bytes: number): number {
    const modulation = this.#options.region.uplinkDataRates[dataRate];
    if (!this.isActive || this.#lock === undefined || modulation === undefined) return 0;
    const elapsedMs = ((this.#air.clock.monotonicUs() - this.#lock.startUs) % periodUs) / 1000;
    const endMs = elapsedMs + airtimeUs(modulation, bytes, { crc: true }) / 1000;
    const reservedMs = elapsedMs < beaconReservedMs ? beaconReservedMs : periodUs / 1000 + beaconReservedMs;
    const meetsBeacon = elapsedMs < beaconReservedMs || endMs > periodUs / 1000;
    return Math.max(receivingMs, meetsBeacon ? reservedMs - elapsedMs : 0);
  }

  stop(): void {
    this.#cancelLoss();
    this.#leave();
  }

  #lose(): void {
    const before = this.isActive;
    this.#lock = undefined;
    if (before) this.#options.changed(false);
  }

  /** A device that follows the beacon need not search for it. */
  #isOnTime({ startUs }: Transmission): boolean {
    if (this.#lock === undefined) return true;
    const elapsedUs = startUs - this.#lock.startUs;
    return Math.abs(elapsedUs - Math.round(elapsedUs / periodUs) * periodUs) <= this.#options.toleranceUs;
  }

  #beaconRate(): Modulation | undefined {
    const { region } = this.#options;
    return region.downlinkDataRates[region.beacon.dataRate];
  }

  #beaconChannels(startUs: number): readonly number[] {
    const { region } = this.#options;
    const all =
      region.beacon.frequenciesHz.length > 0
        ? region.beacon.frequenciesHz
        : (joinChannelOf(region, this.#options.session())?.beaconFrequenciesHz ?? []);
    const lock = this.#lock;
    if (lock === undefined) return all;
    const next = hoppingChannel(all, lock.gpsSeconds + 128 * Math.round((startUs - lock.startUs) / periodUs));
    return next === undefined ? [] : [next];
  }

  #pingSlotChannels(session: DeviceSession): readonly number[] {
    const { region } = this.#options;
    return region.pingSlot.frequenciesHz.length > 0
      ? region.pingSlot.frequenciesHz
      : (joinChannelOf(region, session)?.pingSlotFrequenciesHz ?? []);
  }
}

/** In CN470 a device has joined on the channel whose RX2 it uses. */
const joinChannelOf = (region: Region, session: DeviceSession | undefined) =>
  region.joinChannels.find(
    channel => channel.region === region.name && channel.rx2FrequencyHz === session?.parameters.rx2FrequencyHz,
  );

const isSame = (modulation: Modulation | undefined, transmission: Transmission): boolean =>
  modulation !== undefined && sameChannel({ frequencyHz: transmission.frequencyHz, modulation }, transmission);
