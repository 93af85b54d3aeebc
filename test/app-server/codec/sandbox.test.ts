import { afterAll, describe, expect, test } from "vitest";
import { createCodecSandbox } from "../../../app-server/codec/sandbox.ts";
import type { DeviceCodec } from "../../../app-server/ports.ts";
import { systemClock } from "../../../platform/clock.ts";
import { createMetrics } from "../../../platform/metrics.ts";

const sandbox = createCodecSandbox({ clock: systemClock, metrics: createMetrics(), graceMs: 5000 });
afterAll(() => sandbox.close());

const javascript = (script: string): DeviceCodec => ({ kind: "javascript", script });
const input = {
  bytes: Uint8Array.of(0x00, 0xcd, 0x05),
  fPort: 7,
  recvTimeMs: Date.UTC(2026, 0, 2, 3, 4, 5, 678),
  variables: { offset: "3" },
};
const decode = (script: string, scope?: string) =>
  sandbox.decode(javascript(script), scope === undefined ? input : { ...input, scope });
const encode = (script: string, object: Record<string, unknown> = { on: true }) =>
  sandbox.encode(javascript(script), { fPort: 7, object, variables: { offset: "3" } });

describe("styles of decoders", () => {
  test("decodeUplink gets bytes, fPort, recvTime and variables and gives data and warnings", async () => {
    const script = `function decodeUplink(input) {
      return {
        data: {
          celsius: (input.bytes[0] << 8 | input.bytes[1]) / 10 + Number(input.variables.offset),
          port: input.fPort, isArray: Array.isArray(input.bytes), time: input.recvTime.toISOString(),
        },
        warnings: ["battery is low"], errors: [],
      };
    }`;
    expect(await decode(script)).toEqual({
      kind: "decoded",
      object: { celsius: 23.5, port: 7, isArray: true, time: "2026-01-02T03:04:05.678Z" },
      warnings: ["battery is low"],
    });
  });

  test("Decode takes port, bytes and variables and its answer is the data", async () => {
    const outcome = await decode(
      "function Decode(fPort, bytes, variables) { return { fPort, n: bytes.length, variables }; }",
    );
    expect(outcome).toMatchObject({ kind: "decoded", object: { fPort: 7, n: 3, variables: { offset: "3" } } });
  });

  test("Decoder takes bytes and port", async () => {
    expect(await decode("function Decoder(bytes, port) { return { port, first: bytes[1] }; }")).toMatchObject({
      kind: "decoded",
      object: { port: 7, first: 0xcd },
    });
  });

  test.each([
    "const decodeUplink = input => ({ data: { n: input.bytes.length } });",
    "exports.decodeUplink = input => ({ data: { n: input.bytes.length } });",
    "module.exports = { decodeUplink(input) { return { data: { n: input.bytes.length } }; } };",
    "const n = bytes => bytes.length;\nexport function decodeUplink(input) { return { data: { n: n(input.bytes) } }; }",
    "// export\nfunction decodeUplink(input) { return { data: { n: input.bytes.length } }; }",
  ])("%s is found", async script => {
    expect(await decode(script)).toMatchObject({ kind: "decoded", object: { n: 3 } });
  });

  test("normalizeUplink runs on the decoded data", async () => {
    const script = `function decodeUplink() { return { data: { t: 21 } }; }
      function normalizeUplink(input) { return { data: { air: { temperature: input.data.t } } }; }`;
    expect(await decode(script)).toMatchObject({
      kind: "decoded",
      normalized: { kind: "normalized", measurements: [{ air: { temperature: 21 } }] },
    });
  });

  test("scripts find a Buffer", async () => {
    const script = `function decodeUplink(input) {
      const b = Buffer.from(input.bytes);
      const w = Buffer.alloc(8); w.writeFloatBE(1.5, 0); w.writeInt16LE(-2, 4); w.writeUInt16BE(0xabcd, 6);
      return { data: { u16: b.readUInt16BE(0), hex: b.toString("hex"), base64: b.toString("base64"), utf8: Buffer.from("é").toString("hex"),
        w: w.toString("hex"), back: [w.readFloatBE(0), w.readInt16LE(4)], fromBase64: Array.from(Buffer.from("AM0F", "base64")),
        slice: b.slice(1).length, isBuffer: Buffer.isBuffer(b), required: require("buffer").Buffer === Buffer } };
    }`;
    const expected = Buffer.alloc(8);
    expected.writeFloatBE(1.5, 0);
    expected.writeInt16LE(-2, 4);
    expected.writeUInt16BE(0xabcd, 6);
    expect(await decode(script)).toMatchObject({
      kind: "decoded",
      object: {
        u16: 0xcd,
        hex: "00cd05",
        base64: "AM0F",
        utf8: "c3a9",
        w: expected.toString("hex"),
        back: [1.5, -2],
        fromBase64: [0, 0xcd, 5],
        slice: 2,
        isBuffer: true,
        required: true,
      },
    });
  });
});

