import type { GeneratorOptions, GeneratorReport, RunPlan } from "./calls.ts";
import { compileJoinRequest, compileUplink, joinRequestBytes, uplinkBytes } from "./compiled-frames.ts";
import { channelsHz } from "./datagrams.ts";
import { openGateways } from "./gateways.ts";
import { markedPayload } from "./payload.ts";
import { describeDevices, groupOfDevAddr } from "./population.ts";
import { cpuTimeUs, sharedUs } from "./shared-time.ts";

/** Sends frames of a population through gateways of its own, at a rate that no answer slows down. */
export interface Generator {
  /** Compiles the frames of a run. */
  prepare(plan: RunPlan): void;
  /** Resolves when the last is out. */
  send(): Promise<void>;
  report(): GeneratorReport;
  close(): void;
}

interface Run {
  readonly plan: RunPlan;
  readonly frameBytes: number;
  /** Base64 of all frames, one after another. */
  readonly frames: Buffer;
  readonly sentAtUs: Float64Array;
  readonly answers: AnswerLog;
  worstLagUs: number;
  elapsedUs: number;
  cpuBeforeUs: number;
}

/** Sent without a look at what came in meanwhile. */
const longestBurst = 128;
const tickMs = 1;
const fPort = 10;

export async function openGenerator(options: GeneratorOptions): Promise<Generator> {
  const { population, copies } = options;
  const compileFrame = createCompiler(options);
  let current: Run | undefined;
  const gateways = await openGateways({
    ...options,
    onDownlink: (gateway, phyPayload, isLate) => current?.answers.came(gateway, phyPayload, isLate),
  });

  function compile(plan: RunPlan): Run {
    const count = plan.devices.length;
    const frameBytes = plan.kind === "join" ? joinRequestBytes : uplinkBytes(options.payloadBytes);
    const digits = digitsOf(frameBytes);
    const frames = Buffer.alloc(count * digits);
    for (const [number, device] of plan.devices.entries()) {
      frames.write(compileFrame(plan, number, device).toString("base64"), number * digits, "latin1");
    }
    const answers = createAnswerLog(count, population.devices);
    const sentAtUs = new Float64Array(count);
    return { plan, frameBytes, frames, sentAtUs, answers, worstLagUs: 0, elapsedUs: 0, cpuBeforeUs: 0 };
  }

  function sendOne(run: Run, number: number): void {
    const device = run.plan.devices[number] ?? 0;
    const digits = digitsOf(run.frameBytes);
    const frame = run.frames.subarray(number * digits, (number + 1) * digits);
    const home = device % options.gateways;
    run.answers.sent(number, device, home);
    for (let copy = 0; copy < copies; copy += 1) {
      gateways.push((home + copy) % options.gateways, frame, run.frameBytes, number % channelsHz.length);
    }
    run.sentAtUs[number] = sharedUs();
  }

  return {
    prepare(plan) {
      current = compile(plan);
      gateways.resetCounts();
    },
    send() {
      const run = prepared(current);
      run.cpuBeforeUs = cpuTimeUs();
      return new Promise(resolve => openLoop(run, number => sendOne(run, number), resolve));
    },
    report() {
      const { sentAtUs, answers, worstLagUs, elapsedUs, cpuBeforeUs } = prepared(current);
      return {
        sentAtUs,
        ...answers.report(),
        ...gateways.counts(),
        worstLagMs: worstLagUs / 1000,
        elapsedSeconds: elapsedUs / 1e6,
        cpuUs: cpuTimeUs() - cpuBeforeUs,
      };
    },
    close: () => gateways.close(),
  };
}

const digitsOf = (frameBytes: number): number => 4 * Math.ceil(frameBytes / 3);

function prepared(run: Run | undefined): Run {
  if (!run) throw new Error("no run is prepared");
  return run;
}

/** Counters go on from one run to the next. */
function createCompiler({ population, payloadBytes, confirmed }: GeneratorOptions) {
  const describe = describeDevices(population);
  const nextFCnt = new Uint32Array(population.devices);
  const nextDevNonce = new Uint16Array(population.devices);
  return ({ run, kind }: RunPlan, number: number, device: number): Buffer => {
    const counters = kind === "join" ? nextDevNonce : nextFCnt;
    const counter = counters[device] ?? 0;
    counters[device] = counter + 1;
    if (kind === "join") return compileJoinRequest(describe(device), counter);
    const payload = markedPayload({ run, number }, payloadBytes);
    return compileUplink(describe(device), { fCnt: counter, confirmed, fPort, payload });
  };
}

/** Tells which frame each downlink answers. */
interface AnswerLog {
  sent(number: number, device: number, gateway: number): void;
  came(gateway: number, phyPayload: Uint8Array, isLate: boolean): void;
  report(): Pick<GeneratorReport, "answeredAtUs" | "lateDownlinks">;
}

const leastDataBytes = 12;

function createAnswerLog(frames: number, devices: number): AnswerLog {
  const answeredAtUs = new Float64Array(frames);
  /** Number of the frame that each device sent last. */
  const lastNumber = new Int32Array(devices).fill(-1);
  /** Join-requests by gateway: an accept is encrypted, and does not tell whose it is. */
  const unanswered = new Map<number, number[]>();
  let lateDownlinks = 0;

  function numberOf(gateway: number, phyPayload: Uint8Array): number | undefined {
    const kind = (phyPayload[0] ?? 0) >> 5;
    if (kind === 1) return unanswered.get(gateway)?.shift();
    if ((kind !== 3 && kind !== 5) || phyPayload.length < leastDataBytes) return undefined;
    return lastNumber[groupOfDevAddr(Buffer.from(phyPayload).readUInt32LE(1))];
  }

  return {
    sent(number, device, gateway) {
      lastNumber[device] = number;
      const waiting = unanswered.get(gateway);
      if (waiting === undefined) unanswered.set(gateway, [number]);
      else waiting.push(number);
    },
    came(gateway, phyPayload, isLate) {
      if (isLate) lateDownlinks += 1;
      const number = numberOf(gateway, phyPayload) ?? -1;
      if (number >= 0 && answeredAtUs[number] === 0) answeredAtUs[number] = sharedUs();
    },
    report: () => ({ answeredAtUs, lateDownlinks }),
  };
}

/** Sends each frame when its time has come, and those at once whose time has passed. */
function openLoop(run: Run, send: (number: number) => void, done: () => void): void {
  const { devices, ratePerSecond } = run.plan;
  const intervalUs = 1e6 / ratePerSecond;
  const startUs = sharedUs();
  let next = 0;
  const tick = (): void => {
    const elapsedUs = sharedUs() - startUs;
    const due = Math.min(devices.length, Math.floor(elapsedUs / intervalUs) + 1);
    if (next < due) run.worstLagUs = Math.max(run.worstLagUs, elapsedUs - next * intervalUs);
    for (const end = Math.min(due, next + longestBurst); next < end; next += 1) send(next);
    run.elapsedUs = sharedUs() - startUs;
    if (next === devices.length) done();
    else if (next < due) setImmediate(tick);
    else setTimeout(tick, tickMs);
  };
  tick();
}
