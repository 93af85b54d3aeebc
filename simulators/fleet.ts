import { createHash } from "node:crypto";
import Type, { type Static } from "typebox";
import Value from "typebox/value";
import type { Region } from "../lorawan/region/region.ts";
import type { MacVersion } from "../lorawan/version.ts";
import type { Clock } from "../platform/clock.ts";
import { type AirStatistics, createAir } from "./air.ts";
import type { DatagramPort } from "./datagram.ts";
import { Device } from "./device.ts";
import type { DeviceEvent } from "./device-events.ts";
import { deviceStateSchema } from "./device-state.ts";
import type { JoinCredentials, SessionKeys } from "./frames.ts";
import {
  createUdpGateway,
  type GatewayEvent,
  type TxError,
  type UdpGateway,
  type UdpGatewayStatistics,
} from "./gateway-udp.ts";
import { type Percentiles, percentilesOf } from "./percentiles.ts";
import type { Position } from "./propagation.ts";
import { createRandom, type Random, seedOf } from "./random.ts";
import { type Sensor, sensors } from "./sensors.ts";

export interface FleetOptions {
  readonly clock: Clock;
  readonly seed: number;
  readonly devices: number;
  readonly gateways: number;
  readonly region: Region;
  readonly macVersion: MacVersion;
  /** Devices are activated by personalization, and never join; false by default. */
  readonly abp?: boolean;
  /** A path to the server for each gateway. */
  connect(gatewayId: string): DatagramPort;
  /** Between uplinks of one device; each sensor's own by default. */
  readonly intervalSeconds?: number;
  /** The devices start one after another within this time; 10 s by default. */
  readonly startWithinSeconds?: number;
  /** Gateways and devices are this far from the middle at most; 1500 m by default. */
  readonly radiusM?: number;
  /** Share of confirmed uplinks, 0 to 1; 0.1 by default. */
  readonly confirmedShare?: number;
  /** Of a fixed plan: what devices join on and gateways listen to; everything by default. */
  readonly subBand?: number;
  /** First DevNonce of devices without a state, for servers that know these devices already; 0 by default. */
  readonly firstDevNonce?: number;
  /** Further options of all gateways. */
  readonly batchMs?: number;
  readonly driftPpm?: number;
  readonly state?: FleetState;
  readonly listener?: (device: FleetDevice, event: DeviceEvent) => void;
  readonly gatewayListener?: (gatewayId: string, event: GatewayEvent) => void;
}

export const fleetStateSchema = Type.Record(Type.String(), deviceStateSchema);
/** Device states by DevEUI; a secret. */
export type FleetState = Static<typeof fleetStateSchema>;

/** Throws typebox's ParseError for anything else. */
export const parseFleetState = (value: unknown): FleetState => Value.Parse(fleetStateSchema, value);

export interface FleetDevice {
  readonly name: string;
  readonly credentials: JoinCredentials;
  /** Present when the device is activated by personalization. */
  readonly personalization?: Personalization;
  readonly sensor: Sensor;
}

export type Personalization = SessionKeys & { readonly devAddr: string };

export interface FleetGateway {
  readonly name: string;
  readonly gatewayId: string;
}

export interface FleetStatistics {
  readonly joined: number;
  readonly joins: number;
  readonly joinFailures: number;
  /** Distinct counters; `transmissions` counts repetitions too. */
  readonly uplinks: number;
  readonly transmissions: number;
  /** Distinct uplinks that at least one gateway heard. */
  readonly uplinksHeard: number;
  readonly downlinks: number;
  readonly acknowledged: number;
  readonly notAcknowledged: number;
  readonly dropped: number;
  readonly air: AirStatistics;
  readonly pushData: number;
  readonly pushAcks: number;
  readonly pushAckLatencyMs: Percentiles;
  readonly txAcks: Readonly<Partial<Record<TxError, number>>>;
  readonly violationCount: number;
  /** The first hundred, as text. */
  readonly violations: readonly string[];
}

export interface Fleet {
  readonly devices: readonly FleetDevice[];
  readonly gateways: readonly FleetGateway[];
  start(): void;
  /** Everything is silent at once, and the ports are closed. */
  stop(): void;
  statistics(): FleetStatistics;
  snapshot(): FleetState;
}

const maxViolations = 100;
const maxLatencies = 10_000;

/** Identifiers and keys come from the seed, so that a fleet is the same each time it is made. */
const derived = (seed: number, kind: string, number: number, bytes: number): string =>
  createHash("sha256")
    .update(`upchirp simulator ${seed} ${kind} ${number}`)
    .digest("hex")
    .slice(0, 2 * bytes);

type FleetSize = Pick<FleetOptions, "seed" | "devices" | "gateways">;