describe("styles of encoders", () => {
  test("encodeDownlink gets data, fPort and variables", async () => {
    const script = `function encodeDownlink(input) {
      return { bytes: [input.data.on ? 1 : 0, Number(input.variables.offset), -1], fPort: input.fPort + 1, warnings: ["w"] };
    }`;
    expect(await encode(script)).toEqual({
      kind: "encoded",
      bytes: Uint8Array.of(1, 3, 255),
      fPort: 8,
      warnings: ["w"],
    });
  });

  test.each([
    "function Encode(fPort, obj, variables) { return [fPort, obj.on ? 1 : 0, Number(variables.offset)]; }",
    "function Encoder(obj, port) { return [port, obj.on ? 1 : 0, 3]; }",
  ])("%s gives bytes", async script => {
    expect(await encode(script)).toEqual({ kind: "encoded", bytes: Uint8Array.of(7, 1, 3), warnings: [] });
  });

  test.each([
    ["{ bytes: [1, 256] }", /bytes as whole numbers/],
    ["{ bytes: [1.5] }", /bytes as whole numbers/],
    ["{ bytes: 'abc' }", /bytes as whole numbers/],
    ["{ }", /did not return bytes/],
    ["{ errors: ['no such switch'] }", /no such switch/],
    ["{ bytes: [1], fPort: 'x' }", /bytes as whole numbers/],
  ])("an answer %s is refused", async (answer, message) => {
    expect(await encode(`function encodeDownlink() { return ${answer}; }`)).toMatchObject({
      kind: "failed",
      message: expect.stringMatching(message),
    });
  });

  test("decodeDownlink tells what a payload means", async () => {
    const script = "function decodeDownlink(input) { return { data: { on: input.bytes[2] === 5 } }; }";
    expect(await sandbox.decodeDownlink(javascript(script), input)).toMatchObject({
      kind: "decoded",
      object: { on: true },
    });
  });
});

describe("answers that are none", () => {
  test.each([
    ["return undefined;", /returned nothing/],
    ["return null;", /did not return an object/],
    ["return 5;", /did not return an object/],
    ["return {};", /did not return data/],
    ["return { data: 5 };", /data as an object/],
    ["return { data: [1] };", /data as an object/],
    ["return { errors: ['too short', { code: 1 }] };", /errors: too short, \{"code":1\}/],
    ["throw new Error('bad length');", /Error: bad length \(line 1\)/],
    ["throw 'a text';", /a text/],
    ["throw null;", /null/],
    ["throw { get message() { throw 1; } };", /no text/],
    ["return missing;", /ReferenceError: .*missing/],
    ["return Promise.resolve({ data: {} });", /promise/],
    ["return { data: { n: 10n } };", /BigInt/],
    ["const a = {}; a.a = a; return { data: a };", /circular/],
    ["let a = {}; for (let i = 0; i < 200; i += 1) a = { a }; return { data: a };", /nested/],
    ["return { data: { text: 'x'.repeat(300000) } };", /larger than/],
    ["return new Proxy({}, { get() { throw new Error('trap'); }, has() { throw new Error('trap'); } });", /trap/],
  ])("%s", async (body, message) => {
    expect(await decode(`function decodeUplink(input) { ${body} }`)).toMatchObject({
      kind: "failed",
      message: expect.stringMatching(message),
    });
  });

  test("async functions are named as the mistake", async () => {
    expect(await decode("async function decodeUplink() { return { data: {} }; }")).toMatchObject({
      message: expect.stringMatching(/promise/),
    });
  });

  test("a script that does not parse says where", async () => {
    expect(await decode("function decodeUplink() {\n  return {\n}")).toMatchObject({
      message: expect.stringMatching(/does not load: SyntaxError: .*line/),
    });
  });

  test("a script without a decoder says so", async () => {
    expect(await decode("const x = 1;")).toMatchObject({ message: expect.stringMatching(/no function decodeUplink/) });
  });

  test("numbers that JSON lacks become null and dates become text", async () => {
    const script = "function decodeUplink() { return { data: { a: NaN, b: 1 / 0, c: new Date(0), d: undefined } }; }";
    expect(await decode(script)).toMatchObject({ object: { a: null, b: null, c: "1970-01-01T00:00:00.000Z" } });
  });
});

