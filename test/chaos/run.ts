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
import { makeLogin, type Subscriber, startSubscriber, startWebhook } from "./subscriber.ts";
import type { StruckFault, Told } from "./truth.ts";

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
    const report = await strikeAndJudge(options, { installation, folder, nowMs });
    passed = report.passed;
    return passed && !options.keepFolder ? report : { ...report, folder };
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
  readonly folder: string;
  nowMs(): number;
}

/** Who sends and who listens. */
interface Cast {
  readonly recorder: Recorder;
  readonly cells: Cells;
  readonly subscribers: ReadonlyMap<string, Subscriber>;
  readonly commander: Commander;
}

async function strikeAndJudge(options: ChaosOptions, scene: Scene): Promise<ChaosReport> {
  const cast = await startCast(options, scene);
  const { cells, commander, recorder, subscribers } = cast;
  const struck: StruckFault[] = [];
  const stuck: ChaosViolation[] = [];
  try {
    await within(joinWithinMs, () => cells.joined() >= cells.devices.length / 2, "half of the devices to join");
    const note = (fault: Omit<StruckFault, "number">): void => {
      struck.push({ ...fault, number: struck.length + 1 });
      options.progress(progressText(struck, cast));
    };
    stuck.push(...(await strikeAll(options, scene, subscribers, note)));
    await commander.stop();
    await pause(calmMs);
    cells.stop();
    options.progress("waiting for what is on its way");
    const waiting = stuck.length > 0 ? [] : await commander.waiting();
    const verdict = await settled(() => judge(recorder.truth(), toldTo(cast, waiting), struck));
    const report = reportOf(options, scene, cast, struck, {
      ...verdict,
      violations: [...stuck, ...verdict.violations],
    });
    if (!report.passed) await writeEvidence(scene.folder, report, cast);
    return report;
  } finally {
    await commander.stop();
    cells.stop();
    await Promise.all([...subscribers.values()].map(subscriber => subscriber.close()));
  }
}

function toldTo({ subscribers, commander }: Cast, waiting: readonly string[]): Told {
  const ended = [...subscribers.values()].flatMap(({ endedCommands }) => [...endedCommands]);
  return {
    deliveries: new Map([...subscribers].map(([name, { deliveries }]) => [name, deliveries])),
    commands: commander.accepted,
    accounted: new Set([...ended, ...waiting]),
  };
}

function reportOf(
  { set, seed }: ChaosOptions,
  { installation }: Scene,
  { cells, subscribers }: Cast,
  struck: readonly StruckFault[],
  { counts, violations }: ChaosVerdict,
): ChaosReport {
  const unreadable = [...subscribers.values()].flatMap(subscriber => subscriber.unreadable);
  return {
    ...{ set, seed, counts, violations, struck, unreadable },
    devices: cells.devices.length,
    devicesJoined: cells.joined(),
    impossible: installation.impossible,
    exits: installation.unasked(),
    passed: violations.length === 0 && unreadable.length === 0,
  };
}

/** Until the time is over, or something does not come back, which is what it then gives. */
async function strikeAll(
  options: ChaosOptions,
  { installation, nowMs }: Scene,
  subscribers: ReadonlyMap<string, Subscriber>,
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
    const { kind, mayLose, server, strike } = item;
    const cause = { kind, mayLose, fromMs, ...(server !== undefined && { server }) };
    try {
      await strike(share);
      await installation.untilReady();
      for (const { connected } of subscribers.values()) {
        await within(joinWithinMs, connected, "a subscriber to connect");
      }
    } catch (error) {
      if (!(error instanceof NotReady)) throw error;
      struck({ ...cause, toMs: nowMs() });
      return [{ kind: "not-recovered", devEui: "", atMs: nowMs(), detail: error.message }];
    }
    struck({ ...cause, toMs: nowMs() });
  }
  return [];
}

/** Everything that is known of the devices that something went wrong with. */
async function writeEvidence(folder: string, report: ChaosReport, { recorder, subscribers }: Cast): Promise<void> {
  const { uplinks, downlinks, joinAccepts, commandsHeard } = recorder.truth();
  const devEuis = new Set(report.violations.map(({ devEui }) => devEui));
  const isOfThem = ({ devEui }: { readonly devEui: string }): boolean => devEuis.has(devEui);
  const sent = uplinks.filter(isOfThem);
  const devAddrs = new Set([...devEuis, ...sent.map(({ devAddr }) => devAddr)]);
  const got = [...subscribers].map(([name, { deliveries }]) => [name, deliveries.filter(isOfThem)] as const);
  const evidence = {
    report,
    uplinks: sent,
    downlinks: downlinks.filter(({ devAddr }) => devAddrs.has(devAddr)),
    joinAccepts: joinAccepts.filter(isOfThem),
    commandsHeard: commandsHeard.filter(isOfThem),
    deliveries: Object.fromEntries(got),
  };
  await writeFile(join(folder, "evidence.json"), JSON.stringify(evidence, undefined, 1));
}

async function startCast(options: ChaosOptions, { installation, nowMs }: Scene): Promise<Cast> {
  const region = regionOf("EU868", "RP002-1.0.4");
  const { seed, uplinksPerSecond, durationMs } = options;
  const { udpPorts, apiUrl } = installation;
  const recorder = createRecorder(nowMs);
  const lateJoinSeconds = durationMs / 1000;
  const cells = createCells({ seed, region, udpPorts, uplinksPerSecond, lateJoinSeconds, recorder });
  const token = await installation.token();
  const { devices, gateways } = cells;
  const shape = { apiUrl, access: { token }, devices, gateways, region, macVersion: "1.0.4" } as const;
  const { applicationId } = await provision(shape);
  const subscribers = new Map<string, Subscriber>();
  for (const { name, url, asksForLogin } of installation.brokers) {
    const login = asksForLogin ? await makeLogin(apiUrl, token, applicationId) : undefined;
    subscribers.set(name, await startSubscriber(url, login, applicationId, nowMs));
  }
  subscribers.set("webhook", await startWebhook(apiUrl, token, applicationId, nowMs));
  cells.start();
  const commander = startCommander({ apiUrl, token, seed, devices, isJoined: recorder.isJoined, nowMs });
  return { recorder, cells, subscribers, commander };
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

function progressText(struck: readonly StruckFault[], { recorder, cells, subscribers }: Cast): string {
  const last = struck.at(-1);
  const delivered = [...subscribers.values()].map(({ deliveries }) => deliveries.length);
  return [
    `${Math.round((last?.toMs ?? 0) / 1000)} s`,
    `joined ${cells.joined()}/${cells.devices.length}`,
    `uplinks ${recorder.truth().uplinks.length}`,
    `delivered ${delivered.join(" and ")}`,
    `faults ${struck.length}`,
    ...(last ? [`last ${last.kind}, ${last.toMs - last.fromMs} ms`] : []),
  ].join("  ");
}
