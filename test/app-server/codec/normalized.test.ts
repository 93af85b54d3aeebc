import { afterAll, describe, expect, test } from "vitest";
import { createCodecSandbox } from "../../../app-server/codec/sandbox.ts";
import { systemClock } from "../../../platform/clock.ts";
import { createMetrics } from "../../../platform/metrics.ts";

const sandbox = createCodecSandbox({
  clock: systemClock,
  metrics: createMetrics(),
  workers: 1,
  timeMs: 1000,
  graceMs: 20_000,
});
afterAll(() => sandbox.close());

const run = async (script: string) => {
  const input = { bytes: Uint8Array.of(1), fPort: 1, recvTimeMs: 0, variables: {} };
  const outcome = await sandbox.decode({ kind: "javascript", script }, input);
  return outcome.kind === "decoded" ? outcome : undefined;
};
const normalized = async (answer: string) =>
  (await run(`function decodeUplink() { return { data: { t: 21 } }; } function normalizeUplink(input) { ${answer} }`))
    ?.normalized;

describe("normalizeUplink", () => {
  test("gets the decoded data and gives one measurement or several", async () => {
    expect(await normalized("return { data: { air: { temperature: input.data.t } } };")).toEqual({
      kind: "normalized",
      measurements: [{ air: { temperature: 21 } }],
      warnings: [],
    });
    expect(
      await normalized(`return { data: [
        { time: "2026-01-02T03:04:05Z", soil: { moisture: 40, temperature: 3 } },
        { wind: { speed: 4.2, direction: 359.9 }, battery: 3.6 },
        { action: { motion: { detected: true, count: 2 }, contactState: "open" }, water: { leak: false, temperature: { avg: 4 } } },
        { position: { latitude: 52, longitude: 5 }, metering: { water: { total: 12 } }, air: { location: "indoor" } },
      ], warnings: ["old"] };`),
    ).toMatchObject({ kind: "normalized", measurements: { length: 4 }, warnings: ["old"] });
  });

  test("loses values that are out of range, with a warning for each", async () => {
    const answer = `return { data: [
      { air: { temperature: -300, relativeHumidity: 101, pressure: 800, co2: 420 } },
      { wind: { direction: 360 } },
    ] };`;
    expect(await normalized(answer)).toEqual({
      kind: "normalized",
      measurements: [{ air: { co2: 420 } }],
      warnings: [
        "measurement 1: air.temperature should be equal to or greater than -273.15",
        "measurement 1: air.relativeHumidity should be equal to or less than 100",
        "measurement 1: air.pressure should be equal to or greater than 900",
        "measurement 2: wind.direction should be less than 360",
      ],
    });
  });

  test.each([
    ["{ data: { air: { temperature: '21' } } }", "air.temperature is no number"],
    ["{ data: { air: { warmth: 21 } } }", "air.warmth is no value of a measurement"],
    ["{ data: { temperature: 21 } }", "temperature is no value of a measurement"],
    ["{ data: { air: 21 } }", "air is no object"],
    ["{ data: { constructor: 21 } }", "constructor is no value of a measurement"],
    ["{ data: { action: { contactState: 'ajar' } } }", "action.contactState is none of open, closed"],
    ["{ data: { time: 'yesterday' } }", "time is no RFC 3339 time"],
    ["{ data: 21 }", "did not return data"],
    ["{ data: [21] }", "did not return data"],
    ["{ errors: ['too cold'] }", "returned errors: too cold"],
    ["undefined", "returned nothing"],
    ["missing", "ReferenceError"],
    ["Promise.resolve({})", "promise"],
  ])("that answers %s fails, and the decoded data stay", async (answer, message) => {
    expect(await normalized(`return ${answer};`)).toEqual({
      kind: "failed",
      message: expect.stringContaining(message),
    });
  });

  test.each(["{ data: null }", "{}", "{ data: { air: { temperature: null } } }", "{ data: [] }"])(
    "that answers %s has nothing to say",
    async answer => {
      expect(await normalized(`return ${answer};`)).toEqual({ kind: "normalized", measurements: [], warnings: [] });
    },
  );

  test("does not run on data with errors", async () => {
    const script = "function decodeUplink() { return { errors: ['e'] }; } function normalizeUplink() { for (;;); }";
    expect(await run(script)).toBeUndefined();
  });
});

describe("a codec without normalizeUplink", () => {
  test("whose data are normalized as they are", async () => {
    const outcome = await run("function decodeUplink() { return { data: { air: { temperature: 21 } } }; }");
    expect(outcome?.normalized).toEqual({
      kind: "normalized",
      measurements: [{ air: { temperature: 21 } }],
      warnings: [],
    });
  });

  test.each(["{ temperature: 21 }", "{ air: { temperature: 21, more: 1 } }", "{ air: 21 }", "{}", "{ battery: 3.6 }"])(
    "whose data are %s has no normalized payload",
    async data => {
      expect(await run(`function decodeUplink() { return { data: ${data} }; }`)).not.toHaveProperty("normalized");
    },
  );
});
