import { setTimeout as pause } from "node:timers/promises";
import type { UdpAddress } from "../datagram.ts";
import type { Percentiles } from "../percentiles.ts";
import * as calls from "./calls.ts";
import type { Population } from "./population.ts";
import { type CalledProcess, startProcess } from "./process-calls.ts";
import { readServerMetrics } from "./server-metrics.ts";
import { answersOf, judge, type Verdict } from "./truth.ts";

export interface LoadOptions {
  /** Where the server takes Semtech UDP. */
  readonly server: UdpAddress;
  /** For example http://127.0.0.1:8080. */
  readonly httpUrl: string;
  readonly mqtt: { readonly url: string; readonly username?: string; readonly password?: string };
  /** What the subscriber subscribes to. */
  readonly filter: string;
  readonly population: Population;
  readonly gateways: number;
  /** Gateways that hear each uplink. */
  readonly copies: number;
  readonly payloadBytes: number;
  readonly confirmed: boolean;
}

export interface LoadReport extends Verdict {
  /** What was asked for. */
  readonly ratePerSecond: number;
  /** Delivered, from the first frame to the last event. */
  readonly uplinksPerSecond: number;
  /** Datagrams that left, a second. */
  readonly framesPerSecond: number;
  readonly datagrams: number;
  /** PUSH_ACKs. */
  readonly acknowledged: number;
  readonly downlinks: number;
  readonly lateDownlinks: number;
  /** Uplinks that a downlink answered. */
  readonly answered: number;
  /** From the last copy's way out to the PULL_RESP at the gateway. */
  readonly answerLatencyMs: Percentiles;
  /** Of the server's process, everything that it does included. */
  readonly cpuUsPerUplink: number;
  /** Of the server's process at the end of the run. */
  readonly residentBytes: number;
  /** How far the generator fell behind its own schedule. */
  readonly generatorLagMs: number;
}

export interface Load {
  run(ratePerSecond: number, seconds: number): Promise<LoadReport>;
  close(): Promise<void>;
}

/** Without a message for so long, what is missing is lost. */
const silenceMs = 3_000;

const programOf = (name: string): URL =>
  new URL(`./${name}-process${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url);

export const startGenerator = (): CalledProcess => startProcess(programOf("generator"));
export const startFloor = (): CalledProcess => startProcess(programOf("floor"));

/** A generator and a subscriber, each in a process of its own, for a server that knows the population. */
export async function openLoad(options: LoadOptions): Promise<Load> {
  const { server, population, gateways, copies, payloadBytes, confirmed, mqtt, filter } = options;
  const generator = startGenerator();
  const subscriber = startProcess(programOf("subscriber"));
  const close = async (): Promise<void> => {
    await Promise.all([generator.stop(), subscriber.stop()]);
  };
  try {
    await subscriber.call(calls.openSubscriber, { ...mqtt, filter, population });
    await generator.call(calls.openGenerator, { server, population, gateways, copies, payloadBytes, confirmed });
  } catch (error) {
    await close();
    throw error;
  }
  let lastRun = 0;
  return {
    async run(ratePerSecond, seconds) {
      lastRun = (lastRun + 1) & 0xffff;
      const uplinks = Math.max(1, Math.round(ratePerSecond * seconds));
      const { firstDevice } = await generator.call(calls.prepareRun, { run: lastRun, uplinks, ratePerSecond });
      await subscriber.call(calls.expectRun, { run: lastRun, uplinks, firstDevice });
      const before = await readServerMetrics(options.httpUrl);
      await generator.call(calls.sendRun, {});
      await subscriber.call(calls.awaitRun, { silenceMs });
      const after = await readServerMetrics(options.httpUrl);
      if (confirmed) await pause(silenceMs);
      const sent = await generator.call(calls.reportRun, {});
      const arrived = await subscriber.call(calls.reportArrivals, {});
      const cpuUs = (after.cpuSeconds - before.cpuSeconds) * 1e6;
      return reportOf(ratePerSecond, sent, arrived, { cpuUs, residentBytes: after.residentBytes });
    },
    close,
  };
}

function reportOf(
  ratePerSecond: number,
  sent: calls.GeneratorReport,
  arrived: Parameters<typeof judge>[1],
  server: { readonly cpuUs: number; readonly residentBytes: number },
): LoadReport {
  const verdict = judge(sent, arrived);
  const lastArrivalUs = arrived.arrivedAtUs.reduce((latest, atUs) => Math.max(latest, atUs), 0);
  const elapsedSeconds = Math.max(sent.elapsedSeconds, (lastArrivalUs - (sent.sentAtUs[0] ?? 0)) / 1e6);
  const answers = answersOf(sent.sentAtUs, sent.answeredAtUs);
  const { datagrams, acknowledged, downlinks, lateDownlinks } = sent;
  return {
    ...verdict,
    ratePerSecond,
    uplinksPerSecond: verdict.delivered / elapsedSeconds,
    framesPerSecond: datagrams / sent.elapsedSeconds,
    datagrams,
    acknowledged,
    downlinks,
    lateDownlinks,
    answered: answers.count,
    answerLatencyMs: answers,
    cpuUsPerUplink: server.cpuUs / Math.max(1, verdict.delivered),
    residentBytes: server.residentBytes,
    generatorLagMs: sent.worstLagMs,
  };
}
