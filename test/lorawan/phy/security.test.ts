import { describe, expect, test } from "vitest";
import { FrameError } from "../../../lorawan/errors.ts";
import { parseDevAddr } from "../../../lorawan/ids.ts";
import { parseAesKey } from "../../../lorawan/keys.ts";
import { decodeFrame } from "../../../lorawan/phy/codec.ts";
import type { DataFrame } from "../../../lorawan/phy/frame.ts";
import {
  cryptFOpts,
  cryptPayload,
  type DownlinkFields,
  fOptsCounterOf,
  sealDownlink,
  sealUplink,
  verifyUplinkMic,
  verifyUplinkMicForwarding,
} from "../../../lorawan/phy/security.ts";
import { bytesOf, type DataFrameVector, dataFrameVectors, hexOf, keysOf, sealFieldsOf, version11 } from "./vectors.ts";

function decodeData(phyPayload: Uint8Array): DataFrame {
  const frame = decodeFrame(phyPayload);
  if (frame instanceof FrameError || frame.kind !== "data") throw new Error("not a data frame");
  return frame;
}

const uplinks = dataFrameVectors.filter(vector => vector.direction === "up");
const downlinks = dataFrameVectors.filter(vector => vector.direction === "down");
const contextOf = (vector: DataFrameVector) => ({ ...sealFieldsOf(vector), ...keysOf(vector) });
const label = (vector: DataFrameVector) => `${vector.macVersion} ${vector.direction} ${vector.phyPayload}`;

describe("data frames", () => {
  test("the vectors cover both directions of both versions", () => {
    expect(dataFrameVectors).toHaveLength(240);
    expect(new Set(dataFrameVectors.map(vector => `${vector.macVersion} ${vector.direction}`)).size).toBe(4);
  });

  test("C1 reads DevAddr and FCnt little-endian and every header bit, in all vectors", () => {
    for (const vector of dataFrameVectors) {
      const frame = decodeData(bytesOf(vector.phyPayload));
      const { adr, ack, adrAckReq, classB, fPending } = frame;
      expect({ adr, ack, adrAckReq, classB, fPending }, label(vector)).toEqual({
        adr: vector.fCtrl.adr,
        ack: vector.fCtrl.ack,
        adrAckReq: vector.fCtrl.adrAckReq,
        classB: vector.fCtrl.classB,
        fPending: vector.fCtrl.fPending,
      });
      expect(frame.direction).toBe(vector.direction);
      expect(frame.confirmed).toBe(vector.confirmed);
      expect(frame.devAddr).toBe(vector.devAddr);
      expect(frame.fCnt16).toBe(vector.fCnt % 65536);
      expect(frame.fPort ?? null).toBe(vector.fPort);
      expect(hexOf(frame.mic)).toBe(vector.mic);
    }
  });

  test("C4 decrypts FPort 0 with the network key and other ports with AppSKey, in all vectors", () => {
    for (const vector of dataFrameVectors) {
      const frame = decodeData(bytesOf(vector.phyPayload));
      const keys = keysOf(vector);
      const key = frame.fPort === 0 ? keys.nwkSEncKey : keys.appSKey;
      const plain = cryptPayload(key, frame.direction, frame.devAddr, vector.fCnt, frame.frmPayload);
      expect(hexOf(plain), label(vector)).toBe(vector.frmPayload);
    }
  });

  test("C9 decrypts FOpts of 1.1 and leaves those of 1.0 alone, in all vectors", () => {
    for (const vector of dataFrameVectors) {
      const { direction, devAddr, fOpts, fPort } = decodeData(bytesOf(vector.phyPayload));
      const counter = fOptsCounterOf(direction, fPort);
      const plain = version11(vector)
        ? cryptFOpts(keysOf(vector).nwkSEncKey, direction, devAddr, vector.fCnt, counter, fOpts)
        : fOpts;
      expect(hexOf(plain), label(vector)).toBe(vector.fOpts);
    }
  });

  test("C9 accepts the MIC of every uplink vector", () => {
    for (const vector of uplinks) {
      const phyPayload = bytesOf(vector.phyPayload);
      expect(verifyUplinkMic(phyPayload, decodeData(phyPayload), contextOf(vector)), label(vector)).toBe(true);
    }
  });

  test("seals every uplink vector to the same bytes", () => {
    for (const vector of uplinks) {
      expect(hexOf(sealUplink(sealFieldsOf(vector), keysOf(vector)))).toBe(vector.phyPayload);
    }
  });

  test("C1 seals every downlink vector to the same bytes", () => {
    for (const vector of downlinks) {
      expect(hexOf(sealDownlink(sealFieldsOf(vector), keysOf(vector)))).toBe(vector.phyPayload);
    }
  });

  test("seals a payload that was encrypted elsewhere to the same bytes, without AppSKey", () => {
    const withPort = downlinks.filter(vector => vector.fPort !== null && vector.fPort > 0);
    expect(withPort.length).toBeGreaterThan(20);
    for (const vector of withPort) {
      const { frmPayload } = decodeData(bytesOf(vector.phyPayload));
      const { sNwkSIntKey, nwkSEncKey } = keysOf(vector);
      const fields = { ...sealFieldsOf(vector), frmPayload, payloadEncrypted: true };
      expect(hexOf(sealDownlink(fields, { sNwkSIntKey, nwkSEncKey }))).toBe(vector.phyPayload);
    }
  });
});

