import type { Expectation } from "./calls.ts";
import { leastPayloadBytes, markDigits, markOfPayload } from "./payload.ts";
import { deviceOfDevEui, type Population } from "./population.ts";
import type { Arrived } from "./truth.ts";

/** Counts what arrives of a run. */
export interface ArrivalLog {
  expect(expectation: Expectation): void;
  /** An `up` event as it came, with its topic. */
  arrived(topic: string, body: Buffer, atUs: number): void;
  isComplete(): boolean;
  /** How many messages came since the run began, whatever they were. */
  messages(): number;
  report(): Arrived;
}

const dataMember = Buffer.from('"data":"');
const devEuiLevel = 3;

export function createArrivalLog({ seed, devices }: Population): ArrivalLog {
  let expected: Expectation = { run: -1, uplinks: 0, firstDevice: 0 };
  let arrivedAtUs = new Float64Array();
  /** Highest number that has come of each device. */
  const newest = new Int32Array(devices);
  let counts = { messages: 0, distinct: 0, duplicated: 0, outOfOrder: 0, unexpected: 0 };

  function take(device: number, number: number, atUs: number): void {
    if (device !== (expected.firstDevice + number) % devices || number >= expected.uplinks) counts.unexpected += 1;
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
      arrivedAtUs = new Float64Array(expectation.uplinks);
      newest.fill(-1);
      counts = { messages: 0, distinct: 0, duplicated: 0, outOfOrder: 0, unexpected: 0 };
    },
    arrived(topic, body, atUs) {
      counts.messages += 1;
      const device = deviceOfDevEui(seed, topic.split("/")[devEuiLevel] ?? "");
      if (device < 0) return;
      const at = body.indexOf(dataMember) + dataMember.length;
      const digits = at < dataMember.length ? "" : body.toString("latin1", at, at + markDigits);
      const mark = markOfPayload(Buffer.from(digits, "base64").subarray(0, leastPayloadBytes));
      if (mark?.run === expected.run) take(device, mark.number, atUs);
      else counts.unexpected += 1;
    },
    isComplete: () => counts.distinct === expected.uplinks,
    messages: () => counts.messages,
    report: () => ({
      arrivedAtUs,
      duplicated: counts.duplicated,
      outOfOrder: counts.outOfOrder,
      unexpected: counts.unexpected,
    }),
  };
}