export function describeFleet(options: FleetSize & Partial<Pick<FleetOptions, "macVersion" | "abp">>): {
  readonly devices: readonly FleetDevice[];
  readonly gateways: readonly FleetGateway[];
} {
  const { seed, abp = false } = options;
  const version11 = options.macVersion === "1.1.0";
  // A device that a server knows under another version or way of activation would not be let in.
  const devEuis = `DevEUI${version11 ? " 1.1" : ""}${abp ? " ABP" : ""}`;
  const joinEui = derived(seed, "JoinEUI", 0, 8);
  const devices = Array.from({ length: options.devices }, (_, number): FleetDevice => {
    const sensor = sensors[number % sensors.length];
    if (sensor === undefined) throw new RangeError("there are no sensors");
    const devEui = derived(seed, devEuis, number, 8);
    const appKey = derived(seed, "AppKey", number, 16);
    const nwkKey = derived(seed, "NwkKey", number, 16);
    return {
      name: `${sensor.name} ${number + 1}`,
      credentials: { devEui, joinEui, appKey, ...(version11 && { nwkKey }) },
      ...(abp && { personalization: personalizationOf(seed, number, version11) }),
      sensor,
    };
  });
  const gateways = Array.from({ length: options.gateways }, (_, number) => ({
    name: `Simulated gateway ${number + 1}`,
    gatewayId: derived(seed, "gateway", number, 8),
  }));
  return { devices, gateways };
}

/** An address of NetID 000000, and keys. */
function personalizationOf(seed: number, number: number, version11: boolean): Personalization {
  const key = (name: string): string => derived(seed, name, number, 16);
  const address = Number.parseInt(derived(seed, "DevAddr", number, 4), 16) & 0x01ff_ffff;
  return {
    devAddr: address.toString(16).padStart(8, "0"),
    nwkSKey: key("NwkSKey"),
    appSKey: key("AppSKey"),
    ...(version11 && { version11: { sNwkSIntKey: key("SNwkSIntKey"), nwkSEncKey: key("NwkSEncKey") } }),
  };
}

/** N devices and M gateways on one air, with a schedule that depends on the seed alone. */
export const createFleet = (options: FleetOptions): Fleet => new SimulatedFleet(options);

interface Member {
  readonly description: FleetDevice;
  readonly device: Device;
  readonly random: Random;
  lastHeardFCnt: number | undefined;
  cancel: () => void;
}

