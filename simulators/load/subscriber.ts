import type { Expectation } from "./calls.ts";
import { leastPayloadBytes, markDigits, markOfPayload } from "./payload.ts";
import { deviceOfDevEui, type Population } from "./population.ts";
import type { Arrived } from "./truth.ts";

/** Counts what arrives of a run. */
export interface ArrivalLog {
  expect(expectation: Expectation): void;
  /** An `up` or `join` event as it came, with its topic. */
  arrived(topic: string, body: Buffer, atUs: number): void;
  isComplete(): boolean;
  /** How many messages came since the run began, whatever they were. */
  messages(): number;
  report(): Arrived;
}

const dataMember = Buffer.from('"data":"');
const [devEuiLevel, kindLevel] = [3, 5];

export function createArrivalLog({ seed, devices: deviceCount }: Population): ArrivalLog {
  let expected: Expectation = { run: -1, kind: "uplink", devices: new Float64Array() };
  let arrivedAtUs = new Float64Array();
  /** Number of a device's join in the run. */
  const joinNumbers = new Int32Array(deviceCount);
  /** Highest number that has come of each device. */
  const newest = new Int32Array(deviceCount);
  let counts = { messages: 0, distinct: 0, duplicated: 0, outOfOrder: 0, unexpected: 0 };

  function take(device: number, number: number, atUs: number): void {
    if (expected.devices[number] !== device) counts.unexpected += 1;
    else if (arrivedAtUs[number] !== 0) counts.duplicated += 1;
    else {
      arrivedAtUs[number] = atUs;
      counts.distinct += 1;
      if (number < (newest[device] ?? 0)) counts.outOfOrder += 1;
      newest[device] = Math.max(number, newest[device] ?? 0);
    }
  }

  return {
    expect(expectation) {
      expected = expectation;
      arrivedAtUs = new Float64Array(expectation.devices.length);
      newest.fill(-1);
      joinNumbers.fill(-1);
      if (expectation.kind === "join") {
        for (const [number, device] of expectation.devices.entries()) joinNumbers[device] = number;
      }
      counts = { messages: 0, distinct: 0, duplicated: 0, outOfOrder: 0, unexpected: 0 };
    },
    arrived(topic, body, atUs) {
      const levels = topic.split("/");
      const device = deviceOfDevEui(seed, levels[devEuiLevel] ?? "");
      // Several loads may run on one server.
      if (device < 0) return;
      counts.messages += 1;
      if (levels[kindLevel] === "join") {
        take(device, joinNumbers[device] ?? -1, atUs);
        return;
      }
      const mark = markOf(body);
      if (mark?.run === expected.run) take(device, mark.number, atUs);
      else counts.unexpected += 1;
    },
    isComplete: () => counts.distinct === expected.devices.length,
    messages: () => counts.messages,
    report: () => ({
      arrivedAtUs,
      duplicated: counts.duplicated,
      outOfOrder: counts.outOfOrder,
      unexpected: counts.unexpected,
    }),
  };
}

/** Reads no more of the event than it needs. */
function markOf(body: Buffer) {
  const at = body.indexOf(dataMember);
  if (at < 0) return undefined;
  const start = at + dataMember.length;
  const digits = body.toString("latin1", start, start + markDigits);
  return markOfPayload(Buffer.from(digits, "base64").subarray(0, leastPayloadBytes));
}
