import { createRequire } from "node:module";
import fc from "fast-check";
import type loraPacketTypes from "lora-packet";
import { describe, expect, test } from "vitest";
import { FrameError } from "../../../lorawan/errors.ts";
import { parseDevAddr, parseDevEui, parseJoinEui } from "../../../lorawan/ids.ts";
import { decodeFrame } from "../../../lorawan/phy/codec.ts";
import type { DataFrame } from "../../../lorawan/phy/frame.ts";
import {
  cryptPayload,
  sealDownlink,
  sealJoinRequest,
  sealUplink,
  type UplinkFields,
} from "../../../lorawan/phy/security.ts";
import { hexOf } from "./vectors.ts";

// Its types describe a default export inside the module; the module itself is that export.
const loraPacket: (typeof loraPacketTypes)["default"] = createRequire(import.meta.url)("lora-packet");

/**
 * A second implementation, independent of ours, agrees on random frames. Left out because lora-packet 0.9.3 errs there:
 * rejoin type 1, and truncated frames. It applies ConfFCnt to 1.1 uplinks on FPort 0 without ACK too; it is 0 there.
 */
const key = fc.uint8Array({ minLength: 16, maxLength: 16 });
const hex = (digits: number) => fc.stringMatching(new RegExp(`^[0-9a-f]{${digits}}$`));

const keyRing = fc.record({ fNwkSIntKey: key, sNwkSIntKey: key, nwkSEncKey: key, appSKey: key });

const uplinkFields: fc.Arbitrary<UplinkFields> = fc
  .record({
    version11: fc.boolean(),
    confirmed: fc.boolean(),
    devAddr: hex(8).map(parseDevAddr),
    adr: fc.boolean(),
    adrAckReq: fc.boolean(),
    ack: fc.boolean(),
    classB: fc.boolean(),
    fCnt: fc.nat(0xffffffff),
    fOpts: fc.uint8Array({ maxLength: 15 }),
    fPort: fc.option(fc.nat(255), { nil: undefined }),
    payload: fc.uint8Array({ minLength: 1, maxLength: 222 }),
    confFCnt: fc.nat(0xffff),
    txDr: fc.nat(15),
    txCh: fc.nat(71),
  })
  .map(({ payload, ...fields }) => ({
    ...fields,
    fOpts: fields.fPort === 0 ? new Uint8Array(0) : fields.fOpts,
    frmPayload: fields.fPort === undefined ? new Uint8Array(0) : payload,
  }));

const upperHalf = (fCnt: number): Buffer => Buffer.from([(fCnt >>> 16) & 0xff, fCnt >>> 24]);

function decodeData(phyPayload: Uint8Array): DataFrame {
  const frame = decodeFrame(phyPayload);
  if (frame instanceof FrameError || frame.kind !== "data") throw new Error("not a data frame");
  return frame;
}

/** Header, FOpts and payload as lora-packet reads them must be those that were sealed. */
function expectSameReading(phyPayload: Uint8Array, fields: UplinkFields, nwkSEncKey: Uint8Array, appSKey: Uint8Array) {
  const packet = loraPacket.fromWire(Buffer.from(phyPayload));
  const frame = decodeData(phyPayload);
  expect(packet.DevAddr?.toString("hex")).toBe(frame.devAddr);
  expect(packet.getFCnt()).toBe(frame.fCnt16);
  expect(packet.getFPort() ?? undefined).toBe(frame.fPort);
  expect(packet.getDir()).toBe(frame.direction);
  expect(packet.isConfirmed()).toBe(frame.confirmed);
  expect(packet.getFCtrlACK()).toBe(frame.ack);
  expect(packet.getFCtrlADR()).toBe(frame.adr);
  if (frame.fPort !== undefined) {
    const plain = loraPacket.decrypt(packet, Buffer.from(appSKey), Buffer.from(nwkSEncKey), upperHalf(fields.fCnt));
    expect(plain.toString("hex")).toBe(hexOf(fields.frmPayload));
  }
  if (fields.fOpts.length > 0) {
    const plain = fields.version11
      ? packet.decryptFOpts(Buffer.from(nwkSEncKey), undefined, upperHalf(fields.fCnt))
      : packet.FOpts;
    expect(plain?.toString("hex")).toBe(hexOf(fields.fOpts));
  }
  // decryptFOpts has changed the packet.
  return loraPacket.fromWire(Buffer.from(phyPayload));
}

