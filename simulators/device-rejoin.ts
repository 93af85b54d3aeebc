import type { Clock } from "../platform/clock.ts";
import { openRejoinAccept, rejoinRequest } from "./device-frames.ts";
import type { DeviceJoin, DeviceJoinOptions } from "./device-join.ts";
import type { ForcedRejoin } from "./device-mac.ts";
import { type DeviceSession, joinedSession } from "./device-state.ts";
import type { WindowName } from "./device-windows.ts";
import type { JoinAcceptFields } from "./frames.ts";
import type { RejoinType } from "./frames11.ts";

type Options = Pick<DeviceJoinOptions, "clock" | "random" | "region" | "credentials" | "emit" | "channels"> & {
  readonly join: Pick<DeviceJoin, "follow">;
  /** Called when a Rejoin-Request that waits for its time may be sent. */
  onDue(): void;
};

interface Order {
  readonly rejoinType: RejoinType;
  /** Of ForceRejoinReq; the present one when absent. */
  readonly dataRate?: number;
  readonly period: number;
  readonly retriesLeft: number;
}

/** A Rejoin-Request on its way. */
export interface Rejoin {
  readonly phyPayload: Uint8Array;
  readonly dataRate?: number;
  /** The session with the counter used. */
  readonly session: DeviceSession;
}

/** RJcounts have 16 bits and never begin again. */
const lastRjCount = 0xffff;

/**
 * Rejoin-Requests of one LoRaWAN 1.1 device (TS001-1.1 6.2.4): on demand, because the network orders it, and at the latest as
 * often as RejoinParamSetupReq says, which is looked at after each uplink. The session goes on until an accept comes.
 */
export class DeviceRejoin {
  readonly #options: Options;
  readonly #clock: Clock;
  #rjCount1: number;
  #order: Order | undefined;
  #isWaiting = false;
  #open: { readonly rejoinType: RejoinType; readonly rjCount: number } | undefined;
  /** Counter of uplinks and time at the last request of type 0, or where the session began. */
  #since: { readonly fCntUp: number; readonly atUs: number };
  #cancel = (): void => {};

  constructor(options: Options, rjCount1: number) {
    this.#options = options;
    this.#clock = options.clock;
    this.#rjCount1 = rjCount1;
    this.#since = { fCntUp: 0, atUs: this.#clock.monotonicUs() };
  }

  counters = (): { rjCount1?: number } => (this.#rjCount1 > 0 ? { rjCount1: this.#rjCount1 } : {});

  /** A request is on the air, or its windows are not over. */
  get isOpen(): boolean {
    return this.#open !== undefined;
  }

  get isDue(): boolean {
    return this.#order !== undefined && !this.#isWaiting && this.#open === undefined;
  }

  demand(rejoinType: RejoinType): void {
    this.#give({ rejoinType, period: 0, retriesLeft: 0 });
  }

  /** A repeat of the order that is being obeyed changes nothing. */
  obey({ rejoinType, period, maxRetries, dataRate }: ForcedRejoin): void {
    if (this.#order === undefined) this.#give({ rejoinType, period, retriesLeft: maxRetries, dataRate });
  }

  /** TS001-1.1 5.14: every 2^(n+4) uplinks and every 2^(n+10) s. */
  afterUplink({ fCntUp, parameters }: DeviceSession): void {
    const { rejoinMaxCountExponent: count, rejoinMaxTimeExponent: time } = parameters;
    const seconds = (this.#clock.monotonicUs() - this.#since.atUs) / 1e6;
    const isCounted = count !== undefined && fCntUp - this.#since.fCntUp >= 2 ** (count + 4);
    const isTimed = time !== undefined && seconds >= 2 ** (time + 10);
    if (this.#order === undefined && (isCounted || isTimed)) this.demand(0);
  }

  /** Undefined where the session is none that a device can rejoin from; the order is dropped then. */
  begin(session: DeviceSession): Rejoin | undefined {
    const order = this.#order;
    const { version11 } = session;
    if (order === undefined || version11 === undefined) return this.#drop();
    const { rejoinType } = order;
    const rjCount = rejoinType === 1 ? this.#rjCount1 : (version11.rjCount0 ?? 0);
    const phyPayload = rejoinRequest(session, this.#options.credentials, rejoinType, rjCount);
    if (phyPayload === undefined || rjCount > lastRjCount) return this.#drop();
    if (rejoinType === 1) this.#rjCount1 += 1;
    if (rejoinType === 0) this.#since = { fCntUp: session.fCntUp, atUs: this.#clock.monotonicUs() };
    this.#open = { rejoinType, rjCount };
    this.#options.emit({ kind: "rejoin-requested", rejoinType, rjCount });
    return {
      phyPayload,
      ...(order.dataRate !== undefined && { dataRate: order.dataRate }),
      session: rejoinType === 1 ? session : { ...session, version11: { ...version11, rjCount0: rjCount + 1 } },
    };
  }

  /** The session that an accept gives, if this is one. */
  heard(phyPayload: Uint8Array, window: WindowName, before: DeviceSession): DeviceSession | undefined {
    const open = this.#open;
    if (open === undefined) return undefined;
    const { credentials, join, emit } = this.#options;
    const accept = openRejoinAccept(phyPayload, credentials, open.rejoinType, open.rjCount);
    if (accept === undefined || !join.follow(accept)) return undefined;
    this.#open = undefined;
    this.#order = undefined;
    this.#since = { fCntUp: 0, atUs: this.#clock.monotonicUs() };
    emit({ kind: "joined", devAddr: accept.devAddr, window });
    return this.#sessionOf(accept, open.rejoinType, before);
  }

  /** Types 0 and 1 begin anew; type 2 keeps what the radio is set to. */
  #sessionOf(accept: JoinAcceptFields, rejoinType: RejoinType, { parameters }: DeviceSession): DeviceSession {
    const { region, channels = new Set(region.defaultChannels.keys()) } = this.#options;
    const session = joinedSession(region, accept, parameters.dataRate, channels);
    return rejoinType === 2 ? { ...session, parameters } : session;
  }

  /** The windows of the request are over without an accept. */
  closed(): void {
    const { clock, random, emit, onDue } = this.#options;
    const order = this.#order;
    const { rejoinType = 0 } = this.#open ?? {};
    this.#open = undefined;
    emit({ kind: "rejoin-failed", rejoinType });
    if (order === undefined || order.retriesLeft === 0) {
      this.#drop();
      return;
    }
    this.#order = { ...order, retriesLeft: order.retriesLeft - 1 };
    this.#isWaiting = true;
    // TS001-1.1 5.13: 32 s x 2^Period and a random time up to 32 s more.
    this.#cancel = clock.after(32_000 * 2 ** order.period + random.between(0, 32_000), () => {
      this.#isWaiting = false;
      onDue();
    });
  }

  /** A join, or the end of the device, makes all of it pointless. */
  stop(): void {
    this.#drop();
    this.#open = undefined;
  }

  #give(order: Order): void {
    this.#drop();
    this.#order = order;
  }

  #drop(): undefined {
    this.#cancel();
    this.#order = undefined;
    this.#isWaiting = false;
    return undefined;
  }
}