describe("scripts that mean harm", () => {
  const healthy = "function decodeUplink(input) { return { data: { n: input.bytes.length } }; }";

  test.each([
    ["an endless loop", "for (;;) {}", /took longer than/],
    ["endless recursion", "const f = () => f() + 1; return f();", /stack|memory/],
    ["an array without end", "const a = []; for (;;) a.push({});", /memory|took longer/],
    ["large buffers without end", "const a = []; for (;;) a.push(new Uint8Array(1e6));", /memory/],
    ["a string that doubles", "let s = 'x'; for (;;) s += s;", /memory|too long/],
    ["a regular expression that backtracks", "return /(a+)+b/.test('a'.repeat(40));", /took longer/],
    [
      "a deep object",
      "let o = {}; for (let i = 0; i < 1e5; i += 1) o = { o }; return JSON.stringify(o);",
      /memory|stack|killed|took longer/,
    ],
    ["an endless toJSON", "return { data: { toJSON() { for (;;) {} } } };", /took longer/],
    ["endless error texts", "throw { get message() { for (;;) {} } };", /took longer/],
    ["an endless loop that catches", "for (;;) { try { for (;;) {} } catch {} }", /took longer/],
  ])("%s fails and others go on", async (_name, body, message) => {
    const [bad, good] = await Promise.all([decode(`function decodeUplink() { ${body} }`), decode(healthy)]);
    expect(bad).toMatchObject({ kind: "failed", message: expect.stringMatching(message) });
    expect(good).toMatchObject({ kind: "decoded", object: { n: 3 } });
    expect(await decode(healthy)).toMatchObject({ kind: "decoded" });
  });

  test("a built-in that cannot be interrupted costs its worker, and only the culprit fails", async () => {
    const stuck = decode("function decodeUplink() { return [].sort.call({ length: 2 ** 31 }, () => 1); }");
    const others = await Promise.all(Array.from({ length: 40 }, (_, n) => decode(`${healthy} // ${n}`)));
    expect(others.every(outcome => outcome.kind === "decoded")).toBe(true);
    expect(await stuck).toEqual({ kind: "failed", message: expect.stringMatching(/killed/) });
  });

  test("the event loop stays free while scripts overrun", async () => {
    let turns = 0;
    const timer = setInterval(() => {
      turns += 1;
    }, 5);
    await decode("function decodeUplink() { for (;;) {} } // loop");
    clearInterval(timer);
    expect(turns).toBeGreaterThan(5);
  });

  test("a script that keeps overrunning is suspended", async () => {
    const script = "function decodeUplink() { for (;;) {} } // again";
    for (let n = 0; n < 3; n += 1)
      expect(await decode(script)).toMatchObject({ message: expect.stringMatching(/longer/) });
    expect(await decode(script)).toMatchObject({ message: expect.stringMatching(/suspended/) });
    expect(await decode(healthy)).toMatchObject({ kind: "decoded" });
  });

  test("the host is out of reach", async () => {
    const script = `function decodeUplink() {
      const names = ["process", "require", "fetch", "setTimeout", "WebAssembly", "Worker", "postMessage", "SharedArrayBuffer"];
      const seen = names.filter(name => typeof globalThis[name] !== "undefined");
      const escaped = (function () {}).constructor("return typeof process")();
      return { data: { seen: seen.filter(name => name !== "SharedArrayBuffer"), escaped } };
    }`;
    expect(await decode(script)).toMatchObject({ object: { seen: [], escaped: "undefined" } });
  });

  test.each(["import 'fs'; export const id = 1;", "export function f() {} throw new Error('no');", "function ( {"])(
    "%s does not load, and others go on",
    async script => {
      const outcome = await decode(script);
      expect(outcome).toMatchObject({ kind: "failed", message: expect.stringContaining("does not load") });
      expect(await decode(healthy)).toMatchObject({ kind: "decoded" });
    },
  );

  test("tampering with built-ins stays with the script", async () => {
    const script = `JSON.stringify = () => "{}"; JSON.parse = () => ({}); Array.isArray = () => true;
      Object.prototype.polluted = 1;
      function decodeUplink(input) { return { data: { n: input.bytes.length } }; }`;
    expect(await decode(script)).toMatchObject({ kind: "decoded", object: { n: 3 } });
    expect(
      await decode("function decodeUplink() { return { data: { polluted: ({}).polluted === 1 } }; }"),
    ).toMatchObject({
      object: { polluted: false },
    });
    expect(Object.hasOwn(Object.prototype, "polluted")).toBe(false);
  });

  test("a member called __proto__ is data", async () => {
    const outcome = await decode(`function decodeUplink() { return { data: JSON.parse('{"__proto__": {"a": 1}}') }; }`);
    expect(JSON.stringify(outcome)).toContain('"object":{"__proto__":{"a":1}}');
  });
});

test("a full queue and a closed sandbox answer at once", async () => {
  const small = createCodecSandbox({ clock: systemClock, metrics: createMetrics(), workers: 1, maxWaiting: 1 });
  const script = "function decodeUplink() { return { data: {} }; }";
  const outcomes = await Promise.all([
    small.decode(javascript(script), input),
    small.decode(javascript(script), input),
  ]);
  expect(outcomes[0]).toMatchObject({ kind: "decoded" });
  expect(outcomes[1]).toMatchObject({ message: expect.stringMatching(/too many/) });
  const pending = small.decode(javascript(script), input);
  await small.close();
  expect(await pending).toMatchObject({ kind: "failed" });
  expect(await small.decode(javascript(script), input)).toMatchObject({ message: expect.stringMatching(/closed/) });
});

test("a thousand calls of one script keep their answers apart", async () => {
  const script = "function decodeUplink(i) { return { data: { n: i.bytes[0] * 256 + i.bytes[1] } }; }";
  const outcomes = await Promise.all(
    Array.from({ length: 1000 }, (_, n) =>
      sandbox.decode(javascript(script), { ...input, bytes: Uint8Array.of(n >> 8, n & 255) }),
    ),
  );
  outcomes.forEach((outcome, n) => {
    expect(outcome).toMatchObject({ object: { n } });
  });
});
