import { pino } from "pino";
import { afterAll, describe, expect, test } from "vitest";
import { createCodecSandbox } from "../../../app-server/codec/sandbox.ts";
import { systemClock } from "../../../platform/clock.ts";
import { createMetrics } from "../../../platform/metrics.ts";

const options = { clock: systemClock, metrics: createMetrics(), graceMs: 3000, restMs: 1000 };
const sandbox = createCodecSandbox(options);
// Where the time limit is not what is tested.
const patient = createCodecSandbox({ ...options, timeMs: 1000 });
afterAll(() => Promise.all([sandbox.close(), patient.close()]));

const healthy = "function decodeUplink(input) { return { data: { n: input.bytes.length } }; }";
const decode = (script: string, scope = "tenant", on = sandbox) =>
  on.decode(
    { kind: "javascript", script },
    { bytes: Uint8Array.of(1, 2, 3), fPort: 1, recvTimeMs: 0, variables: {}, scope },
  );
const run = (body: string, on = sandbox) => decode(`function decodeUplink(input) { ${body} }`, "tenant", on);

describe("ways out", () => {
  const names = ["process", "require", "fetch", "setTimeout", "WebAssembly", "Worker", "importScripts", "Deno"];
  const look = `names.filter(name => { try { return eval("typeof " + name) !== "undefined"; } catch (e) { return true; } })`;

  test.each([
    ["a constructor chain", "(0).constructor.constructor('return globalThis')()"],
    ["Function", "Function('return this')()"],
    ["an asynchronous function's constructor", "((async () => {}).constructor('return 1'), globalThis)"],
    ["a generator's constructor", "(function* () {}).constructor('yield globalThis')().next().value"],
    ["indirect eval", "(0, eval)('globalThis')"],
    [
      "an error's stack",
      "(() => { try { null.x; } catch (e) { return e.constructor.constructor('return this')(); } })()",
    ],
    [
      "the function that called",
      "(() => { try { return decodeUplink.caller.constructor('return this')(); } catch (e) { return globalThis; } })()",
    ],
    ["the input's prototype", "input.constructor.constructor('return this')()"],
    ["console", "console.log.constructor('return this')()"],
  ])("%s leads to nothing of the host", async (_name, expression) => {
    const outcome = await run(`const names = ${JSON.stringify(names)}; const g = ${expression};
      return { data: { inScope: ${look}, onGlobal: names.filter(name => name in g), isOwn: g === globalThis } };`);
    expect(outcome).toMatchObject({ kind: "decoded", object: { inScope: [], onGlobal: [], isOwn: true } });
  });

  test.each([
    ["a static import", "import fs from 'fs';\nexport function decodeUplink() { return { data: {} }; }"],
    ["an export of another module", "export * from 'fs';"],
    ["import.meta", "export function decodeUplink() { return { data: { url: import.meta.url } }; }"],
    ["an end of the function around it", "}); globalThis.out = 1; (() => {"],
    ["a dynamic import that is awaited", "async function decodeUplink() { return { data: await import('fs') }; }"],
  ])("%s fails", async (_name, script) => {
    expect(await decode(script)).toMatchObject({ kind: "failed" });
  });

  test("a dynamic import comes to nothing", async () => {
    expect(
      await run("import('fs').then(fs => { globalThis.fs = fs; }); return { data: { fs: typeof fs } };"),
    ).toMatchObject({
      object: { fs: "undefined" },
    });
  });
});

