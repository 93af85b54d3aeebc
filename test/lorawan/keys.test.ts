import { describe, expect, test } from "vitest";
import { parseDevEui, parseJoinEui, parseNetId } from "../../lorawan/ids.ts";
import { deriveJoinServerKeys, deriveSessionKeys10, deriveSessionKeys11, parseAesKey } from "../../lorawan/keys.ts";
import { hexOf, joinVectors } from "./phy/vectors.ts";

const hexesOf = (keys: object): Record<string, string> =>
  Object.fromEntries(Object.entries(keys).map(([name, key]) => [name, hexOf(key)]));

describe("session keys", () => {
  test("the vectors hold both derivations", () => {
    expect(new Set(joinVectors.sessionKeys.map(({ optNeg }) => optNeg))).toEqual(new Set([true, false]));
  });

  test("OptNeg 0 derives two keys from the root key and NetID, in all vectors", () => {
    for (const vector of joinVectors.sessionKeys.filter(({ optNeg }) => !optNeg)) {
      const { joinNonce, devNonce, nwkSKey, appSKey } = vector;
      const appKey = parseAesKey(vector.nwkKey);
      const keys = deriveSessionKeys10({ appKey, joinNonce, devNonce, netId: parseNetId(vector.netId) });
      expect(hexesOf(keys)).toEqual({ nwkSKey, appSKey });
    }
  });

  test("C9 OptNeg 1 derives four keys from two root keys and JoinEUI, in all vectors", () => {
    for (const vector of joinVectors.sessionKeys.filter(({ optNeg }) => optNeg)) {
      const { joinNonce, devNonce, fNwkSIntKey, sNwkSIntKey, nwkSEncKey, appSKey } = vector;
      const keys = deriveSessionKeys11({
        nwkKey: parseAesKey(vector.nwkKey),
        appKey: parseAesKey(vector.appKey),
        joinEui: parseJoinEui(vector.joinEui),
        joinNonce,
        devNonce,
      });
      expect(hexesOf(keys)).toEqual({ fNwkSIntKey, sNwkSIntKey, nwkSEncKey, appSKey });
    }
  });

  test("the Join Server's keys come from NwkKey and DevEUI, in all vectors", () => {
    for (const { nwkKey, devEui, jsIntKey, jsEncKey } of joinVectors.sessionKeys) {
      const keys = deriveJoinServerKeys({ nwkKey: parseAesKey(nwkKey), devEui: parseDevEui(devEui) });
      expect(hexesOf(keys)).toEqual({ jsIntKey, jsEncKey });
    }
  });

  test.each([
    ["a JoinNonce of 25 bits", { joinNonce: 2 ** 24 }],
    ["a negative JoinNonce", { joinNonce: -1 }],
    ["a DevNonce of 17 bits", { devNonce: 2 ** 16 }],
  ])("refuses %s instead of cutting it", (_, change) => {
    const join = { appKey: new Uint8Array(16), joinNonce: 1, devNonce: 1, netId: parseNetId("000000"), ...change };
    expect(() => deriveSessionKeys10(join)).toThrow(expect.objectContaining({ code: "malformed_value" }));
  });
});

describe("parseAesKey", () => {
  test("reads 32 hex digits of either case", () => {
    expect(parseAesKey("000102030405060708090A0b0C0d0E0f")).toEqual(Uint8Array.from({ length: 16 }, (_, i) => i));
  });

  test.each(["", "00", "000102030405060708090a0b0c0d0e0", "000102030405060708090a0b0c0d0e0g", `${"00".repeat(17)}`])(
    "refuses %j without repeating it",
    text => {
      expect(() => parseAesKey(text)).toThrow(/^an AES-128 key is 32 hex digits$/);
    },
  );
});
