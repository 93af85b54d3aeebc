import type { GeneratorOptions, GeneratorReport, RunPlan } from "./calls.ts";
import { compileUplink, uplinkBytes } from "./compiled-frames.ts";
import { channelsHz } from "./datagrams.ts";
import { type Gateways, openGateways } from "./gateways.ts";
import { markedPayload } from "./payload.ts";
import { describeDevices, groupOfDevAddr } from "./population.ts";
import { sharedUs } from "./shared-time.ts";

/** Sends uplinks of a population through gateways of its own, at a rate that no answer slows down. */
export interface Generator {
  /** Compiles the frames of a run. Gives the number of the device that sends the first; the others follow in turn. */
  prepare(plan: RunPlan): number;
  /** Resolves when the last is out. */
  send(): Promise<void>;
  report(): GeneratorReport;
  close(): void;
}

interface Run {
  readonly plan: RunPlan;
  readonly firstDevice: number;
  /** Base64 of all frames, one after another. */
  readonly frames: Buffer;
  readonly sentAtUs: Float64Array;
  readonly answeredAtUs: Float64Array;
  lateDownlinks: number;
  worstLagUs: number;
  elapsedUs: number;
}

/** Sent without a look at what came in meanwhile. */
const longestBurst = 128;
const tickMs = 1;
const fPort = 10;

export async function openGenerator(options: GeneratorOptions): Promise<Generator> {
  const { population, copies, payloadBytes, confirmed } = options;
  const describe = describeDevices(population);
  const frameBytes = uplinkBytes(payloadBytes);
  const frameDigits = 4 * Math.ceil(frameBytes / 3);
  const nextFCnt = new Uint32Array(population.devices);
  /** Number of the uplink that each device sent last. */
  const lastNumber = new Int32Array(population.devices).fill(-1);
  let nextDevice = 0;
  let current: Run | undefined;

  const gateways: Gateways = await openGateways({ ...options, frameBytes, onDownlink: answered });

  function answered(phyPayload: Uint8Array, isLate: boolean): void {
    const kind = (phyPayload[0] ?? 0) >> 5;
    if (!current || (kind !== 3 && kind !== 5) || phyPayload.length < 12) return;
    if (isLate) current.lateDownlinks += 1;
    const address = Buffer.from(phyPayload).readUInt32LE(1);
    const number = lastNumber[groupOfDevAddr(address)] ?? -1;
    if (number >= 0 && current.answeredAtUs[number] === 0) current.answeredAtUs[number] = sharedUs();
  }

  function compile(plan: RunPlan): Run {
    const frames = Buffer.alloc(plan.uplinks * frameDigits);
    const firstDevice = nextDevice;
    for (let number = 0; number < plan.uplinks; number += 1) {
      const device = (firstDevice + number) % population.devices;
      const fCnt = nextFCnt[device] ?? 0;
      nextFCnt[device] = fCnt + 1;
      const payload = markedPayload({ run: plan.run, number }, payloadBytes);
      const frame = compileUplink(describe(device), { fCnt, confirmed, fPort, payload });
      frames.write(frame.toString("base64"), number * frameDigits, "latin1");
    }
    nextDevice = (firstDevice + plan.uplinks) % population.devices;
    const sentAtUs = new Float64Array(plan.uplinks);
    const answeredAtUs = new Float64Array(plan.uplinks);
    return { plan, firstDevice, frames, sentAtUs, answeredAtUs, lateDownlinks: 0, worstLagUs: 0, elapsedUs: 0 };
  }

  function sendOne(run: Run, number: number): void {
    const device = (run.firstDevice + number) % population.devices;
    const frame = run.frames.subarray(number * frameDigits, (number + 1) * frameDigits);
    lastNumber[device] = number;
    for (let copy = 0; copy < copies; copy += 1) {
      gateways.push((device + copy) % options.gateways, frame, number % channelsHz.length);
    }
    run.sentAtUs[number] = sharedUs();
  }

  return {
    prepare(plan) {
      lastNumber.fill(-1);
      current = compile(plan);
      gateways.resetCounts();
      return current.firstDevice;
    },
    send() {
      const run = prepared(current);
      return new Promise(resolve => openLoop(run, number => sendOne(run, number), resolve));
    },
    report() {
      const { sentAtUs, answeredAtUs, lateDownlinks, worstLagUs, elapsedUs } = prepared(current);
      return {
        sentAtUs,
        answeredAtUs,
        ...gateways.counts(),
        lateDownlinks,
        worstLagMs: worstLagUs / 1000,
        elapsedSeconds: elapsedUs / 1e6,
      };
    },
    close: () => gateways.close(),
  };
}

function prepared(run: Run | undefined): Run {
  if (!run) throw new Error("no run is prepared");
  return run;
}

/** Sends each uplink when its time has come, and those at once whose time has passed. */
function openLoop(run: Run, send: (number: number) => void, done: () => void): void {
  const { uplinks, ratePerSecond } = run.plan;
  const intervalUs = 1e6 / ratePerSecond;
  const startUs = sharedUs();
  let next = 0;
  const tick = (): void => {
    const elapsedUs = sharedUs() - startUs;
    const due = Math.min(uplinks, Math.floor(elapsedUs / intervalUs) + 1);
    if (next < due) run.worstLagUs = Math.max(run.worstLagUs, elapsedUs - next * intervalUs);
    for (const end = Math.min(due, next + longestBurst); next < end; next += 1) send(next);
    run.elapsedUs = sharedUs() - startUs;
    if (next === uplinks) done();
    else if (next < due) setImmediate(tick);
    else setTimeout(tick, tickMs);
  };
  tick();
}
