import type { Region } from "../lorawan/region/region.ts";
import type { MacVersion } from "../lorawan/version.ts";
import type { Clock } from "../platform/clock.ts";
import type { Air, AirReception } from "./air.ts";
import { adrOfUplink } from "./device-adr.ts";
import { channelFor } from "./device-channel.ts";
import { type ClassBBehaviour, DeviceClassB } from "./device-class-b.ts";
import { type ApplicationUplink, contentOf, type FrameContent, type PreparedUplink } from "./device-content.ts";
import { receiveDownlink } from "./device-downlink.ts";
import type { DeviceEvent, DeviceListener } from "./device-events.ts";
import { sealUplink } from "./device-frames.ts";
import { DeviceJoin } from "./device-join.ts";
import { DeviceRadio, type RadioUplink } from "./device-radio.ts";
import { DeviceRejoin } from "./device-rejoin.ts";
import {
  type DeviceSession,
  type DeviceState,
  defaultParameters,
  freshSession,
  type RadioParameters,
  withDeviceMode,
} from "./device-state.ts";
import { rx2Channel, type WindowName } from "./device-windows.ts";
import type { JoinCredentials, SessionKeys } from "./frames.ts";
import type { RejoinType } from "./frames11.ts";
import type { Position } from "./propagation.ts";
import { createRandom, type Random } from "./random.ts";

export interface DeviceOptions {
  readonly air: Air;
  readonly credentials: JoinCredentials;
  /** A device that is activated by personalization has its session from the start and never joins. */
  readonly personalization?: SessionKeys & { readonly devAddr: string };
  readonly region: Region;
  readonly macVersion: MacVersion;
  readonly position: Position;
  readonly seed: number;
  readonly listener?: DeviceListener;
  /** "A" by default. */
  readonly deviceClass?: "A" | "C";
  /** It follows the beacon and listens in a ping slot every 0.96 s times 2^periodicity, once the network knows. */
  readonly classB?: ClassBBehaviour;
  /** True by default. */
  readonly adr?: boolean;
  /** False: it agrees to what ADR asks for, and goes on as before; true by default. */
  readonly followsAdr?: boolean;
  /** Of the first join attempt and of the session; the region's highest for ADR by default. */
  readonly dataRate?: number;
  /** Numbers of the default channels that the device uses until it is told otherwise; all by default. */
  readonly channels?: ReadonlySet<number>;
  /** Transmissions of a confirmed uplink at most; 8 by default. */
  readonly confirmedTries?: number;
  /** 500 us by default. */
  readonly windowToleranceUs?: number;
  /** Pause after the first join attempt without an answer, doubled each time up to an hour; 10 s by default. */
  readonly joinRetryMs?: number;
  /** DevStatusAns; 255, unknown, by default. */
  readonly battery?: number;
  /** Answers a confirmed downlink or FPending soon, with an empty uplink if need be; true by default. */
  readonly promptAnswers?: boolean;
  /** From `snapshot()` of an earlier run. */
  readonly state?: DeviceState;
}

const maxQueued = 16;

/** An end device of class A, B or C; it speaks LoRaWAN 1.1 where its credentials have a NwkKey, and else 1.0.x. */
export class Device {
  readonly devEui: string;
  readonly #options: DeviceOptions;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #radio: DeviceRadio;
  readonly #classB?: DeviceClassB;
  readonly #join: DeviceJoin;
  readonly #rejoin: DeviceRejoin;
  readonly #queue: ApplicationUplink[] = [];
  #session: DeviceSession | undefined;
  /** The uplink whose transmissions or windows are not over. */
  #current: PreparedUplink | undefined;
  #promptDue = false;
  #notBeforeUs = 0;
  #cancelTimer = (): void => {};
  #stopped = false;

