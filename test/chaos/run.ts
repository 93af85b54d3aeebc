import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { regionOf } from "../../lorawan/region/regions.ts";
import { provision } from "../../simulators/provision.ts";
import { type Cells, createCells } from "./cells.ts";
import { type ChaosVerdict, type ChaosViolation, judge } from "./checker.ts";
import { type Commander, startCommander } from "./commander.ts";
import { startEmbeddedSet } from "./embedded-set.ts";
import { type Fault, type Installation, temporaryFolder } from "./installation.ts";
import { planFaults } from "./plan.ts";
import { NotReady, pause } from "./program.ts";
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
  const { installation, subscriber, folder } = scene;
  const { set, seed, progress } = options;
  const recorder = createRecorder(scene.nowMs);
  const cells = await startCells(options, installation, recorder);
  const commander = await startCommands(options, scene, cells, recorder);
  const struck: StruckFault[] = [];
  const stuck: ChaosViolation[] = [];
  try {
    await within(joinWithinMs, () => cells.joined() >= cells.devices.length / 2, "half of the devices to join");
    stuck.push(
      ...(await strikeAll(options, scene, fault => {
        struck.push({ ...fault, number: struck.length + 1 });
        progress(progressText(struck, subscriber, cells, recorder));
      })),
    );
    await commander.stop();
    await pause(calmMs);
  } finally {
    await commander.stop();
    cells.stop();
  }
  progress("waiting for what is on its way");
  const waiting = stuck.length > 0 ? [] : await commander.waiting();
  const { counts, violations: broken } = await settled(() => {
    const accounted = new Set([...subscriber.endedCommands, ...waiting]);
    const told = { deliveries: subscriber.deliveries, commands: commander.accepted, accounted };
    return judge(recorder.truth(), told, struck);
  });
  const { unreadable, deliveries } = subscriber;
  const violations = [...stuck, ...broken];
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

/** Until the time is over, or something does not come back, which is what it then gives. */
async function strikeAll(
  options: ChaosOptions,
  { installation, subscriber, nowMs }: Scene,
  struck: (fault: Omit<StruckFault, "number">) => void,
): Promise<readonly ChaosViolation[]> {
  const untilMs = nowMs() + options.durationMs;
  for (const { item, pauseMs, share } of planFaults(
    options.seed,
    wantedFaults(options, installation),
    options.pauseMs,
  )) {
    await pause(pauseMs);
    const fromMs = nowMs();
    if (fromMs >= untilMs) break;
    const { kind, mayLose, strike } = item;
    try {
      await strike(share);
      await installation.untilReady();
      await within(joinWithinMs, subscriber.connected, "the subscriber to connect");
    } catch (error) {
      if (!(error instanceof NotReady)) throw error;
      struck({ kind, mayLose, fromMs, toMs: nowMs() });
      return [{ kind: "not-recovered", devEui: "", atMs: nowMs(), detail: error.message }];
    }
    struck({ kind, mayLose, fromMs, toMs: nowMs() });
  }
  return [];
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

async function settled(verdict: () => ChaosVerdict): Promise<ChaosVerdict> {
  const until = performance.now() + deliverWithinMs;
  const isMissing = (): boolean => verdict().violations.some(({ kind }) => kind === "lost" || kind === "command-lost");
  while (isMissing() && performance.now() < until) await pause(500);
  await pause(settleMs);
  return verdict();
}

async function within(ms: number, condition: () => boolean, what: string): Promise<void> {
  const until = performance.now() + ms;
  while (!condition()) {
    if (performance.now() > until) throw new NotReady(`waited ${ms / 1000} s in vain for ${what}`);
    await pause(50);
  }
}

function progressText(
  struck: readonly StruckFault[],
  subscriber: Subscriber,
  cells: Cells,
  recorder: Recorder,
): string {
  const last = struck.at(-1);
  return [
    `${Math.round((last?.toMs ?? 0) / 1000)} s`,
    `joined ${cells.joined()}/${cells.devices.length}`,
    `uplinks ${recorder.truth().uplinks.length}`,
    `delivered ${subscriber.deliveries.length}`,
    `faults ${struck.length}`,
    ...(last ? [`last ${last.kind}, ${last.toMs - last.fromMs} ms`] : []),
  ].join("  ");
}
