import { afterAll, describe, expect, test } from "vitest";
import { createCodecBench } from "../../../app-server/codec/cases.ts";
import { differences } from "../../../app-server/codec/differences.ts";
import { casesOfRepositoryCodec } from "../../../app-server/codec/repository-examples.ts";
import { createCodecSandbox } from "../../../app-server/codec/sandbox.ts";
import type { CodecCase } from "../../../app-server/codec-ports.ts";
import { systemClock } from "../../../platform/clock.ts";
import { createMetrics } from "../../../platform/metrics.ts";

const sandbox = createCodecSandbox({
  clock: systemClock,
  metrics: createMetrics(),
  workers: 1,
  timeMs: 1000,
  graceMs: 20_000,
});
const bench = createCodecBench(sandbox);
afterAll(() => sandbox.close());

const script = `
  function decodeUplink({ bytes, fPort, recvTime, variables, tags }) {
    if (bytes.length === 0) return { errors: ["the payload is empty"] };
    return { data: { t: bytes[0] / 10, fPort, at: recvTime.toISOString(), site: tags.site, key: variables.key }, warnings: ["old"] };
  }
  function normalizeUplink({ data }) { return { data: { air: { temperature: data.t } } }; }
  function encodeDownlink({ data }) { return { bytes: [data.on ? 1 : 0], fPort: 9 }; }
  function decodeDownlink({ bytes }) { return { data: { on: bytes[0] === 1 } }; }`;
const codec = { kind: "javascript", script } as const;
const failing = (...cases: readonly CodecCase[]) => bench.runCases(codec, cases, "tenant");
const uplink = { name: "n", direction: "uplink", fPort: 2, bytes: "d7" } as const;

describe("cases of a codec", () => {
  test("that come out as they have to are none to speak of", async () => {
    const all: readonly CodecCase[] = [
      {
        ...uplink,
        name: "data",
        expected: { object: { t: 21.5, fPort: 2, at: "1970-01-01T00:00:00.000Z" }, warnings: ["old"] },
      },
      {
        ...uplink,
        name: "all that an input has",
        recvTime: "2026-01-02T03:04:05Z",
        variables: { key: "k" },
        tags: { site: "roof" },
        expected: { object: { t: 21.5, fPort: 2, at: "2026-01-02T03:04:05.000Z", site: "roof", key: "k" } },
      },
      { ...uplink, name: "normalized", expected: { normalizedPayload: [{ air: { temperature: 21.5 } }] } },
      { ...uplink, name: "an error", bytes: "", expected: { error: "is empty" } },
      { name: "downlink", direction: "downlink", fPort: 1, object: { on: true }, expected: { bytes: "01", fPort: 9 } },
      { name: "read back", direction: "decodeDownlink", fPort: 9, bytes: "01", expected: { object: { on: true } } },
      { ...uplink, name: "nothing is expected", expected: {} },
    ];
    expect(await failing(...all)).toEqual([]);
  });

  test.each<[string, CodecCase, object]>([
    [
      "a value",
      { ...uplink, expected: { object: { t: 22, fPort: 2, at: "1970-01-01T00:00:00.000Z" } } },
      { path: "/object/t", expected: 22, actual: 21.5 },
    ],
    [
      "a member that is missing",
      { ...uplink, expected: { object: { t: 21.5, fPort: 2, at: "1970-01-01T00:00:00.000Z", more: 1 } } },
      { path: "/object/more", expected: 1 },
    ],
    [
      "a member too many",
      { ...uplink, expected: { object: { t: 21.5, at: "1970-01-01T00:00:00.000Z" } } },
      { path: "/object/fPort", actual: 2 },
    ],
    ["a warning", { ...uplink, expected: { warnings: [] } }, { path: "/warnings/0", actual: "old" }],
    [
      "a measurement",
      { ...uplink, expected: { normalizedPayload: [{ air: { temperature: 3 } }] } },
      { path: "/normalizedPayload/0/air/temperature", expected: 3, actual: 21.5 },
    ],
    [
      "an error instead of data",
      { ...uplink, bytes: "", expected: { object: {} } },
      { path: "/error", expected: "no error", actual: "the payload is empty" },
    ],
    [
      "data instead of an error",
      { ...uplink, expected: { error: "empty" } },
      { path: "/error", expected: "empty", actual: "no error" },
    ],
    [
      "another error",
      { ...uplink, bytes: "", expected: { error: "too long" } },
      { path: "/error", expected: "too long", actual: "the payload is empty" },
    ],
    [
      "bytes",
      { name: "n", direction: "downlink", fPort: 1, object: {}, expected: { bytes: "01" } },
      { path: "/bytes", expected: "01", actual: "00" },
    ],
  ])("tell of %s", async (_what, one, difference) => {
    expect(await failing({ ...uplink, name: "good", expected: {} }, one)).toEqual([
      { index: 1, name: "n", differences: [difference] },
    ]);
  });
});

