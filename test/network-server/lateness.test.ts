import { describe, expect, test } from "vitest";
import { parseGatewayId } from "../../lorawan/ids.ts";
import type { Reception } from "../../network-server/gateway/types.ts";
import { createLatenessJudge, isLate } from "../../network-server/lateness.ts";

const gatewayId = parseGatewayId("0000000000000001");
const second = 1_000_000;
const hour = 3600 * second;
const startMs = Date.UTC(2026, 0, 1);

interface Heard {
  /** Server time at which the frame was on the air, and at which it came; the same when absent. */
  readonly atUs: number;
  readonly cameUs?: number;
  /** Server time at which the gateway's counter was 0. */
  readonly bootUs?: number;
  readonly driftPpm?: number;
  readonly board?: number;
  /** How far the wall clock is behind; absent where there is none. */
  readonly clockBehindMs?: number;
}

function receptionOf({ atUs, cameUs = atUs, bootUs = -hour, driftPpm = 0, board, clockBehindMs }: Heard): Reception {
  const gwTimeMs = startMs + atUs / 1000 - (clockBehindMs ?? 0);
  return {
    gatewayId,
    phyPayload: new Uint8Array(),
    frequencyHz: 868_100_000,
    modulation: { kind: "lora", spreadingFactor: 7, bandwidthHz: 125_000 },
    rssiDbm: -80,
    snrDb: 5,
    counterUs: Math.round((atUs - bootUs) * (1 + driftPpm / 1e6)) % 2 ** 32,
    receivedAtUs: cameUs,
    receivedAtMs: startMs + cameUs / 1000,
    rxInfo: {
      gatewayId,
      uplinkId: 1,
      nsTime: "",
      context: "",
      ...(board !== undefined && { board }),
      ...(clockBehindMs !== undefined && { gwTime: new Date(gwTimeMs).toISOString() }),
    },
    txInfo: { frequency: 868_100_000, modulation: { fsk: { frequencyDeviation: 25_000, datarate: 50_000 } } },
  };
}

/** The verdicts on these frames, in the order in which they come. */
function verdicts(frames: readonly Heard[]): readonly boolean[] {
  const lateness = createLatenessJudge();
  return frames.map(frame => isLate(lateness.judge(receptionOf(frame))));
}

/** A frame every `everyUs` from `fromUs` on. */
const series = (fromUs: number, count: number, everyUs: number, common: Partial<Heard> = {}): readonly Heard[] =>
  Array.from({ length: count }, (_, index) => ({ ...common, atUs: fromUs + index * everyUs }));

const flushed = (frames: readonly Heard[], cameUs: number): readonly Heard[] =>
  frames.map((frame, index) => ({ ...frame, cameUs: cameUs + index * 10_000 }));

const all = (count: number, verdict: boolean) => Array.from({ length: count }, () => verdict);

describe("C74 frames that a gateway without a clock held", () => {
  const before = series(0, 10, 60 * second);

  test("for an hour are late, and those after them are not", () => {
    const held = flushed(series(600 * second, 60, 60 * second), 600 * second + hour);
    const after = series(hour + 700 * second, 3, 60 * second);
    expect(verdicts([...before, ...held, ...after])).toEqual([
      ...all(10, false),
      // The last ones were held for less than two seconds, or not at all.
      ...all(60, true),
      ...all(3, false),
    ]);
  });

  test.each([61, 600, 1800, 2200])("for %i s are late", heldSeconds => {
    const atUs = 600 * second;
    expect(verdicts([...before, { atUs, cameUs: atUs + heldSeconds * second }]).at(-1)).toBe(true);
  });

  test("never make the fresh ones between them late, whatever the order", () => {
    const held = flushed(series(600 * second, 20, 60 * second), 1900 * second);
    const fresh = series(1900 * second, 20, second);
    const mixed = held.flatMap((frame, index) => [frame, ...fresh.slice(index, index + 1)]);
    const judged = verdicts([...before, ...mixed]).slice(10);
    expect(judged[0]).toBe(true);
    expect(judged.filter((_, index) => mixed[index]?.cameUs === undefined)).toEqual(all(20, false));
  });

  test("say so to applications, beside what the gateway told", () => {
    const lateness = createLatenessJudge();
    for (const frame of before) lateness.judge(receptionOf(frame));
    const held = receptionOf({ atUs: 600 * second, cameUs: 700 * second });
    const told = lateness.judge({ ...held, rxInfo: { ...held.rxInfo, metadata: { model: "x" } } });
    expect(told.rxInfo.metadata).toEqual({ model: "x", late: "true" });
    expect(told.lateByUs).toBe(100 * second);
    expect(lateness.judge(receptionOf({ atUs: 700 * second })).rxInfo.metadata).toBeUndefined();
  });
});