class SimulatedFleet implements Fleet {
  readonly devices: readonly FleetDevice[];
  readonly gateways: readonly FleetGateway[];
  readonly #options: FleetOptions;
  readonly #air;
  readonly #members: readonly Member[];
  readonly #udpGateways: readonly UdpGateway[];
  readonly #latenciesUs: number[] = [];
  readonly #violations: string[] = [];
  readonly #counts = {
    joins: 0,
    joinFailures: 0,
    uplinks: 0,
    transmissions: 0,
    uplinksHeard: 0,
    downlinks: 0,
    acknowledged: 0,
    notAcknowledged: 0,
    dropped: 0,
    violationCount: 0,
  };

  constructor(options: FleetOptions) {
    this.#options = options;
    const { devices, gateways } = describeFleet(options);
    this.devices = devices;
    this.gateways = gateways;
    this.#air = createAir(options.clock, { seed: options.seed });
    this.#members = devices.map(description => this.#member(description));
    this.#udpGateways = gateways.map(({ gatewayId }, number) => this.#gateway(gatewayId, number));
  }

  start(): void {
    for (const gateway of this.#udpGateways) gateway.start();
    const withinMs = (this.#options.startWithinSeconds ?? 10) * 1000;
    this.#members.forEach((member, number) => {
      // The first one waits until the gateways have said where downlinks go.
      const delayMs = 500 + (withinMs * number) / this.#members.length;
      member.cancel = this.#options.clock.after(delayMs, () => {
        member.device.start();
        this.#measure(member);
      });
    });
  }

  stop(): void {
    for (const member of this.#members) {
      member.cancel();
      member.device.stop();
    }
    for (const gateway of this.#udpGateways) gateway.stop();
    this.#air.close();
  }

  statistics(): FleetStatistics {
    const gateways = this.#udpGateways.map(gateway => gateway.statistics());
    const sum = (count: (one: UdpGatewayStatistics) => number) => gateways.reduce((all, one) => all + count(one), 0);
    return {
      ...this.#counts,
      joined: this.#members.filter(({ device }) => device.joined).length,
      air: this.#air.statistics(),
      pushData: sum(({ pushData }) => pushData),
      pushAcks: sum(({ pushAcks }) => pushAcks),
      pushAckLatencyMs: percentilesOf(this.#latenciesUs.map(us => us / 1000)),
      txAcks: addedErrors(gateways),
      violations: this.#violations,
    };
  }

  snapshot(): FleetState {
    return Object.fromEntries(this.#members.map(({ device }) => [device.devEui, device.snapshot()]));
  }

  #place(name: string, heightM: number): Position {
    const random = createRandom(seedOf(this.#options.seed, `position of ${name}`));
    const radiusM = (this.#options.radiusM ?? 1500) * Math.sqrt(random.next());
    const angle = 2 * Math.PI * random.next();
    return { eastM: radiusM * Math.cos(angle), northM: radiusM * Math.sin(angle), heightM };
  }

  #member(description: FleetDevice): Member {
    const { seed, region, macVersion, subBand, state, firstDevNonce = 0 } = this.#options;
    const { devEui } = description.credentials;
    const deviceSeed = seedOf(seed, `${devEui} ${firstDevNonce}`);
    const device = new Device({
      air: this.#air,
      credentials: description.credentials,
      ...(description.personalization && { personalization: description.personalization }),
      region,
      macVersion,
      position: this.#place(devEui, 2),
      seed: deviceSeed,
      listener: event => this.#note(member, event),
      state: state?.[devEui] ?? { devNonce: firstDevNonce, randomState: deviceSeed },
      ...(subBand === undefined ? {} : { channels: region.subBandChannels(subBand) }),
    });
    const random = createRandom(seedOf(seed, `measurements of ${devEui}`));
    const member: Member = { description, device, random, lastHeardFCnt: undefined, cancel: () => {} };
    return member;
  }

  #gateway(gatewayId: string, number: number): UdpGateway {
    const { seed, region, batchMs, driftPpm, subBand } = this.#options;
    const random = createRandom(seedOf(seed, gatewayId));
    const position = this.#place(gatewayId, 20);
    const channels = subBand === undefined ? undefined : [...region.subBandChannels(subBand)];
    return createUdpGateway({
      air: this.#air,
      gatewayId,
      // The first stands in the middle, so that a fleet with one gateway is covered as well as it can be.
      position: number === 0 ? { eastM: 0, northM: 0, heightM: 20 } : position,
      port: this.#options.connect(gatewayId),
      startCounterUs: random.between(0, 0xffff_ffff),
      listener: event => {
        this.#options.gatewayListener?.(gatewayId, event);
        if (event.kind !== "push-ack") return;
        if (this.#latenciesUs.length === maxLatencies) this.#latenciesUs.shift();
        this.#latenciesUs.push(event.latencyUs);
      },
      ...(batchMs === undefined ? {} : { batchMs }),
      ...(driftPpm === undefined ? {} : { driftPpm: driftPpm * (2 * random.next() - 1) }),
      ...(channels === undefined
        ? {}
        : {
            listensTo: new Set(channels.flatMap(channel => region.defaultChannels[channel]?.uplinkFrequencyHz ?? [])),
          }),
    });
  }

  /** Measures now if the device has joined, and again after its interval, which wavers by a tenth. */
  #measure(member: Member): void {
    const { clock, intervalSeconds, confirmedShare = 0.1 } = this.#options;
    const { description, device, random } = member;
    const { sensor } = description;
    if (device.joined) {
      const payload = sensor.makePayload(random, Math.floor(clock.nowMs() / 1000));
      device.send({ fPort: sensor.fPort, payload, confirmed: random.chance(confirmedShare) });
    }
    const intervalMs = (intervalSeconds ?? sensor.intervalSeconds) * 1000 * (0.9 + 0.2 * random.next());
    member.cancel = clock.after(intervalMs, () => this.#measure(member));
  }

  #note(member: Member, event: DeviceEvent): void {
    const counts = this.#counts;
    switch (event.kind) {
      case "joined":
        counts.joins += 1;
        member.lastHeardFCnt = undefined;
        // The first measurement need not wait for the next interval.
        member.cancel();
        member.cancel = this.#options.clock.after(1000, () => this.#measure(member));
        break;
      case "join-failed":
        counts.joinFailures += 1;
        break;
      case "uplink-sent":
        counts.transmissions += 1;
        if (event.attempt === 1) counts.uplinks += 1;
        break;
      case "uplink-ended":
        if (event.heardBy.length > 0 && member.lastHeardFCnt !== event.fCnt) {
          counts.uplinksHeard += 1;
          member.lastHeardFCnt = event.fCnt;
        }
        break;
      case "uplink-done":
        if (event.outcome === "acknowledged") counts.acknowledged += 1;
        if (event.outcome === "not-acknowledged") counts.notAcknowledged += 1;
        break;
      case "uplink-dropped":
        counts.dropped += 1;
        break;
      case "downlink":
        counts.downlinks += 1;
        break;
      case "violation":
        counts.violationCount += 1;
        if (this.#violations.length < maxViolations) {
          this.#violations.push(`${member.device.devEui}: ${event.violation}: ${event.detail}`);
        }
        break;
      default:
        break;
    }
    this.#options.listener?.(member.description, event);
  }
}

function addedErrors(gateways: readonly UdpGatewayStatistics[]): FleetStatistics["txAcks"] {
  const names: readonly TxError[] = [
    "NONE",
    "TOO_LATE",
    "TOO_EARLY",
    "COLLISION_PACKET",
    "TX_FREQ",
    "TX_POWER",
    "GPS_UNLOCKED",
  ];
  const entries = names.map(
    name => [name, gateways.reduce((all, { errors }) => all + (errors[name] ?? 0), 0)] as const,
  );
  return Object.fromEntries(entries.filter(([, count]) => count > 0));
}
