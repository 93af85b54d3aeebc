import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { mergeSession } from "../../migration/merge.ts";
import type { DeviceState, Session } from "../../network-server/session.ts";
import { someSession } from "../support/sessions.ts";

const counter = fc.integer({ min: 0, max: 1000 });
const counters = fc.record({ fCntUp: counter, nFCntDown: counter, aFCntDown: counter });
const other = { fNwkSIntKey: "0f".repeat(16) };
const joinNonce = fc.record({ here: fc.integer({ min: 0, max: 3 }), there: fc.integer({ min: 0, max: 3 }) });

const merged = (here: DeviceState, input: Parameters<typeof mergeSession>[0]): DeviceState => {
  const merge = mergeSession(input);
  return merge.kind === "write" ? merge.state : here;
};

describe("what is merged", () => {
  test("never has a lower counter than either had, of one session", () => {
    fc.assert(
      fc.property(counters, counters, joinNonce, (one, two, nonces) => {
        const here = { active: someSession(one) };
        const result = merged(here, { here, carried: someSession(two), rejoined: undefined, joinNonce: nonces }).active;
        expect(result).toMatchObject({
          fCntUp: Math.max(one.fCntUp, two.fCntUp),
          nFCntDown: Math.max(one.nFCntDown, two.nFCntDown),
          aFCntDown: Math.max(one.aFCntDown, two.aFCntDown),
        });
      }),
    );
  });

  test("is the same when it is merged once more", () => {
    fc.assert(
      fc.property(counters, counters, joinNonce, fc.boolean(), (one, two, nonces, isOther) => {
        const here = { active: someSession({ ...one, ...(isOther && other) }) };
        const input = { carried: someSession(two), rejoined: undefined, joinNonce: nonces };
        const once = merged(here, { here, ...input });
        expect(mergeSession({ here: once, ...input })).toMatchObject({ kind: "leave" });
      }),
    );
  });

  test("is of two sessions the one of the later join, and else the one that was heard later", () => {
    const mine = someSession({ ...other, lastUplinkAtMs: 2000 });
    const theirs = (lastUplinkAtMs: number): Session => someSession({ lastUplinkAtMs });
    const here = { active: mine };
    const winner = (there: number, lastUplinkAtMs: number): string | undefined =>
      merged(here, { here, carried: theirs(lastUplinkAtMs), rejoined: undefined, joinNonce: { here: 5, there } }).active
        ?.fNwkSIntKey;
    expect(winner(6, 1000)).toBe(theirs(0).fNwkSIntKey);
    expect(winner(4, 3000)).toBe(mine.fNwkSIntKey);
    expect(winner(5, 3000)).toBe(theirs(0).fNwkSIntKey);
    expect(winner(5, 1000)).toBe(mine.fNwkSIntKey);
  });
});