  constructor(options: DeviceOptions) {
    const { air, credentials, region, state, personalization } = options;
    this.devEui = credentials.devEui;
    this.#options = options;
    this.#clock = air.clock;
    this.#random = createRandom(state?.randomState ?? options.seed);
    const place = { id: credentials.devEui, position: options.position, region };
    const toleranceUs = options.windowToleranceUs ?? 500;
    this.#radio = new DeviceRadio(air, {
      ...place,
      windowToleranceUs: toleranceUs,
      continuous: () =>
        options.deviceClass === "C" && this.#session ? rx2Channel(region, this.#session.parameters) : undefined,
      pings: transmission => this.#classB?.hasPingSlot(transmission) ?? false,
      heard: (reception, window) => this.#heard(reception, window),
    });
    if (options.classB !== undefined) {
      const own = { ...place, ...options.classB, toleranceUs, session: () => this.#session };
      this.#classB = new DeviceClassB(air, { ...own, changed: isActive => this.#classBChanged(isActive) });
    }
    const tools = { ...options, clock: air.clock, random: this.#random, radio: this.#radio };
    const joining = { ...tools, emit: (event: DeviceEvent) => this.#emit(event) };
    this.#join = new DeviceJoin(joining, { devNonce: state?.devNonce ?? 0, lastJoinNonce: state?.lastJoinNonce });
    this.#rejoin = new DeviceRejoin({ ...joining, join: this.#join, onDue: () => this.#next() }, state?.rjCount1 ?? 0);
    this.#session = state?.session;
    if (this.#session === undefined && personalization !== undefined) {
      const parameters = defaultParameters(region, options.dataRate ?? region.maxAdrDataRate, options.channels);
      this.#session = this.#started(freshSession(personalization, parameters));
    }
  }

  get joined(): boolean {
    return this.#session !== undefined;
  }

  /** The session as it is now; keys are in it. */
  get session(): DeviceSession | undefined {
    return this.#session;
  }

  /** Sends Join-Requests until one is answered. The old session is over at once. */
  join(): void {
    this.#cancelTimer();
    this.#current = undefined;
    this.#session = undefined;
    this.#rejoin.stop();
    this.#classB?.reset();
    this.#join.start(session => {
      this.#session = this.#started(session);
      this.#next();
    });
  }

  /** Joins unless there is a session. */
  start(): void {
    if (this.#session === undefined) this.join();
  }

  send(uplink: ApplicationUplink): void {
    if (this.#queue.length >= maxQueued) this.#emit({ kind: "uplink-dropped", reason: "queue-full" });
    else this.#queue.push(uplink);
    this.#next();
  }

  /** Sends a Rejoin-Request as soon as it can, once. For a LoRaWAN 1.1 device that has joined; nothing comes of it else. */
  rejoin(rejoinType: RejoinType): void {
    this.#rejoin.demand(rejoinType);
    this.#next();
  }

  /** Adds a MAC command of the device's own to the next uplink. */
  request(command: "LinkCheckReq" | "DeviceTimeReq"): void {
    const session = this.#session;
    if (session === undefined) return;
    const bytes = command === "LinkCheckReq" ? "02" : "0d";
    this.#session = { ...session, answers: [...session.answers, { bytes, sticky: false }] };
  }

  /** Serialisable as JSON; holds the session keys. */
  snapshot(): DeviceState {
    return {
      ...this.#join.counters(),
      ...this.#rejoin.counters(),
      randomState: this.#random.state(),
      ...(this.#session === undefined ? {} : { session: this.#session }),
    };
  }

  stop(): void {
    this.#stopped = true;
    this.#cancelTimer();
    this.#join.stop();
    this.#rejoin.stop();
    this.#classB?.stop();
    this.#radio.stop();
  }

  #classBChanged(isActive: boolean): void {
    this.#emit({ kind: "class-b", isActive });
    // The network learns it from the next uplink, which may be long in coming.
    if (isActive) this.#promptDue = true;
    this.#answerSoon();
  }

  /** A new session with what the device says first. */
  #started(session: DeviceSession): DeviceSession {
    const answers = (this.#classB?.announcements ?? []).map(bytes => ({ bytes, sticky: false }));
    return withDeviceMode({ ...session, answers: [...session.answers, ...answers] }, this.#options.deviceClass);
  }

  #emit(event: DeviceEvent): void {
    this.#options.listener?.(event);
  }

  #after(delayMs: number, action: () => void): void {
    this.#cancelTimer();
    this.#cancelTimer = this.#clock.after(delayMs, action);
  }

  /** Begins the next uplink if the device is free and has one. */
  #next(): void {
    const session = this.#session;
    if (this.#stopped || session === undefined || this.#current !== undefined || this.#rejoin.isOpen) return;
    if (this.#queue.length === 0 && !this.#promptDue && !this.#rejoin.isDue) return;
    const waitMs = (this.#notBeforeUs - this.#clock.monotonicUs()) / 1000;
    if (waitMs > 0) {
      this.#after(waitMs, () => this.#next());
      return;
    }
    if (this.#rejoin.isDue) {
      this.#askAnew(session);
      return;
    }
    this.#promptDue = false;
    this.#begin(session);
  }

  #askAnew(before: DeviceSession): void {
    const request = this.#rejoin.begin(before);
    if (request === undefined) {
      this.#next();
      return;
    }
    const { session, phyPayload } = request;
    const { parameters } = session;
    const { region } = this.#options;
    const isRate = request.dataRate !== undefined && region.uplinkDataRates[request.dataRate] !== undefined;
    const dataRate = isRate ? request.dataRate : parameters.dataRate;
    const { frequencyHz } = channelFor(region, parameters, dataRate, this.#random);
    this.#session = session;
    this.#send(parameters, {
      phyPayload,
      frequencyHz,
      dataRate,
      windows: { ...parameters, rx1DelaySeconds: region.joinAcceptDelaySeconds },
      ended: () => {},
      closed: () => {
        this.#rejoin.closed();
        this.#next();
      },
    });
  }

  #begin(before: DeviceSession): void {
    const { region, adr = true } = this.#options;
    const { parameters, adrAckReq } = adr
      ? adrOfUplink(region, before.parameters, before.adrAckCounter)
      : { parameters: before.parameters, adrAckReq: false };
    const session = { ...before, parameters };
    const content = this.#contentOf(session);
    const bits = { adr, adrAckReq, ack: session.ackOwed, classB: this.#classB?.isActive ?? false };
    const fields = { ...session, ...content, ...bits, fCnt: session.fCntUp };
    const { confirmed, payload, fCnt } = fields;
    const port = fields.fPort === undefined ? {} : { fPort: fields.fPort };
    const seal = (dataRate: number, channel: number) => sealUplink(session, fields, dataRate, channel);
    this.#current = { fCnt, confirmed, payload, seal, attempt: 0, acknowledged: false, ...port };
    // Counted before it is sent, so that a device that is restored never uses a counter twice.
    this.#session = {
      ...session,
      fCntUp: session.fCntUp + 1,
      adrAckCounter: session.adrAckCounter + 1,
      ackOwed: false,
      answers: session.answers.filter(({ sticky }) => sticky),
    };
    this.#transmit(this.#current);
  }

  #contentOf(session: DeviceSession): FrameContent {
    const { queue, ...content } = contentOf(session, this.#queue[0], this.#options.region);
    if (queue !== "kept") this.#queue.shift();
    if (queue === "too-long") this.#emit({ kind: "uplink-dropped", reason: "too-long" });
    return content;
  }

  #transmit(uplink: PreparedUplink): void {
    const session = this.#session;
    if (session === undefined) return;
    const { region } = this.#options;
    const { parameters } = session;
    const { dataRate } = parameters;
    const { number, frequencyHz } = channelFor(region, parameters, dataRate, this.#random);
    const { fCnt, confirmed, payload } = uplink;
    const phyPayload = uplink.seal(dataRate, number);
    const holdMs = this.#classB?.holdMs(this.#radio.receivingMs(), dataRate, phyPayload.length) ?? 0;
    if (holdMs > 0) {
      this.#after(holdMs, () => this.#transmit(uplink));
      return;
    }
    uplink.attempt += 1;
    const port = uplink.fPort === undefined ? {} : { fPort: uplink.fPort };
    const { attempt } = uplink;
    this.#emit({ kind: "uplink-sent", fCnt, attempt, confirmed, payload, phyPayload, dataRate, ...port });
    this.#send(parameters, {
      phyPayload,
      frequencyHz,
      dataRate,
      windows: parameters,
      ended: (heardBy, endUs) => this.#emit({ kind: "uplink-ended", fCnt, heardBy, endUs }),
      closed: () => this.#windowsOver(uplink),
    });
  }

  #send(parameters: RadioParameters, uplink: Omit<RadioUplink, "powerDbm">): void {
    const powerDbm = this.#options.region.txPowerDbm(parameters.txPowerIndex, parameters.maxEirpDbm);
    const durationUs = this.#radio.transmit({ ...uplink, powerDbm });
    // DutyCycleReq: 1 / 2^n of all time, so that silence of 2^n - 1 times the frame follows it.
    this.#notBeforeUs = this.#clock.monotonicUs() + durationUs * 2 ** parameters.maxDutyCycleExponent;
  }

  /** Neither window brought what would end this uplink: send it again, or leave it at that. */
  #windowsOver(uplink: PreparedUplink): void {
    const nbTrans = this.#session?.parameters.nbTrans ?? 1;
    const tries = uplink.confirmed ? Math.max(nbTrans, this.#options.confirmedTries ?? 8) : nbTrans;
    if (uplink.attempt >= tries) {
      this.#done(uplink);
      return;
    }
    // ACK_TIMEOUT is 1 to 3 s (TS001-1.0.4 7); the same spread keeps repetitions of different devices apart.
    const dutyMs = Math.max(0, (this.#notBeforeUs - this.#clock.monotonicUs()) / 1000);
    this.#after(dutyMs + this.#random.between(1000, 3000), () => this.#transmit(uplink));
  }

  #done(uplink: PreparedUplink): void {
    this.#cancelTimer();
    this.#radio.endWindows();
    this.#current = undefined;
    const confirmedOutcome = uplink.acknowledged ? "acknowledged" : "not-acknowledged";
    const outcome = uplink.confirmed ? confirmedOutcome : "unconfirmed";
    this.#emit({ kind: "uplink-done", fCnt: uplink.fCnt, outcome });
    if (this.#session !== undefined) this.#rejoin.afterUplink(this.#session);
    if (this.#queue.length > 0 || this.#rejoin.isDue) this.#next();
    else this.#answerSoon();
  }

  #heard(reception: AirReception, window: WindowName): void {
    const session = this.#session;
    if (session === undefined) {
      this.#join.heard(reception, window);
      return;
    }
    const { region, battery = 255, adr = true, followsAdr = true, deviceClass } = this.#options;
    const rejoined = this.#rejoin.heard(reception.transmission.phyPayload, window, session);
    if (rejoined !== undefined) {
      this.#session = this.#started(rejoined);
      this.#radio.endWindows();
      this.#next();
      return;
    }
    const ackExpected = this.#current?.confirmed ?? false;
    const outcome = receiveDownlink(reception, window, session, {
      region,
      battery,
      adr,
      followsAdr,
      ackExpected,
      acknowledgeable: this.#current?.fCnt ?? session.fCntUp - 1,
      alwaysListens: deviceClass === "C" || (this.#classB?.isActive ?? false),
    });
    this.#session = outcome.session;
    for (const event of outcome.events) {
      this.#emit(event);
      if (event.kind === "ping-slot-info") this.#classB?.agreed();
    }
    if (!outcome.accepted) return;
    if (outcome.forcedRejoin) this.#rejoin.obey(outcome.forcedRejoin);
    if (outcome.answerSoon && (this.#options.promptAnswers ?? true)) this.#promptDue = true;
    const current = this.#current;
    if (current !== undefined && outcome.acknowledged) current.acknowledged = true;
    if (current === undefined || ((window === "RXC" || window === "PING") && !outcome.acknowledged)) {
      this.#answerSoon();
      return;
    }
    // A confirmed uplink goes on until its ACK comes; a downlink ends the repetitions of any other.
    if (!current.confirmed || current.acknowledged) {
      this.#done(current);
      return;
    }
    this.#radio.endWindows();
    this.#windowsOver(current);
  }

  #answerSoon(): void {
    if (this.#current === undefined && (this.#promptDue || this.#rejoin.isDue)) {
      this.#after(this.#random.between(500, 1500), () => this.#next());
    }
  }
}