describe("what does not come to an end is stopped, and others go on", () => {
  test.each([
    ["a loop", "for (;;);"],
    ["a loop in finally", "try { for (;;); } finally { for (;;); }"],
    ["a loop in a getter of the result", "return { data: { get n() { for (;;); } } };"],
    ["a loop in a Proxy of the result", "return { data: new Proxy({}, { ownKeys() { for (;;); } }) };"],
    ["a loop in toJSON", "return { data: { n: { toJSON() { for (;;); } } } };"],
    ["a loop in toString of an error", "throw { toString() { for (;;); } };"],
    ["a loop in the comparison of a sort", "[3, 2, 1].sort(() => { for (;;); });"],
    ["a regular expression", "/^(\\w+\\s?)*$/.test('a'.repeat(40) + '!');"],
    ["an iterator", "for (const x of { [Symbol.iterator]: () => ({ next: () => ({ done: false }) }) });"],
    ["a spread of an endless iterator", "function* all() { for (;;) yield 1; } return { data: { n: [...all()] } };"],
    ["a recursion that catches", "const f = () => { try { f(); } catch (e) { f(); } }; f();"],
    ["a then of the result", "return { get then() { for (;;); } };"],
    ["a chain of promises", "const again = () => Promise.resolve().then(again); again(); for (;;);"],
    ["a replace with a slow function", "'a'.repeat(1e5).replace(/a/g, () => { for (;;); });"],
    ["a toPrimitive", "return { data: { n: +{ [Symbol.toPrimitive]() { for (;;); } } } };"],
  ])("%s", async (_name, body) => {
    const [bad, good] = await Promise.all([run(body), decode(healthy, "another")]);
    expect(bad).toMatchObject({
      kind: "failed",
      message: expect.stringMatching(/took longer|memory|stack|killed|suspended/),
    });
    expect(good).toMatchObject({ kind: "decoded", object: { n: 3 } });
  });

  test("a loop at the top of a script, also of one that looks as if it changed a built-in", async () => {
    expect(await decode("for (;;);")).toMatchObject({ message: expect.stringMatching(/took longer/) });
    const polyfill = "Array.prototype.x = 1; for (;;);";
    expect(await decode(polyfill)).toMatchObject({ message: expect.stringMatching(/took longer|killed/) });
    expect(await decode(healthy, "another")).toMatchObject({ kind: "decoded" });
  });

  test("promises that are left behind do not pile up", async () => {
    const script = `function decodeUplink() {
      for (let n = 0; n < 1000; n += 1) Promise.resolve().then(() => { globalThis.leaked = 1; });
      return { data: { leaked: typeof leaked } };
    }`;
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => decode(script)));
    expect(new Set(outcomes.map(outcome => JSON.stringify(outcome))).size).toBe(1);
    expect(outcomes[0]).toMatchObject({ object: { leaked: "undefined" } });
  });
});

describe("what takes memory fails, and others keep what they have", () => {
  test.each([
    ["a text that is repeated", "return { data: { n: 'x'.repeat(2 ** 29) } };"],
    ["padding", "return { data: { n: 'x'.padEnd(2 ** 28) } };"],
    ["a typed array", "return { data: { n: new Uint8Array(2 ** 30).length } };"],
    ["many typed arrays", "const all = []; for (;;) all.push(new Float64Array(1e5));"],
    ["an array of a length", "return { data: { n: new Array(2 ** 32 - 1).fill(0) } };"],
    ["joined arrays", "let a = [1]; for (;;) a = a.concat(a);"],
    ["a map", "const m = new Map(); for (let n = 0; ; n += 1) m.set({}, n);"],
    ["recursion", "const f = n => [n, f(n + 1)]; return f(0);"],
    [
      "recursion through JSON",
      "let o = {}; for (let n = 0; n < 50000; n += 1) o = [o]; return { data: { n: JSON.stringify(o).length } };",
    ],
    ["nested functions' source", "return { data: { n: eval('('.repeat(1e5) + ')'.repeat(1e5)) } };"],
    ["a wide regular expression", "return { data: { n: new RegExp('(a|b)'.repeat(1e5)).test('a') } };"],
    ["bigints", "let n = 2n; for (;;) n = n * n;"],
  ])("%s", async (_name, body) => {
    const bad = await run(body);
    expect(bad.kind).toBe("failed");
    expect(await decode(healthy, "another")).toMatchObject({ kind: "decoded", object: { n: 3 } });
  });
});