describe("a wrong MIC", () => {
  test("C2 refuses an uplink with any one bit changed", () => {
    for (const vector of [uplinks.find(version11), uplinks.find(each => !version11(each))]) {
      if (vector === undefined) throw new Error("vector missing");
      const phyPayload = bytesOf(vector.phyPayload);
      for (let bit = 0; bit < 8 * phyPayload.length; bit++) {
        const altered = phyPayload.slice();
        altered[bit >> 3]! ^= 1 << (bit & 7);
        const frame = decodeFrame(altered);
        const accepted =
          !(frame instanceof FrameError) && frame.kind === "data" && verifyUplinkMic(altered, frame, contextOf(vector));
        expect(accepted, `bit ${bit}`).toBe(false);
      }
    }
  });

  test("C3 refuses an uplink under another rollover of its counter", () => {
    for (const vector of uplinks) {
      const phyPayload = bytesOf(vector.phyPayload);
      const frame = decodeData(phyPayload);
      const context = contextOf(vector);
      const fCnt = (vector.fCnt + 0x10000) % 2 ** 32;
      expect(verifyUplinkMic(phyPayload, frame, { ...context, fCnt })).toBe(false);
    }
  });

  test("C9 binds a 1.1 uplink to data rate, channel, serving key and, with ACK, to ConfFCnt", () => {
    for (const vector of uplinks.filter(version11)) {
      const phyPayload = bytesOf(vector.phyPayload);
      const frame = decodeData(phyPayload);
      const context = contextOf(vector);
      const verdict = (change: Partial<typeof context>) =>
        verifyUplinkMic(phyPayload, frame, { ...context, ...change });
      expect(verdict({ txDr: context.txDr ^ 1 })).toBe(false);
      expect(verdict({ txCh: context.txCh ^ 1 })).toBe(false);
      expect(verdict({ sNwkSIntKey: new Uint8Array(16) })).toBe(false);
      expect(verdict({ fNwkSIntKey: new Uint8Array(16) })).toBe(false);
      expect(verdict({ version11: false })).toBe(false);
      expect(verdict({ confFCnt: context.confFCnt ^ 1 })).toBe(!frame.ack);
    }
  });

  test("a forwarding network server checks its half of a 1.1 MIC and no more", () => {
    for (const vector of uplinks.filter(version11)) {
      const phyPayload = bytesOf(vector.phyPayload);
      const context = { fCnt: vector.fCnt, fNwkSIntKey: keysOf(vector).fNwkSIntKey };
      const flip = (fromEnd: number) => {
        const altered = phyPayload.slice();
        altered[altered.length - fromEnd]! ^= 1;
        return verifyUplinkMicForwarding(altered, decodeData(altered), context);
      };
      expect(verifyUplinkMicForwarding(phyPayload, decodeData(phyPayload), context)).toBe(true);
      expect([flip(1), flip(2), flip(3), flip(4)]).toEqual([false, false, true, true]);
    }
  });
});