describe("lora-packet agrees", () => {
  test("C9 on any uplink that is sealed here", () => {
    fc.assert(
      fc.property(uplinkFields, keyRing, (fields, keys) => {
        const confFCnt = fields.ack ? fields.confFCnt : 0;
        const phyPayload = sealUplink(fields, keys);
        const packet = expectSameReading(phyPayload, fields, keys.nwkSEncKey, keys.appSKey);
        // It takes ConfFCnt most significant byte first here, and the other way round in downlinks.
        const context = Buffer.from([confFCnt >> 8, confFCnt & 0xff, fields.txDr, fields.txCh]);
        const mic = fields.version11
          ? loraPacket.calculateMIC(
              packet,
              Buffer.from(keys.fNwkSIntKey),
              Buffer.from(keys.sNwkSIntKey),
              upperHalf(fields.fCnt),
              context,
            )
          : loraPacket.calculateMIC(packet, Buffer.from(keys.fNwkSIntKey), undefined, upperHalf(fields.fCnt));
        expect(mic.toString("hex")).toBe(hexOf(decodeData(phyPayload).mic));
      }),
      { numRuns: 300 },
    );
  });

  test("C9 on any downlink that is sealed here", () => {
    fc.assert(
      fc.property(uplinkFields, keyRing, fc.boolean(), (fields, keys, fPending) => {
        const phyPayload = sealDownlink({ ...fields, fPending }, keys);
        const packet = expectSameReading(phyPayload, fields, keys.nwkSEncKey, keys.appSKey);
        expect(packet.getFCtrlFPending()).toBe(fPending);
        const confFCnt = fields.ack ? fields.confFCnt : 0;
        const mic = fields.version11
          ? loraPacket.calculateMIC(
              packet,
              undefined,
              Buffer.from(keys.sNwkSIntKey),
              upperHalf(fields.fCnt),
              Buffer.from([confFCnt & 0xff, confFCnt >> 8]),
            )
          : loraPacket.calculateMIC(packet, Buffer.from(keys.sNwkSIntKey), undefined, upperHalf(fields.fCnt));
        expect(mic.toString("hex")).toBe(hexOf(decodeData(phyPayload).mic));
      }),
      { numRuns: 300 },
    );
  });

  test("C1 on any 1.0 uplink that it builds", () => {
    fc.assert(
      fc.property(uplinkFields, key, key, (fields, nwkSKey, appSKey) => {
        fc.pre(fields.fPort !== undefined);
        const packet = loraPacket.fromFields(
          {
            MType: fields.confirmed ? "Confirmed Data Up" : "Unconfirmed Data Up",
            DevAddr: Buffer.from(fields.devAddr, "hex"),
            FCtrl: { ADR: fields.adr, ADRACKReq: fields.adrAckReq, ACK: fields.ack, FPending: false },
            FCnt: fields.fCnt & 0xffff,
            FOpts: Buffer.from(fields.fOpts),
            FPort: fields.fPort ?? 1,
            payload: Buffer.from(fields.frmPayload),
          },
          Buffer.from(appSKey),
          Buffer.from(nwkSKey),
          undefined,
          upperHalf(fields.fCnt),
        );
        const keys = { fNwkSIntKey: nwkSKey, sNwkSIntKey: nwkSKey, nwkSEncKey: nwkSKey, appSKey };
        const ours = sealUplink({ ...fields, version11: false, classB: false }, keys);
        expect(packet.PHYPayload?.toString("hex")).toBe(hexOf(ours));
        const frame = decodeData(ours);
        const plain = cryptPayload(
          frame.fPort === 0 ? nwkSKey : appSKey,
          "up",
          frame.devAddr,
          fields.fCnt,
          frame.frmPayload,
        );
        expect(plain).toEqual(fields.frmPayload);
      }),
      { numRuns: 300 },
    );
  });

  test("C1 on any Join-Request", () => {
    const requests = fc.record({
      joinEui: hex(16).map(parseJoinEui),
      devEui: hex(16).map(parseDevEui),
      devNonce: fc.nat(0xffff),
    });
    fc.assert(
      fc.property(requests, key, (request, appKey) => {
        const packet = loraPacket.fromWire(Buffer.from(sealJoinRequest(appKey, request)));
        expect(packet.JoinEUI.toString("hex")).toBe(request.joinEui);
        expect(packet.DevEUI?.toString("hex")).toBe(request.devEui);
        expect(packet.DevNonce?.readUInt16BE()).toBe(request.devNonce);
        expect(loraPacket.verifyMIC(packet, undefined, Buffer.from(appKey))).toBe(true);
      }),
      { numRuns: 200 },
    );
  });
});
