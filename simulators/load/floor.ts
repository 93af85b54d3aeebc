import { setTimeout as pause } from "node:timers/promises";
import * as calls from "./calls.ts";
import { startFloor, startGenerator } from "./load.ts";
import type { CalledProcess } from "./process-calls.ts";

/** What a process holds that does nothing but receive, parse JSON and base64, and acknowledge. */
export interface FloorReport {
  readonly ratePerSecond: number;
  readonly framesPerSecond: number;
  readonly lost: number;
  readonly cpuUsPerFrame: number;
  readonly residentBytes: number;
  readonly generatorLagMs: number;
}

export interface Floor {
  run(ratePerSecond: number, seconds: number): Promise<FloorReport>;
  close(): Promise<void>;
}

export type FloorOptions = Pick<calls.GeneratorOptions, "gateways" | "payloadBytes">;

const floorPopulation = { seed: 1, devices: 1000, devicesPerAddress: 1 };

const drainingMs = 300;
const longestLagMs = 250;

export async function openFloor(options: FloorOptions): Promise<Floor> {
  const receiver = startFloor();
  const generator = startGenerator();
  const close = async (): Promise<void> => {
    await Promise.all([receiver.stop(), generator.stop()]);
  };
  try {
    const { port } = await receiver.call(calls.openFloor, {});
    const servers = [{ host: "127.0.0.1", port }];
    await generator.call(calls.openGenerator, {
      ...options,
      population: floorPopulation,
      servers,
      copies: 1,
      confirmed: false,
    });
  } catch (error) {
    await close();
    throw error;
  }
  return { run: (ratePerSecond, seconds) => measure(receiver, generator, ratePerSecond, seconds), close };
}

async function measure(
  receiver: CalledProcess,
  generator: CalledProcess,
  ratePerSecond: number,
  seconds: number,
): Promise<FloorReport> {
  const uplinks = Math.max(1, Math.round(ratePerSecond * seconds));
  const devices = Float64Array.from({ length: uplinks }, (_, number) => number % floorPopulation.devices);
  await generator.call(calls.prepareRun, { run: 0, kind: "uplink", devices, ratePerSecond });
  const before = await receiver.call(calls.readFloor, {});
  await generator.call(calls.sendRun, {});
  await pause(drainingMs);
  const after = await receiver.call(calls.readFloor, {});
  const sent = await generator.call(calls.reportRun, {});
  const frames = after.frames - before.frames;
  return {
    ratePerSecond,
    framesPerSecond: frames / sent.elapsedSeconds,
    lost: sent.datagrams - frames,
    cpuUsPerFrame: (after.cpuUs - before.cpuUs) / Math.max(1, frames),
    residentBytes: after.residentBytes,
    generatorLagMs: sent.worstLagMs,
  };
}

export const isFloorSustained = ({ lost, generatorLagMs }: FloorReport): boolean =>
  lost === 0 && generatorLagMs <= longestLagMs;
