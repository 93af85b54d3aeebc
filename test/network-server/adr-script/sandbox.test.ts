import { afterAll, describe, expect, test } from "vitest";
import { parseTenantId } from "../../../lorawan/ids.ts";
import { createAdrScripts } from "../../../network-server/adr-script/sandbox.ts";
import type { AdrScriptRequest } from "../../../network-server/ports.ts";
import { systemClock } from "../../../platform/clock.ts";
import { createMetrics } from "../../../platform/metrics.ts";
import { createVirtualClock } from "../../support/virtual-clock.ts";

const metrics = createMetrics();
// A busy machine may need longer than the defaults to answer.
const scripts = createAdrScripts({ clock: systemClock, metrics, patienceMs: 20_000 });
afterAll(() => scripts.close());

const scope = parseTenantId("00000000-0000-4000-8000-000000000001");
const request: AdrScriptRequest = {
  devEui: "70b3d57ed0001234",
  regionName: "eu868",
  regionCommonName: "EU868",
  macVersion: "1.0.4",
  regParamsRevision: "RP002-1.0.4",
  adr: true,
  adrAckReq: false,
  dr: 2,
  txPowerIndex: 1,
  nbTrans: 1,
  minDr: 0,
  maxDr: 5,
  maxTxPowerIndex: 7,
  requiredSnrForDr: -15,
  installationMargin: 10,
  uplinkHistory: [{ fCnt: 7, maxSnr: 4.5, txPowerIndex: 1, gatewayCount: 2 }],
};
const decide = (script: string) => scripts.decide(script, scope, request);
const keep = "{ dr: req.dr, txPowerIndex: req.txPowerIndex, nbTrans: req.nbTrans }";

describe("an algorithm", () => {
  test("is given what is known and its answer is the decision", async () => {
    const script = `export function id() { return "mine"; }
      export const handle = req => ({
        dr: req.maxDr, txPowerIndex: req.uplinkHistory[0].gatewayCount, nbTrans: req.uplinkHistory.length,
        reason: req.devEui + " " + req.uplinkHistory[0].maxSnr,
      });`;
    expect(await decide(script)).toEqual({
      kind: "decided",
      wanted: { dataRate: 5, txPowerIndex: 2, nbTrans: 1 },
      id: "mine",
      reason: "70b3d57ed0001234 4.5",
    });
  });

  test("needs no name and no reason, and may be no module", async () => {
    expect(await decide(`function handle(req) { return ${keep}; }`)).toEqual({
      kind: "decided",
      wanted: { dataRate: 2, txPowerIndex: 1, nbTrans: 1 },
    });
  });

  test("says little in words", async () => {
    const script = `function id() { return "i".repeat(300); }
      function handle(req) { return { ...${keep}, reason: "r".repeat(300) }; }`;
    const outcome = await decide(script);
    expect(outcome).toMatchObject({ id: "i".repeat(200), reason: "r".repeat(200) });
  });

  test("begins anew at each call", async () => {
    const script = `let calls = 0; function handle(req) { calls += 1; return { ...${keep}, reason: String(calls) }; }`;
    await decide(script);
    expect(await decide(script)).toMatchObject({ reason: "1" });
  });
});

describe("an algorithm that fails", () => {
  test.each([
    ["throws", "function handle() { throw new Error('no idea'); }", "no idea (line 1)"],
    ["does not load", "function handle( {", "does not load"],
    ["has no handle", "function decide() {}", "no function handle"],
    ["returns nothing", "function handle() {}", "returned nothing"],
    ["returns a promise", "async function handle(req) { return req; }", "promise"],
    ["returns no number", "function handle(req) { return { dr: '5', txPowerIndex: 0, nbTrans: 1 }; }", "whole numbers"],
    ["returns half a number", "function handle(req) { return { dr: 1.5, txPowerIndex: 0, nbTrans: 1 }; }", "whole"],
    ["forgets one", "function handle(req) { return { dr: 1, txPowerIndex: 0 }; }", "whole numbers"],
    ["never ends", "function handle() { for (;;) {} }", "longer than 100 ms"],
    ["eats memory", "function handle() { const all = []; for (;;) all.push(new Uint8Array(1e6)); }", "memory"],
    ["has no Buffer", "function handle(req) { return Buffer.from([1]); }", "Buffer"],
  ])("%s", async (_, script, message) => {
    expect(await decide(script)).toMatchObject({ kind: "failed", message: expect.stringContaining(message) });
  });

  test("leaves the next one alone", async () => {
    await decide("function handle() { for (;;) {} } // once more");
    expect(await decide(`function handle(req) { return ${keep}; } // after it`)).toMatchObject({ kind: "decided" });
  });

  test("is counted", async () => {
    await decide("function handle() {}");
    expect(await metrics.registry.metrics()).toMatch(/upchirp_adr_script_runs_total\{result="failed"\} [1-9]/);
  });
});

test("an uplink does not wait for a script longer than its patience", async () => {
  const clock = createVirtualClock();
  const slow = createAdrScripts({ clock, metrics: createMetrics() });
  const outcome = slow.decide("function handle() { for (;;) {} }", scope, request);
  // Under this clock the thread's answer is never awaited: 400 ms pass in no time.
  await clock.advance(400);
  expect(await outcome).toEqual({ kind: "failed", message: "the script did not answer within 400 ms" });
  await slow.close();
});