describe("answers that mean harm", () => {
  test.each([
    ["is large", "return { data: { n: 'x'.repeat(1e6) } };", /larger/],
    [
      "has many members",
      "const data = {}; for (let n = 0; n < 1e5; n += 1) data['n' + n] = n; return { data };",
      /larger|longer|memory/,
    ],
    ["is deep", "let data = {}; for (let n = 0; n < 65; n += 1) data = { data }; return data;", /nested/],
    ["goes round", "const data = {}; data.self = data; return { data };", /circular/],
    ["has a getter that throws", "return { data: { get n() { throw new Error('no'); } } };", /no/],
    ["is a bigint", "return { data: { n: 1n } };", /BigInt/],
    ["is a symbol", "return Symbol('n');", /did not return an object/],
    ["is a function", "return () => 1;", /did not return an object/],
    ["throws a text", "throw 'text';", /^text$/],
    ["throws nothing", "throw undefined;", /undefined/],
    ["throws a symbol", "throw Symbol('x');", /Symbol|text/],
    ["throws a Proxy", "throw new Proxy({}, { has() { throw 1; }, get() { throw 2; } });", /text/],
    ["has a warning that is no list", "return { data: {}, warnings: { length: 1e9 } };", /object/],
    ["has endless errors", "return { errors: Array.from({ length: 1e4 }, () => 'e'.repeat(20)) };", /returned errors/],
  ])("one that %s is refused in words", async (_name, body, message) => {
    const outcome = await run(body, patient);
    expect(outcome).toMatchObject({ kind: "failed", message: expect.stringMatching(message) });
    expect(outcome.kind === "failed" && outcome.message.length).toBeLessThan(25_000);
  });

  test.each([
    ["no numbers", "{ a: NaN, b: Infinity, c: -Infinity, d: -0 }", { a: null, b: null, c: null, d: 0 }],
    ["no values", "{ a: undefined, b: () => 1, c: Symbol('c'), d: null }", { d: null }],
    ["typed arrays", "{ a: new Uint8Array([1]) }", { a: { 0: 1 } }],
    ["sparse lists", "{ a: [, 1] }", { a: [null, 1] }],
    ["boxed values", "{ a: new Number(1), b: new String('b'), c: new Boolean(false) }", { a: 1, b: "b", c: false }],
    ["maps and sets", "{ a: new Map([[1, 2]]), b: new Set([1]) }", { a: {}, b: {} }],
  ])("%s become what JSON has for them", async (_name, data, expected) => {
    expect(await run(`return { data: ${data} };`, patient)).toMatchObject({ kind: "decoded", object: expected });
  });

  test("__proto__, constructor and prototype are names like others, and change nothing here", async () => {
    const outcome = await run(
      `return { data: JSON.parse('{"__proto__": {"polluted": 1}, "constructor": {"prototype": {"polluted": 1}}}') };`,
    );
    expect(JSON.stringify(outcome)).toContain(
      '"object":{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}',
    );
    expect("polluted" in {}).toBe(false);
  });
});