describe("differences of JSON", () => {
  test.each([
    [1, 1 + 1e-12],
    [1e20, 1e20 * (1 + 1e-12)],
    [{ a: null }, {}],
    [{}, { a: null }],
    [
      [1, [2]],
      [1, [2]],
    ],
  ])("%j and %j have none", (expected, actual) => {
    expect(differences(expected, actual)).toEqual([]);
  });

  test.each([
    [1, "1", [{ path: "", expected: 1, actual: "1" }]],
    [[1, 2], [1], [{ path: "/1", expected: 2 }]],
    [{ "a/b": { "~": 1 } }, { "a/b": { "~": 2 } }, [{ path: "/a~1b/~0", expected: 1, actual: 2 }]],
    [{ a: [] }, { a: {} }, [{ path: "/a", expected: [], actual: {} }]],
    [{ constructor: 1 }, {}, [{ path: "/constructor", expected: 1 }]],
    [0, 1e-6, [{ path: "", expected: 0, actual: 1e-6 }]],
  ])("%j and %j differ", (expected, actual, found) => {
    expect(differences(expected, actual)).toEqual(found);
  });

  test("are twenty at most", () => {
    expect(
      differences(
        Array.from({ length: 100 }, (_, n) => n),
        [],
      ),
    ).toHaveLength(20);
  });
});

describe("examples of a device repository's codec", () => {
  test("become cases that its codec passes", async () => {
    const definition = {
      uplinkDecoder: {
        fileName: "a.js",
        examples: [
          {
            description: "Warm",
            input: { fPort: 2, bytes: [215], recvTime: "2026-01-02T03:04:05Z" },
            output: { data: { t: 21.5, fPort: 2, at: "2026-01-02T03:04:05.000Z", site: null }, warnings: ["old"] },
            normalizedOutput: { data: [{ air: { temperature: 21.5 } }] },
          },
          { description: "Warm", input: { fPort: 2, bytes: [] }, output: { errors: ["the payload is empty"] } },
          { input: "no example" },
        ],
      },
      downlinkEncoder: {
        fileName: "a.js",
        examples: [{ input: { data: { on: true } }, output: { bytes: [1], fPort: 9 } }],
      },
      downlinkDecoder: {
        fileName: "a.js",
        examples: [{ input: { fPort: 9, bytes: [1] }, output: { data: { on: true } } }],
      },
    };
    const cases = casesOfRepositoryCodec(definition);
    expect(cases.map(({ name }) => name)).toEqual(["Warm", "Warm (2)", "downlink 1", "decodeDownlink 1"]);
    expect(await failing(...cases)).toEqual([]);
  });

  test.each([undefined, null, 5, "text", [], { uplinkDecoder: 5 }, { uplinkDecoder: { examples: null } }, {}])(
    "that is %j has none",
    definition => {
      expect(casesOfRepositoryCodec(definition)).toEqual([]);
    },
  );
});
