import type { Region } from "../../lorawan/region/region.ts";
import { systemClock } from "../../platform/clock.ts";
import { type DatagramPort, openUdpPort } from "../../simulators/datagram.ts";
import { createFleet, type Fleet, type FleetDevice, type FleetGateway } from "../../simulators/fleet.ts";
import { createRandom, seedOf } from "../../simulators/random.ts";
import type { Recorder } from "./recorder.ts";

/** Radio traffic of many places at once: what is sent in one cell disturbs nothing in another. */
export interface Cells {
  readonly devices: readonly FleetDevice[];
  readonly gateways: readonly FleetGateway[];
  start(): void;
  stop(): void;
  joined(): number;
}

export interface CellsOptions {
  readonly seed: number;
  readonly region: Region;
  /** Of each server; the gateways of a cell send to different ones. */
  readonly udpPorts: readonly number[];
  readonly uplinksPerSecond: number;
  /** Devices of every fourth cell join within this time, one after another; the others at once. */
  readonly lateJoinSeconds: number;
  readonly recorder: Recorder;
}

const intervalSeconds = 3;
/** Few enough that their frames seldom meet on three channels. */
const devicesPerCell = 6;
const gatewaysPerCell = 2;

export function createCells(options: CellsOptions): Cells {
  const { seed, region, recorder, udpPorts, uplinksPerSecond, lateJoinSeconds } = options;
  const count = Math.max(1, Math.round((uplinksPerSecond * intervalSeconds) / devicesPerCell));
  const servers = new Map<string, number>();
  const connect = (gatewayId: string): DatagramPort => {
    const server = servers.size % udpPorts.length;
    servers.set(gatewayId, server);
    const port = openUdpPort({ host: "127.0.0.1", port: udpPorts[server] ?? 0 });
    return repeating(port, seedOf(seed, gatewayId));
  };
  const fleets: readonly Fleet[] = Array.from({ length: count }, (_, number) => {
    const cellSeed = seedOf(seed, `cell ${number}`);
    return createFleet({
      seed: cellSeed,
      devices: devicesPerCell,
      gateways: gatewaysPerCell,
      clock: systemClock,
      region,
      macVersion: "1.0.4",
      connect,
      intervalSeconds,
      startWithinSeconds: number % 4 === 3 ? lateJoinSeconds : 5,
      confirmedShare: 0.5,
      // Near enough that no device is out of reach at its first data rate.
      radiusM: 200,
      listener: recorder.device,
      gatewayListener: (gatewayId, event) => recorder.gateway(gatewayId, servers.get(gatewayId) ?? 0, event),
    });
  });
  return {
    devices: fleets.flatMap(({ devices }) => devices),
    gateways: fleets.flatMap(({ gateways }) => gateways),
    start() {
      for (const fleet of fleets) fleet.start();
    },
    stop() {
      for (const fleet of fleets) fleet.stop();
    },
    joined: () => fleets.reduce((sum, fleet) => sum + fleet.statistics().joined, 0),
  };
}

const repeatedShare = 0.02;
const longestRepeatMs = 15_000;

/**
 * Some datagrams come a second time, much later, as from a network that stalled or from an attacker: frames that a server
 * must know again though it was killed in between, Join-Requests among them.
 */
function repeating(port: DatagramPort, seed: number): DatagramPort {
  const random = createRandom(seed);
  const timers = new Set<() => void>();
  return {
    ...port,
    send(bytes) {
      port.send(bytes);
      if (!random.chance(repeatedShare)) return;
      const cancel = systemClock.after(random.between(20, longestRepeatMs), () => {
        timers.delete(cancel);
        port.send(underAnotherToken(bytes));
      });
      timers.add(cancel);
    },
    close() {
      for (const cancel of timers) cancel();
      port.close();
    },
  };
}

/** So that an acknowledgement of the second copy is not taken for one of the first. A gateway counts its tokens up from 0. */
function underAnotherToken(bytes: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[1] = (copy[1] ?? 0) ^ 0x80;
  return copy;
}
