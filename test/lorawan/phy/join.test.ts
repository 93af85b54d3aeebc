import { describe, expect, test } from "vitest";
import { FrameError } from "../../../lorawan/errors.ts";
import { parseDevAddr, parseDevEui, parseJoinEui, parseNetId } from "../../../lorawan/ids.ts";
import { parseAesKey } from "../../../lorawan/keys.ts";
import { cmac, decryptBlocks } from "../../../lorawan/phy/aes.ts";
import { decodeFrame } from "../../../lorawan/phy/codec.ts";
import type { JoinAcceptContent } from "../../../lorawan/phy/frame.ts";
import {
  type JoinAcceptMic,
  type JoinAcceptSecurity,
  openJoinAccept,
  sealJoinAccept,
  sealJoinRequest,
  sealRejoinRequest,
  verifyJoinRequestMic,
  verifyRejoinMic,
} from "../../../lorawan/phy/security.ts";
import { bytesOf, hexOf, type JoinAcceptVector, joinVectors } from "./vectors.ts";

const altered = (phyPayload: Uint8Array, at: number): Uint8Array =>
  phyPayload.map((byte, i) => (i === at ? byte ^ 1 : byte));

describe("Join-Request", () => {
  test("C1 all vectors are read byte-exact, and their MIC accepted", () => {
    expect(joinVectors.joinRequest).toHaveLength(20);
    for (const vector of joinVectors.joinRequest) {
      const phyPayload = bytesOf(vector.phyPayload);
      expect(decodeFrame(phyPayload)).toEqual({
        kind: "join-request",
        joinEui: vector.joinEui,
        devEui: vector.devEui,
        devNonce: vector.devNonce,
        mic: bytesOf(vector.mic),
      });
      expect(verifyJoinRequestMic(parseAesKey(vector.rootKey), phyPayload)).toBe(true);
    }
  });

  test("all vectors are sealed to the same bytes", () => {
    for (const { rootKey, joinEui, devEui, devNonce, phyPayload } of joinVectors.joinRequest) {
      const request = { joinEui: parseJoinEui(joinEui), devEui: parseDevEui(devEui), devNonce };
      expect(hexOf(sealJoinRequest(parseAesKey(rootKey), request))).toBe(phyPayload);
    }
  });

  test("the MIC refuses a change of any byte, another key, and bytes too short to hold one", () => {
    const vector = joinVectors.joinRequest[0]!;
    const key = parseAesKey(vector.rootKey);
    const phyPayload = bytesOf(vector.phyPayload);
    for (let at = 0; at < phyPayload.length; at++)
      expect(verifyJoinRequestMic(key, altered(phyPayload, at))).toBe(false);
    expect(verifyJoinRequestMic(new Uint8Array(16), phyPayload)).toBe(false);
    for (let length = 0; length < 5; length++) expect(verifyJoinRequestMic(key, new Uint8Array(length))).toBe(false);
  });
});

describe("Rejoin-Request", () => {
  test("C1 all vectors are read byte-exact, their MIC accepted, and sealed to the same bytes", () => {
    expect(new Set(joinVectors.rejoinRequest.map(({ type }) => type))).toEqual(new Set([0, 1, 2]));
    for (const vector of joinVectors.rejoinRequest) {
      const phyPayload = bytesOf(vector.phyPayload);
      const devEui = parseDevEui(vector.devEui);
      const request =
        vector.type === 1
          ? ({ rejoinType: 1, joinEui: parseJoinEui(vector.joinEui ?? ""), devEui, rjCount1: vector.rjCount } as const)
          : { rejoinType: vector.type, netId: parseNetId(vector.netId ?? ""), devEui, rjCount0: vector.rjCount };
      const key = parseAesKey(vector.micKey);
      expect(decodeFrame(phyPayload)).toEqual({ kind: "rejoin-request", ...request, mic: phyPayload.slice(-4) });
      expect(verifyRejoinMic(key, phyPayload)).toBe(true);
      expect(verifyRejoinMic(key, altered(phyPayload, 3))).toBe(false);
      expect(hexOf(sealRejoinRequest(key, request))).toBe(vector.phyPayload);
    }
  });
});

