import { airtimeUs } from "../lorawan/phy/airtime.ts";
import type { Modulation, Region } from "../lorawan/region/region.ts";
import { type Air, type AirReception, type Receiver, sameChannel, type Transmission } from "./air.ts";
import { type DeviceWindow, type WindowName, type WindowParameters, windowOf, windowsAfter } from "./device-windows.ts";
import type { Position } from "./propagation.ts";
import { atTime } from "./timer.ts";

export interface DeviceRadioOptions {
  readonly id: string;
  readonly position: Position;
  readonly region: Region;
  /** A downlink that begins further than this from the opening of a window is not heard. */
  readonly windowToleranceUs: number;
  /** Class C: what the device listens to between its windows. */
  continuous(): { readonly frequencyHz: number; readonly modulation: Modulation } | undefined;
  /** Class B: whether a frame begins in a ping slot. */
  pings?(transmission: Transmission): boolean;
  heard(reception: AirReception, window: WindowName): void;
}

export interface RadioUplink {
  readonly phyPayload: Uint8Array;
  readonly frequencyHz: number;
  readonly dataRate: number;
  readonly powerDbm: number;
  readonly windows: WindowParameters;
  /** Gateways that heard it; called at its end. */
  ended(heardBy: readonly string[], endUs: number): void;
  /** Called when the windows are over and nobody has ended them before. */
  closed(): void;
}

/** How long a device waits for a preamble. */
const windowLengthUs = 100_000;

/** The transceiver of an end device: one uplink at a time, and exact windows after it. */
export class DeviceRadio implements Receiver {
  readonly id: string;
  readonly position: Position;
  readonly hearsInverted = true;
  readonly #air: Air;
  readonly #options: DeviceRadioOptions;
  readonly #leave: () => void;
  #windows: readonly DeviceWindow[] = [];
  /** When the windows of the last uplink open, but for those that were called off. */
  #openedUs: readonly number[] = [];
  /** From the beginning of the last uplink until its windows are over. */
  #busyUs: { readonly fromUs: number; untilUs: number } | undefined;
  #cancelUplink = (): void => {};
  #cancelClose = (): void => {};

  constructor(air: Air, options: DeviceRadioOptions) {
    this.id = options.id;
    this.position = options.position;
    this.#air = air;
    this.#options = options;
    this.#leave = air.add(this);
  }

  listens(transmission: Transmission): boolean {
    return this.#windowOf(transmission) !== undefined;
  }

  heard(reception: AirReception): void {
    const window = this.#windowOf(reception.transmission);
    if (window !== undefined) this.#options.heard(reception, window);
  }

  /** How long the frame goes on that is being received now; 0 when there is none. */
  receivingMs(): number {
    const nowUs = this.#air.clock.monotonicUs();
    return Math.max(0, (this.#air.incomingUntilUs(this, nowUs) ?? 0) - nowUs) / 1000;
  }

  /** Microseconds that the frame takes; the windows are counted from its end. */
  transmit(uplink: RadioUplink): number {
    const { region } = this.#options;
    const modulation = region.uplinkDataRates[uplink.dataRate];
    if (modulation === undefined) throw new RangeError(`no data rate ${uplink.dataRate} in ${region.name}`);
    const startUs = this.#air.clock.monotonicUs();
    const durationUs = airtimeUs(modulation, uplink.phyPayload.length, { crc: true });
    const endUs = startUs + durationUs;
    const { phyPayload, frequencyHz, powerDbm, dataRate } = uplink;
    this.endWindows();
    this.#busyUs = { fromUs: startUs, untilUs: Number.POSITIVE_INFINITY };
    this.#windows = windowsAfter(region, uplink.windows, { endUs, frequencyHz, dataRate });
    this.#openedUs = this.#windows.map(({ openUs }) => openUs);
    const frame = { phyPayload, frequencyHz, modulation, powerDbm, inverted: false, startUs, endUs };
    this.#cancelUplink = this.#air.transmit({ senderId: this.id, position: this.position, ...frame }, heardBy =>
      uplink.ended(heardBy, endUs),
    );
    const lastOpenUs = Math.max(endUs, ...this.#windows.map(({ openUs }) => openUs));
    this.#closeAt(lastOpenUs + windowLengthUs, uplink.closed);
    return durationUs;
  }

  /** A downlink has come: no further window opens. */
  endWindows(): void {
    this.#cancelClose();
    this.#rest();
    this.#windows = [];
    this.#openedUs = this.#openedUs.filter(openUs => openUs <= this.#air.clock.monotonicUs());
  }

  stop(): void {
    this.#cancelUplink();
    this.endWindows();
    this.#leave();
  }

  #closeAt(timeUs: number, closed: () => void): void {
    this.#cancelClose = atTime(this.#air.clock, timeUs, () => {
      const busyUntilUs = this.#air.incomingUntilUs(this, timeUs);
      // A frame whose preamble was found is received to its end.
      if (busyUntilUs !== undefined) this.#closeAt(Math.max(timeUs, busyUntilUs) + 1, closed);
      else {
        this.#rest();
        closed();
      }
    });
  }

  #rest(): void {
    if (this.#busyUs?.untilUs === Number.POSITIVE_INFINITY) this.#busyUs.untilUs = this.#air.clock.monotonicUs();
  }

  #windowOf(transmission: Transmission): WindowName | undefined {
    const timed = windowOf(this.#windows, transmission, this.#options.windowToleranceUs);
    if (timed !== undefined) return timed.name;
    if (this.#options.pings?.(transmission)) {
      // TS001-1.0.4 9: uplinks and their windows go before ping slots.
      const { fromUs, untilUs } = this.#busyUs ?? { fromUs: 0, untilUs: 0 };
      if (transmission.startUs < fromUs || transmission.startUs >= untilUs) return "PING";
    }
    const continuous = this.#options.continuous();
    if (!continuous || !sameChannel(continuous, transmission)) return undefined;
    // TS001-1.0.4 15: a window that opens in the middle of a frame goes before it.
    const isDropped = this.#openedUs.some(openUs => transmission.startUs < openUs && openUs < transmission.endUs);
    return isDropped ? undefined : "RXC";
  }
}
