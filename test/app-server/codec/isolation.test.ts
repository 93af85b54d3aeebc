import { afterAll, describe, expect, test } from "vitest";
import { createCodecSandbox } from "../../../app-server/codec/sandbox.ts";
import { systemClock } from "../../../platform/clock.ts";
import { createMetrics } from "../../../platform/metrics.ts";

// One thread, so that every call of a script meets the context that the one before left behind.
const sandbox = createCodecSandbox({
  clock: systemClock,
  metrics: createMetrics(),
  workers: 1,
  timeMs: 1000,
  graceMs: 20_000,
});
afterAll(() => sandbox.close());

const call = async (script: string, byte = 0) => {
  const input = { bytes: Uint8Array.of(byte), fPort: 1, recvTimeMs: 0, variables: {}, scope: "tenant" };
  const outcome = await sandbox.decode({ kind: "javascript", script }, input);
  return outcome.kind === "failed" ? outcome.message : outcome.object;
};

/** Answers of two calls of one script, as two devices would make them. */
const twice = async (script: string) => [await call(script, 1), await call(script, 2)];

describe("a call sees nothing of the call before", () => {
  test.each([
    ["in a variable", "var n = 0; function decodeUplink() { n += 1; return { data: { n } }; }"],
    ["in a let", "let n = 0; const decodeUplink = () => { n += 1; return { data: { n } }; };"],
    [
      "in an object that decoders fill",
      "var out = {}; function Decoder(b) { out['n' + b[0]] = 1; return { n: Object.keys(out).length }; }",
    ],
    [
      "in a closure",
      "var f = (function () { var n = 0; return function () { n += 1; return n; }; })(); function Decoder() { return { n: f() }; }",
    ],
    ["of a module", "let n = 0; export function decodeUplink() { n += 1; return { data: { n } }; }"],
    [
      "in an undeclared variable",
      "function Decoder() { n = (typeof n === 'undefined' ? 0 : n) + 1; return { n: n }; }",
    ],
    [
      "on the global object",
      "function Decoder() { globalThis.n = (globalThis.n || 0) + 1; return { n: globalThis.n }; }",
    ],
    [
      "on this",
      "function Decoder() { var g = (function () { return this; })(); g.n = (g.n || 0) + 1; return { n: g.n }; }",
    ],
    [
      "in module.exports",
      "exports.n = (exports.n || 0) + 1; exports.decodeUplink = () => ({ data: { n: exports.n } });",
    ],
    ["on a function", "function Decoder() { Decoder.n = (Decoder.n || 0) + 1; return { n: Decoder.n }; }"],
    [
      "on its caller",
      "function Decoder() { var c; try { c = arguments.callee.caller; } catch (e) {} if (c) c.n = (c.n || 0) + 1; return { n: c ? c.n : 1 }; }",
    ],
    [
      "on Object.prototype",
      "function Decoder() { var o = {}; try { o.constructor.prototype.n = (o.n || 0) + 1; } catch (e) {} return { n: ({}).n || 1 }; }",
    ],
    [
      "on a prototype by another name",
      "function Decoder() { var p = [].__proto__; try { p.n = (p.n || 0) + 1; } catch (e) {} return { n: [].n || 1 }; }",
    ],
    [
      "on JSON",
      "function Decoder() { var j = JSON; try { j.n = (j.n || 0) + 1; } catch (e) {} return { n: j.n || 1 }; }",
    ],
    [
      "on console",
      "function Decoder() { try { console.n = (console.n || 0) + 1; } catch (e) {} return { n: console.n || 1 }; }",
    ],
    [
      "in a console of its own",
      "function Decoder() { var n = (console.n || 0) + 1; console = { n: n }; return { n: n }; }",
    ],
    [
      "on Buffer",
      "function Decoder() { var B = Buffer; try { B.n = (B.n || 0) + 1; } catch (e) {} return { n: B.n || 1 }; }",
    ],
    [
      "on an iterator's prototype",
      "function Decoder() { var p = Object.getPrototypeOf([].values()); try { p.n = (p.n || 0) + 1; } catch (e) {} return { n: [].values().n || 1 }; }",
    ],
    [
      "on a generator's prototype",
      "function* g() {} function Decoder() { var p = Object.getPrototypeOf(Object.getPrototypeOf(g())); try { p.n = (p.n || 0) + 1; } catch (e) {} return { n: g().n || 1 }; }",
    ],
    [
      "in a setter of a built-in",
      "function Decoder() { var s = Object.getOwnPropertyDescriptor(Object.prototype, 'toString').set; try { s.n = (s.n || 0) + 1; } catch (e) {} return { n: s && s.n || 1 }; }",
    ],
    [
      "in an accessor that cannot be deleted",
      "function Decoder() { var g = globalThis; var n = (g.kept || 0) + 1; try { Object.defineProperty(g, 'kept', { value: n }); } catch (e) {} return { n: n }; }",
    ],
    [
      "in the prototype of the global object",
      "function Decoder() { var g = globalThis; var n = (g.n || 0) + 1; try { Object.setPrototypeOf(g, { n: n }); } catch (e) {} return { n: n }; }",
    ],
    [
      "in a polyfill",
      "if (!Array.prototype.last) { Array.prototype.last = function () { return this[this.length - 1]; }; var n = 1; } function Decoder() { return { n: n || 2, l: [1, 1].last() }; }",
    ],
    [
      "in a built-in that it replaces",
      "var old = Math.round; Math.round = function (x) { return old(x) + 1; }; function Decoder() { return { n: Math.round(0) }; }",
    ],
    [
      "in a prototype that it extends when called",
      "function Decoder() { Number.prototype.plus = function () { return this + (Number.prototype.k || 1); }; Number.prototype.k = (Number.prototype.k || 0) + 1; return { n: (0).plus() }; }",
    ],
    [
      "by Date.now",
      "function Decoder() { var n = Date.seen ? 2 : 1; try { Date.seen = 1; } catch (e) {} return { n: n }; }",
    ],
    ["in a regular expression", "var r = /a/g; function Decoder() { r.test('aa'); return { n: r.lastIndex }; }"],
    [
      "in a symbol's registry",
      "function Decoder() { var s = Symbol.for('n'); var w = new Map(); w.set(s, 1); return { n: w.size }; }",
    ],
  ])("%s", async (_name, script) => {
    const [first, second] = await twice(script);
    expect(first).toMatchObject({ n: 1 });
    expect(second).toEqual(first);
  });
});

