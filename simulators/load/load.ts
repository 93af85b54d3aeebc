import { setTimeout as pause } from "node:timers/promises";
import type { UdpAddress } from "../datagram.ts";
import { type Percentiles, percentilesOf } from "../percentiles.ts";
import * as calls from "./calls.ts";
import type { Population } from "./population.ts";
import { type CalledProcess, startProcess } from "./process-calls.ts";
import { readServerMetrics, type ServerMetrics } from "./server-metrics.ts";
import { answersOf, judge, type Verdict } from "./truth.ts";

export interface LoadOptions {
  /** Where the server takes Semtech UDP; gateways are spread over several. */
  readonly servers: readonly UdpAddress[];
  /** Of each of the server's processes, for example http://127.0.0.1:8080. */
  readonly httpUrls: readonly string[];
  readonly mqtt: { readonly url: string; readonly username?: string; readonly password?: string };
  /** Of the application that the devices are in; `+` for any. */
  readonly applicationId: string;
  readonly population: Population;
  /** How many of the devices send, spread over all of them. */
  readonly senders: number;
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
  /** Came to the gateway when their time on the air had passed. */
  readonly lateDownlinks: number;
  /** Confirmed uplinks without a downlink. */
  readonly unanswered: number;
  /** From the last copy's way out to the PULL_RESP at the gateway. */
  readonly answerLatencyMs: Percentiles;
  /** Of the server's processes, everything that they do included. */
  readonly cpuUsPerUplink: number;
  /** Of the server's processes at the end of the run. */
  readonly residentBytes: number;
  /** The same at ten or so moments of the run: flat, or a leak. */
  readonly residentBytesMeanwhile: readonly number[];
  /** How far the generator fell behind its own schedule. */
  readonly generatorLagMs: number;
  /** What generator and subscriber take from the machine that they share with the server. */
  readonly loadCpuUsPerUplink: number;
}

export interface JoinReport {
  readonly devices: number;
  /** With a `join` event at the subscriber. */
  readonly joined: number;
  /** How often those were asked again that had no Join-Accept: once is none. */
  readonly rounds: number;
  readonly requests: number;
  readonly accepts: number;
  readonly lateDownlinks: number;
  readonly duplicated: number;
  /** From the first request to the last event. */
  readonly drainSeconds: number;
  /** From the request of the round that succeeded to the event. */
  readonly latencyMs: Percentiles;
  /** From a request to a Join-Accept at the same gateway. */
  readonly answerLatencyMs: Percentiles;
}

export interface Load {
  run(ratePerSecond: number, seconds: number): Promise<LoadReport>;
  /** Lets every sender join, and ask again when it has no answer. */
  join(ratePerSecond: number): Promise<JoinReport>;
  close(): Promise<void>;
}

/** Without a message for so long, what is missing is lost. */
const silenceMs = 3_000;
/** After the last event, until the last downlink. */
const answeringMs = 1_000;
const maxRounds = 5;