describe("fresh frames", () => {
  test("are not late for jitter of a second and more, and tell how long they were on the way", () => {
    const lateness = createLatenessJudge();
    const delays = [0.5, 0, 1.2, 0.3, 1.9].map(delay => delay * second);
    const judged = delays.map((delayUs, index) =>
      lateness.judge(receptionOf({ atUs: index * 10 * second, cameUs: index * 10 * second + delayUs })),
    );
    expect(judged.map(isLate)).toEqual(all(5, false));
    expect(judged.map(({ lateByUs }) => lateByUs)).toEqual([0, 0, 1.2 * second, 0.3 * second, 1.9 * second]);
  });

  test.each([-50, 50])("are not late for days of a crystal that is %i ppm off", driftPpm => {
    const frames = series(0, 3 * 24 * 4, 900 * second, { driftPpm });
    expect(verdicts(frames)).toEqual(all(frames.length, false));
    expect(verdicts([...series(0, 2, second, { driftPpm }), { atUs: 48 * hour, driftPpm }]).at(-1)).toBe(false);
  });

  test("C38 are not late when the counter wraps", () => {
    const frames = series(0, 200, 60 * second, { bootUs: -4290 * second });
    expect(verdicts(frames)).toEqual(all(200, false));
  });

  test("of two boards are judged apart", () => {
    const frames = series(0, 20, second).flatMap((frame, index) => [
      { ...frame, board: 0 },
      { ...frame, board: 1, bootUs: -17 * second },
      { ...frame, board: 1, bootUs: -17 * second, cameUs: frame.atUs + index },
    ]);
    expect(verdicts(frames)).toEqual(all(60, false));
  });
});

describe("C38 a gateway that starts again", () => {
  const before = series(0, 10, 60 * second);

  test.each([2, 90])("is fresh from its first frame on, with a frame every %i s", everySeconds => {
    const after = series(1240 * second, 20, everySeconds * second, { bootUs: 1230 * second });
    expect(verdicts([...before, ...after]).slice(10)).toEqual(all(20, false));
  });

  test("is fresh at once when its wall clock says so", () => {
    const clock = { clockBehindMs: 0 };
    const after = series(640 * second, 3, 2 * second, { bootUs: 630 * second, ...clock });
    expect(verdicts([...before, ...after]).slice(10)).toEqual(all(3, false));
  });

  test("is not late for a steady delay of seconds", () => {
    const delayed = series(640 * second, 5, 10 * second).map(frame => ({ ...frame, cameUs: frame.atUs + 8 * second }));
    expect(verdicts([...before, ...delayed]).slice(10)).toEqual(all(5, false));
  });
});

describe("forwarders with counters of their own", () => {
  const judged = (counters: readonly number[], everyUs: number) => {
    const lateness = createLatenessJudge();
    return counters.map((counterUs, index) =>
      isLate(lateness.judge({ ...receptionOf({ atUs: index * everyUs }), counterUs })),
    );
  };

  test("that stand still are not late", () => {
    expect(judged(new Array(50).fill(3_512_348_611), 30 * second)).toEqual(all(50, false));
  });

  test("that go slowly are not late", () => {
    const counters = Array.from({ length: 50 }, (_, index) => 1_000_000 + index * second);
    expect(judged(counters, 30 * second)).toEqual(all(50, false));
  });
});

describe("a gateway's wall clock", () => {
  test("that was right tells held frames", () => {
    const right = series(0, 1, second, { clockBehindMs: 0 });
    const held = flushed(series(60 * second, 3, 60 * second, { clockBehindMs: 0 }), hour);
    const judged = verdicts([...right, ...held, { atUs: hour + second, clockBehindMs: 0 }]);
    expect(judged).toEqual([false, ...all(3, true), false]);
  });

  test("that was right keeps a steady hour's delay late", () => {
    const delayed = series(100 * second, 20, 10 * second, { clockBehindMs: 0 }).map(frame => ({
      ...frame,
      cameUs: frame.atUs + hour,
    }));
    expect(verdicts([...series(0, 5, second, { clockBehindMs: 0 }), ...delayed]).slice(5)).toEqual(all(20, true));
  });

  test("that never was right says nothing", () => {
    const frames = series(0, 10, 2 * second, { clockBehindMs: 3_600_000 });
    expect(verdicts(frames)).toEqual(all(10, false));
  });

  test("that was never set, or runs ahead, says nothing", () => {
    for (const clockBehindMs of [startMs - Date.UTC(1970, 0, 1), -3_600_000]) {
      expect(verdicts(series(0, 3, second, { clockBehindMs }))).toEqual(all(3, false));
    }
  });
});