describe("sealDownlink", () => {
  const keys = {
    sNwkSIntKey: parseAesKey("000102030405060708090a0b0c0d0e0f"),
    nwkSEncKey: parseAesKey("101112131415161718191a1b1c1d1e1f"),
    appSKey: parseAesKey("202122232425262728292a2b2c2d2e2f"),
  };
  const fields: DownlinkFields = {
    version11: true,
    confirmed: false,
    devAddr: parseDevAddr("01020304"),
    adr: false,
    ack: false,
    fPending: false,
    fCnt: 0x12345,
    fOpts: Uint8Array.of(6),
    fPort: 7,
    frmPayload: Uint8Array.of(1, 2, 3),
    confFCnt: 0,
  };

  test("C9 never encrypts FOpts of the two downlink counters with the same key stream", () => {
    const application = decodeData(sealDownlink(fields, keys));
    const network = decodeData(sealDownlink({ ...fields, fPort: undefined, frmPayload: new Uint8Array(0) }, keys));
    expect(application.fCnt16).toBe(network.fCnt16);
    expect(hexOf(application.fOpts)).not.toBe(hexOf(network.fOpts));
  });

  test("C9 ConfFCnt enters the MIC of a 1.1 downlink only with ACK, modulo 65536", () => {
    const mic = (change: Partial<DownlinkFields>) =>
      hexOf(decodeData(sealDownlink({ ...fields, ...change }, keys)).mic);
    expect(mic({ confFCnt: 5 })).toBe(mic({}));
    expect(mic({ confFCnt: 5, ack: true })).not.toBe(mic({ ack: true }));
    expect(mic({ confFCnt: 0x10005, ack: true })).toBe(mic({ confFCnt: 5, ack: true }));
    expect(mic({ confFCnt: 5, ack: true, version11: false })).toBe(mic({ ack: true, version11: false }));
  });

  test("leaves what it is given unchanged", () => {
    const fOpts = Uint8Array.of(1, 2, 3);
    const frmPayload = Uint8Array.of(4, 5, 6);
    sealDownlink({ ...fields, fOpts, frmPayload }, keys);
    expect([hexOf(fOpts), hexOf(frmPayload)]).toEqual(["010203", "040506"]);
  });

  test("encrypts FPort 0 itself even when the payload is said to be encrypted", () => {
    const commands = { ...fields, fOpts: new Uint8Array(0), fPort: 0 };
    const frame = decodeData(sealDownlink({ ...commands, payloadEncrypted: true }, keys));
    expect(hexOf(frame.frmPayload)).not.toBe("010203");
    expect(hexOf(cryptPayload(keys.nwkSEncKey, "down", fields.devAddr, fields.fCnt, frame.frmPayload))).toBe("010203");
  });

  test.each([
    ["a payload in the clear without AppSKey", fields, { ...keys, appSKey: undefined }, "impossible_field"],
    ["a counter of 33 bits", { ...fields, fCnt: 2 ** 32 }, keys, "impossible_field"],
    ["a negative counter", { ...fields, fCnt: -1 }, keys, "impossible_field"],
    ["FOpts with FPort 0", { ...fields, fPort: 0 }, keys, "f_opts_with_port_0"],
  ])("refuses %s", (_, refused, itsKeys, code) => {
    expect(() => sealDownlink(refused, itsKeys)).toThrow(expect.objectContaining({ code }));
  });

  test("the text of a refusal holds no key and no payload", () => {
    const attempt = () => sealDownlink({ ...fields, frmPayload: bytesOf("c0ffee") }, { ...keys, appSKey: undefined });
    expect(attempt).toThrow(/AppSKey/);
    expect(attempt).not.toThrow(/c0ffee|101112/);
  });
});

test("C4 encrypts the longest payload with a counter of blocks", () => {
  const key = parseAesKey("202122232425262728292a2b2c2d2e2f");
  const stream = cryptPayload(key, "up", parseDevAddr("01020304"), 0xffffffff, new Uint8Array(242));
  const blocks = new Set(Array.from({ length: 15 }, (_, index) => hexOf(stream.subarray(16 * index, 16 * index + 16))));
  expect(blocks.size).toBe(15);
  expect(cryptPayload(key, "up", parseDevAddr("01020304"), 0xffffffff, stream)).toEqual(new Uint8Array(242));
});