describe("what scripts do to their own objects", () => {
  test.each([
    [
      "assign a message",
      "var e = new Error('a'); e.message = 'b'; e.name = 'C'; return { n: e.name + e.message };",
      "Cb",
    ],
    ["assign toString", "var o = {}; o.toString = function () { return 'mine'; }; return { n: '' + o };", "mine"],
    [
      "assign constructor and valueOf",
      "var o = { }; o.constructor = 1; o.valueOf = 2; return { n: JSON.stringify(o) };",
      '{"constructor":1,"valueOf":2}',
    ],
    [
      "assign them in strict mode",
      "'use strict'; var o = {}; o.toString = 1; return { n: JSON.stringify(o) };",
      '{"toString":1}',
    ],
    [
      "inherit",
      "function A() {} A.prototype.hi = function () { return 'hi'; }; function B() {} B.prototype = Object.create(A.prototype); B.prototype.constructor = B; return { n: new B().hi() + (new B().constructor === B) };",
      "hitrue",
    ],
    [
      "extend an error",
      "class E extends Error { constructor(m) { super(m); this.name = 'E'; } } try { throw new E('x'); } catch (e) { return { n: e.name + e.message + (e instanceof Error) }; }",
      "Extrue",
    ],
    ["assign to a text", "var s = 'a'; s.toString = 1; return { n: s };", "a"],
    ["name __proto__", "var o = JSON.parse('{\"__proto__\": 1}'); return { n: JSON.stringify(o) };", '{"__proto__":1}'],
  ])("%s", async (_name, body, expected) => {
    expect(await call(`function Decoder() { ${body} }`)).toEqual({ n: expected });
  });

  test.each([
    "var exports = exports || {}; exports.decodeUplink = () => ({ data: { n: 1 } });",
    "const module = {}; function decodeUplink() { return { data: { n: 1 } }; }",
    "let exports = 5; const decodeUplink = () => ({ data: { n: 1 } });",
    "const { Buffer: B } = require('buffer'); const Buffer = B; function decodeUplink() { return { data: { n: Buffer.from('a').length } }; }",
    "module.exports = function decodeUplink() { return { data: { n: 1 } }; };",
    "export default { decodeUplink() { return { data: { n: 1 } }; } };",
    "export default function decodeUplink() { return { data: { n: 1 } }; }",
    "const mine = () => ({ data: { n: 1 } });\nexport { mine as decodeUplink };",
    "import { Buffer } from 'buffer';\nexport const decodeUplink = () => ({ data: { n: Buffer.from('a').length } });",
    "this.decodeUplink = function () { return { data: { n: 1 } }; };",
    "decodeUplink = function () { return { data: { n: 1 } }; };",
    "var a=()=>({data:{n:1}});export{a as decodeUplink};",
  ])("%s is found", async script => {
    expect(await twice(script)).toEqual([{ n: 1 }, { n: 1 }]);
  });
});