describe("a script that keeps running too long", () => {
  test("is suspended and told of, and comes back by itself or when it is changed", async () => {
    const lines: string[] = [];
    const log = pino({ base: null }, { write: line => void lines.push(line) });
    const own = createCodecSandbox({ ...options, restMs: 300, log });
    const bad = "let n = 0; function decodeUplink(i) { if (i.bytes.length === 3) for (;;); return { data: {} }; }";
    const good = { bytes: Uint8Array.of(1), fPort: 1, recvTimeMs: 0, variables: {}, scope: "tenant" };
    for (let n = 0; n < 3; n += 1) await decode(bad, "tenant", own);
    expect(await own.decode({ kind: "javascript", script: bad }, good)).toMatchObject({
      message: "the script is suspended for 1 s because it keeps running too long",
    });
    expect(lines.map(line => JSON.parse(line))).toEqual([
      expect.objectContaining({ tenantId: "tenant", forMs: 300, msg: expect.stringContaining("suspended") }),
    ]);
    // Another tenant's copy and a changed script are scripts of their own.
    expect(await own.decode({ kind: "javascript", script: bad }, { ...good, scope: "other" })).toMatchObject({
      kind: "decoded",
    });
    expect(await own.decode({ kind: "javascript", script: `${bad}//` }, good)).toMatchObject({ kind: "decoded" });
    await expect
      .poll(async () => (await own.decode({ kind: "javascript", script: bad }, good)).kind, { timeout: 10_000 })
      .toBe("decoded");
    await own.close();
  });

  test("delays nobody else: another tenant's calls do not wait behind its own", async () => {
    const own = createCodecSandbox({ ...options, workers: 2 });
    // As many scripts as there are, so that none of them is suspended before the others have had their turn.
    const hostile = Array.from({ length: 60 }, (_, n) =>
      decode(`function decodeUplink() { for (;;); } // ${n}`, "hostile", own),
    );
    let finished = 0;
    for (const call of hostile) void call.then(() => (finished += 1));
    for (let n = 0; n < 20; n += 1)
      expect(await decode(`${healthy} // ${n}`, "victim", own)).toMatchObject({ kind: "decoded" });
    // Twenty calls one after the other, each behind a few of the hostile ones at most.
    expect(finished).toBeLessThan(45);
    await own.close();
    await Promise.all(hostile);
  });
});

/** CPU time of the longest turn that this thread's event loop takes while `work` goes on. What others of the machine do does not count. */
async function longestTurnMs(work: () => Promise<unknown>): Promise<number> {
  const cpuMs = () => {
    const { user, system } = process.threadCpuUsage();
    return (user + system) / 1000;
  };
  let longest = 0;
  let before = cpuMs();
  let isOver = false;
  const turn = () => {
    const now = cpuMs();
    longest = Math.max(longest, now - before);
    before = now;
    if (!isOver) setImmediate(turn);
  };
  setImmediate(turn);
  await work();
  isOver = true;
  return longest;
}

/** What is collected of other files' garbage falls into one turn or another; what the work itself takes, it takes each time. */
async function leastLongestTurnMs(work: () => Promise<unknown>): Promise<number> {
  const turns: number[] = [];
  for (let round = 0; round < 3; round += 1) turns.push(await longestTurnMs(work));
  return Math.min(...turns);
}

test("hostile scripts keep the event loop no longer than healthy ones, or 10 ms", async () => {
  const own = createCodecSandbox({ ...options, workers: 2 });
  const bodies = [
    "for (;;);",
    "const all = []; for (;;) all.push(new Uint8Array(1e6));",
    "return { data: { n: 'x'.repeat(250000) } };",
    "const data = {}; for (let n = 0; n < 8000; n += 1) data['n' + n] = [n]; return { data };",
    "return { errors: Array.from({ length: 5000 }, () => 'e'.repeat(40)) };",
    "throw new Error('x'.repeat(1e6));",
    "let data = {}; for (let n = 0; n < 60; n += 1) data = { data }; return { data };",
  ];
  const callsOf = (scripts: readonly string[]) => async () => {
    for (let n = 0; n < 5; n += 1) await Promise.all(scripts.map((script, of) => decode(script, `tenant-${of}`, own)));
  };
  const kind = bodies.map((_, n) => `${healthy} // ${n}`);
  const hostile = bodies.map(body => `function decodeUplink() { ${body} }`);
  // Once without looking: threads start, and code is compiled.
  await callsOf([...kind, ...hostile])();
  const control = await leastLongestTurnMs(callsOf(kind));
  const found = await leastLongestTurnMs(callsOf(hostile));
  expect(found).toBeLessThan(Math.max(10, 2 * control));
  await own.close();
});