const programOf = (name: string): URL =>
  new URL(`./${name}-process${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url);

export const startGenerator = (): CalledProcess => startProcess(programOf("generator"));
export const startFloor = (): CalledProcess => startProcess(programOf("floor"));

/** A generator and a subscriber, each in a process of its own, for a server that knows the population. */
export async function openLoad(options: LoadOptions): Promise<Load> {
  const { servers, population, senders, gateways, copies, payloadBytes, confirmed, mqtt, applicationId } = options;
  const generator = startGenerator();
  const subscriber = startProcess(programOf("subscriber"));
  const close = async (): Promise<void> => {
    await Promise.all([generator.stop(), subscriber.stop()]);
  };
  const filters = ["up", "join"].map(kind => `application/${applicationId}/device/+/event/${kind}`);
  try {
    await subscriber.call(calls.openSubscriber, { ...mqtt, filters, population });
    const addresses = servers.map(({ host, port }) => ({ host, port }));
    await generator.call(calls.openGenerator, {
      ...{ servers: addresses, population, gateways, copies, payloadBytes, confirmed },
    });
  } catch (error) {
    await close();
    throw error;
  }
  const processes = { generator, subscriber };
  const stride = Math.floor(population.devices / senders);
  const sender = (number: number): number => (number % senders) * stride;
  let lastRun = 0;
  let nextSender = 0;
  const nextRun = (): number => {
    lastRun = (lastRun + 1) & 0xffff;
    return lastRun;
  };
  return {
    async run(ratePerSecond, seconds) {
      const count = Math.max(1, Math.round(ratePerSecond * seconds));
      const first = nextSender;
      nextSender = (first + count) % senders;
      const devices = Float64Array.from({ length: count }, (_, number) => sender(first + number));
      const before = await readServerMetrics(options.httpUrls);
      const memory = watchMemory(options.httpUrls, (seconds * 1000) / memorySamples);
      const plan = { run: nextRun(), kind: "uplink" as const, devices, ratePerSecond };
      const outcome = await sendAll(processes, plan).finally(memory.stop);
      const after = await readServerMetrics(options.httpUrls);
      return reportOf(outcome, { ratePerSecond, confirmed, before, after, residentBytesMeanwhile: memory.samples });
    },
    join: ratePerSecond =>
      joinAll(processes, {
        ratePerSecond,
        nextRun,
        devices: Float64Array.from({ length: senders }, (_, n) => sender(n)),
      }),
    close,
  };
}

interface Processes {
  readonly generator: CalledProcess;
  readonly subscriber: CalledProcess;
}

interface Outcome {
  readonly sent: calls.GeneratorReport;
  readonly arrived: calls.Arrivals;
}

async function sendAll({ generator, subscriber }: Processes, plan: calls.RunPlan): Promise<Outcome> {
  const { run, kind, devices } = plan;
  await generator.call(calls.prepareRun, plan);
  await subscriber.call(calls.expectRun, { run, kind, devices });
  await generator.call(calls.sendRun, {});
  await subscriber.call(calls.awaitRun, { silenceMs });
  await pause(answeringMs);
  const sent = await generator.call(calls.reportRun, {});
  return { sent, arrived: await subscriber.call(calls.reportArrivals, {}) };
}

interface Circumstances {
  readonly ratePerSecond: number;
  readonly confirmed: boolean;
  readonly before: ServerMetrics;
  readonly after: ServerMetrics;
  readonly residentBytesMeanwhile: readonly number[];
}

const memorySamples = 10;
/** More often it would be work for the server. */
const leastMemoryIntervalMs = 1_000;

function watchMemory(httpUrls: readonly string[], intervalMs: number) {
  const samples: number[] = [];
  const look = async (): Promise<void> => {
    // A server that is too busy for this once tells it the next time, or at the end.
    const metrics = await readServerMetrics(httpUrls).catch(() => undefined);
    if (metrics) samples.push(metrics.residentBytes);
  };
  const timer = setInterval(() => void look(), Math.max(leastMemoryIntervalMs, intervalMs));
  return { samples, stop: () => clearInterval(timer) };
}

const latestOf = (timesUs: Float64Array): number => timesUs.reduce((latest, atUs) => Math.max(latest, atUs), 0);

function reportOf({ sent, arrived }: Outcome, circumstances: Circumstances): LoadReport {
  const { ratePerSecond, confirmed, before, after, residentBytesMeanwhile } = circumstances;
  const verdict = judge(sent, arrived);
  const untilLastUs = latestOf(arrived.arrivedAtUs) - (sent.sentAtUs[0] ?? 0);
  const elapsedSeconds = Math.max(sent.elapsedSeconds, untilLastUs / 1e6);
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
    unanswered: confirmed ? verdict.sent - answers.count : 0,
    answerLatencyMs: answers,
    cpuUsPerUplink: ((after.cpuSeconds - before.cpuSeconds) * 1e6) / Math.max(1, verdict.delivered),
    residentBytes: after.residentBytes,
    residentBytesMeanwhile,
    generatorLagMs: sent.worstLagMs,
    loadCpuUsPerUplink: (sent.cpuUs + arrived.cpuUs) / verdict.sent,
  };
}

interface Storm {
  readonly devices: Float64Array;
  readonly ratePerSecond: number;
  readonly nextRun: () => number;
}

/** As devices do it: whoever has no Join-Accept asks again, under the next DevNonce. */
async function joinAll(processes: Processes, { devices, ratePerSecond, nextRun }: Storm): Promise<JoinReport> {
  const latenciesMs: number[] = [];
  const answersMs: number[] = [];
  const counts = { joined: 0, rounds: 0, requests: 0, accepts: 0, lateDownlinks: 0, duplicated: 0 };
  let left = devices;
  let firstUs = Number.POSITIVE_INFINITY;
  let lastUs = 0;
  while (left.length > 0 && counts.rounds < maxRounds) {
    const plan = { run: nextRun(), kind: "join" as const, devices: left, ratePerSecond };
    const { sent, arrived } = await sendAll(processes, plan);
    counts.rounds += 1;
    counts.requests += left.length;
    counts.accepts += sent.downlinks;
    counts.lateDownlinks += sent.lateDownlinks;
    counts.duplicated += arrived.duplicated;
    firstUs = Math.min(firstUs, sent.sentAtUs[0] ?? firstUs);
    lastUs = Math.max(lastUs, latestOf(arrived.arrivedAtUs));
    arrived.arrivedAtUs.forEach((atUs, number) => {
      if (atUs !== 0) latenciesMs.push((atUs - (sent.sentAtUs[number] ?? 0)) / 1000);
    });
    sent.answeredAtUs.forEach((atUs, number) => {
      if (atUs !== 0) answersMs.push((atUs - (sent.sentAtUs[number] ?? 0)) / 1000);
    });
    left = left.filter((_, number) => arrived.arrivedAtUs[number] === 0);
  }
  return {
    ...counts,
    devices: devices.length,
    joined: devices.length - left.length,
    drainSeconds: Math.max(0, (lastUs - firstUs) / 1e6),
    latencyMs: percentilesOf(latenciesMs),
    answerLatencyMs: percentilesOf(answersMs),
  };
}
