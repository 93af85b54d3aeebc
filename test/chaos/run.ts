import { regionOf } from "../../lorawan/region/regions.ts";
import { provision } from "../../simulators/provision.ts";
import { type Cells, createCells } from "./cells.ts";
import { type ChaosVerdict, judge } from "./checker.ts";
import { type FaultKind, faults } from "./faults.ts";
import { type Installation, startEmbeddedSet } from "./installation.ts";
import { planFaults } from "./plan.ts";
import { pause } from "./program.ts";
import { createRecorder, type Recorder } from "./recorder.ts";
import { type Subscriber, startSubscriber } from "./subscriber.ts";
import type { StruckFault } from "./truth.ts";

export interface ChaosOptions {
  readonly seed: number;
  readonly durationMs: number;
  readonly uplinksPerSecond: number;
  readonly kinds: readonly FaultKind[];
  /** Between recovery and the next fault. */
  readonly pauseMs: { readonly from: number; readonly to: number };
  /** Leaves the folder with the programs' logs and data behind. */
  readonly keepFolder: boolean;
  progress(text: string): void;
}

export interface ChaosReport extends ChaosVerdict {
  readonly seed: number;
  readonly devices: number;
  readonly devicesJoined: number;
  readonly struck: readonly StruckFault[];
  /** How often the server ended without having been killed. */
  readonly serverExits: number;
  readonly unreadable: readonly string[];
  readonly folder: string | undefined;
  readonly passed: boolean;
}

const joinWithinMs = 60_000;
const deliverWithinMs = 60_000;
/** Load without faults at the end: every device shows that its session lives. */
const calmMs = 10_000;
/** Second copies and the last window. */
const settleMs = 2_000;

/** Starts everything, strikes for as long as asked, and judges what came of it. Rejects when nothing could be tried. */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const startedAt = performance.now();
  const nowMs = (): number => Math.round(performance.now() - startedAt);
  const installation = await startEmbeddedSet();
  let passed = false;
  try {
    await installation.untilReady();
    const subscriber = await startSubscriber(installation.brokerUrl, undefined, nowMs);
    try {
      const report = await strikeAndJudge(options, installation, subscriber, nowMs);
      passed = report.passed;
      return report;
    } finally {
      await subscriber.close();
    }
  } finally {
    await installation.close(options.keepFolder || !passed);
  }
}

async function strikeAndJudge(
  options: ChaosOptions,
  installation: Installation,
  subscriber: Subscriber,
  nowMs: () => number,
): Promise<ChaosReport> {
  const { seed, durationMs, keepFolder, progress } = options;
  const recorder = createRecorder(nowMs);
  const cells = await startCells(options, installation, recorder);
  const struck: StruckFault[] = [];
  const verdict = (): ChaosVerdict => judge(recorder.truth(), subscriber.deliveries, struck);
  try {
    await within(joinWithinMs, () => cells.joined() >= cells.devices.length / 2, "half of the devices to join");
    const untilMs = nowMs() + durationMs;
    for (const planned of planFaults(seed, options.kinds, options.pauseMs)) {
      await pause(planned.pauseMs);
      if (nowMs() >= untilMs) break;
      const fault = faults[planned.kind];
      const fromMs = nowMs();
      await fault.strike(installation, planned.share);
      await installation.untilReady();
      await within(joinWithinMs, subscriber.connected, "the subscriber to connect");
      const { kind } = planned;
      struck.push({ number: struck.length + 1, kind, mayLose: fault.mayLose, fromMs, toMs: nowMs() });
      progress(progressText(nowMs(), struck, subscriber, cells, recorder));
    }
    await pause(calmMs);
  } finally {
    cells.stop();
  }
  progress("waiting for what is on its way");
  await settled(verdict);
  const { counts, violations } = verdict();
  const passed = violations.length === 0 && subscriber.unreadable.length === 0;
  return {
    seed,
    counts,
    violations,
    passed,
    struck,
    devices: cells.devices.length,
    devicesJoined: cells.joined(),
    serverExits: installation.server.unasked(),
    unreadable: subscriber.unreadable,
    folder: keepFolder || !passed ? installation.folder : undefined,
  };
}

async function startCells(options: ChaosOptions, installation: Installation, recorder: Recorder): Promise<Cells> {
  const region = regionOf("EU868", "RP002-1.0.4");
  const { seed, uplinksPerSecond, durationMs } = options;
  const lateJoinSeconds = durationMs / 1000;
  const { udpPort, apiUrl } = installation;
  const cells = createCells({ seed, region, udpPort, uplinksPerSecond, lateJoinSeconds, recorder });
  const access = { token: await installation.token() };
  const { devices, gateways } = cells;
  await provision({ apiUrl, access, devices, gateways, region, macVersion: "1.0.4" });
  cells.start();
  return cells;
}

async function settled(verdict: () => ChaosVerdict): Promise<void> {
  const until = performance.now() + deliverWithinMs;
  const isMissing = (): boolean => verdict().violations.some(({ kind }) => kind === "lost");
  while (isMissing() && performance.now() < until) await pause(500);
  await pause(settleMs);
}

async function within(ms: number, condition: () => boolean, what: string): Promise<void> {
  const until = performance.now() + ms;
  while (!condition()) {
    if (performance.now() > until) throw new Error(`waited ${ms / 1000} s in vain for ${what}`);
    await pause(50);
  }
}

function progressText(
  nowMs: number,
  struck: readonly StruckFault[],
  subscriber: Subscriber,
  cells: Cells,
  recorder: Recorder,
): string {
  const last = struck.at(-1);
  return [
    `${Math.round(nowMs / 1000)} s`,
    `joined ${cells.joined()}/${cells.devices.length}`,
    `uplinks ${recorder.truth().uplinks.length}`,
    `delivered ${subscriber.deliveries.length}`,
    `faults ${struck.length}`,
    ...(last ? [`last ${last.kind}, ${last.toMs - last.fromMs} ms`] : []),
  ].join("  ");
}