describe("Join-Accept", () => {
  const contentOf = (vector: JoinAcceptVector): JoinAcceptContent => {
    const plain = bytesOf(vector.plaintext);
    return {
      joinNonce: vector.joinNonce,
      netId: parseNetId(vector.netId),
      devAddr: parseDevAddr(vector.devAddr),
      optNeg: vector.optNeg,
      rx1DrOffset: vector.rx1DrOffset,
      rx2DataRate: vector.rx2DataRate,
      rxDelaySeconds: vector.rxDelay,
      ...(vector.cfList === null ? {} : { cfList: plain.slice(12) }),
    };
  };
  const micOf = (vector: JoinAcceptVector): JoinAcceptMic =>
    vector.optNeg
      ? {
          kind: "1.1",
          key: parseAesKey(vector.jsIntKey),
          joinReqType: vector.joinReqType,
          joinEui: parseJoinEui(vector.joinEui),
          devNonce: vector.devNonce,
        }
      : { kind: "1.0", key: parseAesKey(vector.nwkKey) };
  const securityOf = (vector: JoinAcceptVector): JoinAcceptSecurity => ({
    encryptionKey: parseAesKey(vector.joinReqType === 255 ? vector.nwkKey : vector.jsEncKey),
    mic: micOf(vector),
  });

  test("the vectors cover both versions, rejoins, and frames with and without CFList", () => {
    const kinds = new Set(
      joinVectors.joinAccept.map(each => `${each.optNeg} ${each.joinReqType} ${each.cfList !== null}`),
    );
    expect(kinds).toContain("false 255 true");
    expect(kinds).toContain("true 255 false");
    expect([...kinds].some(kind => kind.startsWith("true 2 "))).toBe(true);
  });

  test("C8 all vectors are sealed to the same bytes", () => {
    for (const vector of joinVectors.joinAccept) {
      expect(hexOf(sealJoinAccept(contentOf(vector), securityOf(vector)))).toBe(vector.phyPayload);
    }
  });

  test("C8 all vectors are opened, with their MIC accepted", () => {
    for (const vector of joinVectors.joinAccept) {
      const opened = openJoinAccept(bytesOf(vector.phyPayload), securityOf(vector));
      expect(opened).toEqual({ content: contentOf(vector), micValid: true });
    }
  });

  test("the MIC of a 1.1 accept is bound to request type, JoinEUI and nonce", () => {
    for (const vector of joinVectors.joinAccept.filter(each => each.optNeg)) {
      const security = securityOf(vector);
      const mic = security.mic;
      if (mic.kind === "1.0") throw new Error("not a 1.1 vector");
      const changes: readonly JoinAcceptMic[] = [
        { ...mic, joinReqType: 1 },
        { ...mic, joinEui: parseJoinEui("0011223344556677") },
        { ...mic, devNonce: mic.devNonce ^ 1 },
        { kind: "1.0", key: mic.key },
      ];
      for (const change of changes) {
        expect(openJoinAccept(bytesOf(vector.phyPayload), { ...security, mic: change })).toMatchObject({
          micValid: false,
        });
      }
    }
  });

  test("C8 a changed byte of the cipher text is refused", () => {
    const vector = joinVectors.joinAccept[0]!;
    const phyPayload = bytesOf(vector.phyPayload);
    for (let at = 1; at < phyPayload.length; at++) {
      expect(openJoinAccept(altered(phyPayload, at), securityOf(vector))).toMatchObject({ micValid: false });
    }
  });

  test("RxDelay 0 on the wire reads as one second", () => {
    const vector = joinVectors.joinAccept.find(each => !each.optNeg && each.rxDelay === 1 && each.cfList === null)!;
    const key = parseAesKey(vector.nwkKey);
    const message = Uint8Array.of(0x20, ...bytesOf(vector.plaintext));
    message[12] = 0;
    const mic = cmac(key, new Uint8Array(0), message).subarray(0, 4);
    const phyPayload = Uint8Array.of(0x20, ...decryptBlocks(key, Uint8Array.of(...message.subarray(1), ...mic)));
    expect(openJoinAccept(phyPayload, securityOf(vector))).toMatchObject({
      micValid: true,
      content: { rxDelaySeconds: 1 },
    });
  });

  test("opening anything else gives an error value", () => {
    const security = securityOf(joinVectors.joinAccept[0]!);
    const codeOf = (phyPayload: Uint8Array) => {
      const opened = openJoinAccept(phyPayload, security);
      return opened instanceof FrameError ? opened.code : "opened";
    };
    expect(codeOf(new Uint8Array(0))).toBe("frame_too_short");
    expect(codeOf(Uint8Array.of(0x20, ...new Uint8Array(17)))).toBe("wrong_length");
    expect(codeOf(bytesOf(joinVectors.joinRequest[0]!.phyPayload))).toBe("wrong_message_type");
  });

  test.each([
    ["a JoinNonce of 25 bits", { joinNonce: 2 ** 24 }],
    ["RX1DROffset 8", { rx1DrOffset: 8 }],
    ["RX2 data rate 16", { rx2DataRate: 16 }],
    ["RxDelay 0", { rxDelaySeconds: 0 }],
    ["RxDelay 16", { rxDelaySeconds: 16 }],
    ["a CFList of 15 bytes", { cfList: new Uint8Array(15) }],
    ["OptNeg with the MIC of LoRaWAN 1.0", { optNeg: true }],
  ])("refuses to seal %s", (_, change) => {
    const vector = joinVectors.joinAccept.find(each => !each.optNeg)!;
    expect(() => sealJoinAccept({ ...contentOf(vector), ...change }, securityOf(vector))).toThrow(
      expect.objectContaining({ code: "impossible_field" }),
    );
  });
});
