import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { regionOf } from "../../lorawan/region/regions.ts";
import { provision } from "../../simulators/provision.ts";
import { type Cells, createCells } from "./cells.ts";
import { type ChaosVerdict, judge } from "./checker.ts";
import { type Commander, startCommander } from "./commander.ts";
import { startEmbeddedSet } from "./embedded-set.ts";
import { type Fault, type Installation, temporaryFolder } from "./installation.ts";
import { planFaults } from "./plan.ts";
import { pause } from "./program.ts";
import { createRecorder, type Recorder } from "./recorder.ts";
import { startScaledSet } from "./scaled-set.ts";
import { type Subscriber, startSubscriber } from "./subscriber.ts";
import type { Delivery, StruckFault, Truth } from "./truth.ts";

export const sets = { embedded: startEmbeddedSet, scaled: startScaledSet };
export type SetName = keyof typeof sets;

export interface ChaosOptions {
  readonly set: SetName;
  readonly seed: number;
  readonly durationMs: number;
  readonly uplinksPerSecond: number;
  /** Of faults; all that can be tried when left out. */
  readonly kinds?: readonly string[];
  /** Between recovery and the next fault. */
  readonly pauseMs: { readonly from: number; readonly to: number };
  /** Leaves the folder with the programs' logs and data behind. */
  readonly keepFolder: boolean;
  progress(text: string): void;
}

export interface ChaosReport extends ChaosVerdict {
  readonly set: SetName;
  readonly seed: number;
  readonly devices: number;
  readonly devicesJoined: number;
  readonly struck: readonly StruckFault[];
  /** Faults that could not be tried here, each with the reason. */
  readonly impossible: readonly string[];
  /** How often a program ended without having been killed. */
  readonly exits: number;
  readonly unreadable: readonly string[];
  /** Where logs and, after a violation, evidence are, if they are kept. */
  readonly folder?: string;
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
  const { folder, remove } = await temporaryFolder();
  const installation = await sets[options.set]({ folder });
  let passed = false;
  try {
    await installation.untilReady();
    const subscriber = await startSubscriber(installation.brokerUrl, nowMs);
    try {
      const report = await strikeAndJudge(options, { installation, subscriber, folder, nowMs });
      passed = report.passed;
      return passed && !options.keepFolder ? report : { ...report, folder };
    } finally {
      await subscriber.close();
    }
  } finally {
    await installation.close();
    if (passed && !options.keepFolder) await remove();
  }
}

function wantedFaults({ kinds }: ChaosOptions, { faults, impossible }: Installation): readonly Fault[] {
  if (kinds === undefined) return faults;
  return kinds.map(kind => {
    const fault = faults.find(known => known.kind === kind);
    if (fault !== undefined) return fault;
    const known = [...faults.map(other => other.kind), ...impossible].join(", ");
    throw new Error(`${kind} cannot be tried; there are ${known}`);
  });
}

interface Scene {
  readonly installation: Installation;
  readonly subscriber: Subscriber;
  readonly folder: string;
  nowMs(): number;
}

async function strikeAndJudge(options: ChaosOptions, scene: Scene): Promise<ChaosReport> {
  const { installation, subscriber, folder, nowMs } = scene;
  const { set, seed, durationMs, progress } = options;
  const faults = wantedFaults(options, installation);
  const recorder = createRecorder(nowMs);
  const cells = await startCells(options, installation, recorder);
  const struck: StruckFault[] = [];
  const commander = await startCommands(options, scene, cells, recorder);
  let waiting: readonly string[] = [];
  const verdict = (): ChaosVerdict => {
    const accounted = new Set([...subscriber.endedCommands, ...waiting]);
    const told = { deliveries: subscriber.deliveries, commands: commander.accepted, accounted };
    return judge(recorder.truth(), told, struck);
  };
  try {
    await within(joinWithinMs, () => cells.joined() >= cells.devices.length / 2, "half of the devices to join");
    const untilMs = nowMs() + durationMs;
    for (const planned of planFaults(seed, faults, options.pauseMs)) {
      await pause(planned.pauseMs);
      if (nowMs() >= untilMs) break;
      const { kind, mayLose, strike } = planned.item;
      const fromMs = nowMs();
      await strike(planned.share);
      await installation.untilReady();
      await within(joinWithinMs, subscriber.connected, "the subscriber to connect");
      struck.push({ number: struck.length + 1, kind, mayLose, fromMs, toMs: nowMs() });
      progress(progressText(nowMs(), struck, subscriber, cells, recorder));
    }
    await commander.stop();
    await pause(calmMs);
  } finally {
    await commander.stop();
    cells.stop();
  }
  progress("waiting for what is on its way");
  waiting = await commander.waiting();
  await settled(verdict);
  const { counts, violations } = verdict();
  const { unreadable, deliveries } = subscriber;
  const passed = violations.length === 0 && unreadable.length === 0;
  const report = {
    ...{ set, seed, counts, violations, passed, struck, unreadable },
    devices: cells.devices.length,
    devicesJoined: cells.joined(),
    impossible: installation.impossible,
    exits: installation.unasked(),
  };
  if (!passed) await writeEvidence(folder, report, recorder.truth(), deliveries);
  return report;
}

/** Everything that is known of the devices that something went wrong with. */
async function writeEvidence(
  folder: string,
  report: ChaosReport,
  { uplinks, downlinks, joinAccepts, commandsHeard }: Truth,
  deliveries: readonly Delivery[],
): Promise<void> {
  const devEuis = new Set(report.violations.map(({ devEui }) => devEui));
  const isOfThem = ({ devEui }: { readonly devEui: string }): boolean => devEuis.has(devEui);
  const sent = uplinks.filter(isOfThem);
  const devAddrs = new Set([...devEuis, ...sent.map(({ devAddr }) => devAddr)]);
  const evidence = {
    report,
    uplinks: sent,
    downlinks: downlinks.filter(({ devAddr }) => devAddrs.has(devAddr)),
    joinAccepts: joinAccepts.filter(isOfThem),
    commandsHeard: commandsHeard.filter(isOfThem),
    deliveries: deliveries.filter(isOfThem),
  };
  await writeFile(join(folder, "evidence.json"), JSON.stringify(evidence, undefined, 1));
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

async function startCommands(
  { seed }: ChaosOptions,
  { installation, nowMs }: Scene,
  { devices }: Cells,
  { isJoined }: Recorder,
): Promise<Commander> {
  const { apiUrl } = installation;
  return startCommander({ apiUrl, token: await installation.token(), seed, devices, isJoined, nowMs });
}

async function settled(verdict: () => ChaosVerdict): Promise<void> {
  const until = performance.now() + deliverWithinMs;
  const isMissing = (): boolean => verdict().violations.some(({ kind }) => kind === "lost" || kind === "command-lost");
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
