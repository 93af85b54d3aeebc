import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FrameError } from "../../../lorawan/errors.ts";
import { parseDevAddr, parseDevEui, parseJoinEui, parseNetId } from "../../../lorawan/ids.ts";
import { decodeFrame, encodeDataFrame, encodeJoinRequest, encodeRejoinRequest } from "../../../lorawan/phy/codec.ts";
import type { DataFrame } from "../../../lorawan/phy/frame.ts";
import { bytesOf, dataFrameVectors, hexOf, joinVectors } from "./vectors.ts";

const verdictOf = (phyPayload: Uint8Array): string => {
  const frame = decodeFrame(phyPayload);
  return frame instanceof FrameError ? frame.code : frame.kind;
};
/** MHDR and zeros. */
const zeros = (mhdr: number, length: number): Uint8Array => Uint8Array.of(mhdr, ...new Uint8Array(length - 1));

describe("C2 what is no frame", () => {
  test("C2 gives an error value for no bytes and for more than 255", () => {
    expect(verdictOf(new Uint8Array(0))).toBe("frame_too_short");
    expect(verdictOf(zeros(0x40, 256))).toBe("frame_too_long");
    expect(verdictOf(zeros(0xe0, 256))).toBe("frame_too_long");
    expect(verdictOf(zeros(0x40, 255))).toBe("data");
  });

  test("C2 refuses every Major but 0, whatever the type", () => {
    for (let mhdr = 0; mhdr < 256; mhdr++) {
      for (const length of [1, 12, 17, 19, 23, 24, 33]) {
        expect(verdictOf(zeros(mhdr, length)) === "unsupported_major").toBe((mhdr & 3) !== 0);
      }
    }
  });

  test.each([
    ["Join-Request", 0x00, [23], "join-request"],
    ["Join-Accept", 0x20, [17, 33], "join-accept"],
    ["Rejoin-Request of type 0", 0xc0, [19], "rejoin-request"],
  ])("C2 accepts no length of a %s but its own", (_, mhdr, lengths, kind) => {
    for (let length = 1; length <= 255; length++) {
      expect(verdictOf(zeros(mhdr, length))).toBe(lengths.includes(length) ? kind : "wrong_length");
    }
  });

  test("C2 tells the rejoin types apart, and refuses unknown ones", () => {
    const rejoin = (type: number, length: number) => {
      const bytes = zeros(0xc0, length);
      bytes[1] = type;
      return verdictOf(bytes);
    };
    expect([rejoin(1, 24), rejoin(1, 19), rejoin(2, 19), rejoin(2, 24)]).toEqual([
      "rejoin-request",
      "wrong_length",
      "rejoin-request",
      "wrong_length",
    ]);
    for (let type = 3; type < 256; type++) expect(rejoin(type, 19)).toBe("unknown_rejoin_type");
  });

  test.each([0x40, 0x60, 0x80, 0xa0])("C2 a data frame of type %i has 12 bytes or more", mhdr => {
    for (let length = 1; length < 12; length++) expect(verdictOf(zeros(mhdr, length))).toBe("frame_too_short");
    expect(verdictOf(zeros(mhdr, 12))).toBe("data");
  });

  test("C2 refuses FOpts that would reach into the MIC", () => {
    for (let fOptsLen = 0; fOptsLen <= 15; fOptsLen++) {
      const bytes = zeros(0x40, 12 + fOptsLen);
      bytes[5] = fOptsLen;
      expect(verdictOf(bytes)).toBe("data");
      if (fOptsLen > 0) expect(verdictOf(bytes.subarray(0, bytes.length - 1))).toBe("f_opts_overrun");
    }
  });

  test("C5 refuses FOpts together with FPort 0, with payload and without", () => {
    for (const mhdr of [0x40, 0x60, 0x80, 0xa0]) {
      for (const length of [14, 15, 30]) {
        const bytes = zeros(mhdr, length);
        bytes[5] = 1;
        expect(verdictOf(bytes)).toBe("f_opts_with_port_0");
        bytes[9] = 1;
        expect(verdictOf(bytes)).toBe("data");
      }
    }
  });

  test("C2 never throws on 100,000 random byte strings", () => {
    const kinds = new Set<string>();
    const random = randomBytes(100_000 * 4 + 300);
    for (let index = 0; index < 100_000; index++) {
      const start = index * 4;
      const length = random[start]! % 4 === 0 ? random[start + 1]! : 11 + (random[start + 1]! % 30);
      // Every second one has Major 0, so that the fields behind it are reached.
      const bytes = Uint8Array.from(random.subarray(start + 2, start + 2 + length));
      if (index % 2 === 0 && bytes.length > 0) bytes[0]! &= 0xfc;
      kinds.add(verdictOf(bytes));
    }
    expect(kinds).toContain("data");
    expect(kinds).toContain("f_opts_overrun");
    expect(kinds).toContain("f_opts_with_port_0");
    expect(kinds).toContain("unsupported_major");
    expect(kinds).toContain("wrong_length");
    expect(kinds).toContain("proprietary");
  });

  test("C2 never throws on vectors with bytes changed, cut off or added", () => {
    const frames = [...dataFrameVectors, ...joinVectors.joinRequest, ...joinVectors.rejoinRequest].map(vector =>
      bytesOf(vector.phyPayload),
    );
    const mutation = fc.record({ at: fc.nat(64), value: fc.nat(255) });
    fc.assert(
      fc.property(
        fc.constantFrom(...frames),
        fc.array(mutation, { maxLength: 4 }),
        fc.nat(80),
        fc.uint8Array({ maxLength: 20 }),
        (frame, mutations, kept, added) => {
          const bytes = Uint8Array.of(...frame.subarray(0, kept), ...added);
          for (const { at, value } of mutations) if (at < bytes.length) bytes[at] = value;
          const decoded = decodeFrame(bytes);
          if (!(decoded instanceof FrameError) && decoded.kind === "data") {
            const { fOpts, fPort, frmPayload } = decoded;
            expect(12 + fOpts.length + (fPort === undefined ? 0 : 1) + frmPayload.length).toBe(bytes.length);
          }
        },
      ),
      { numRuns: 10_000 },
    );
  });
});

describe("reading", () => {
  test("C2 reads all seven types", () => {
    const rejoin1 = zeros(0xc0, 24);
    rejoin1[1] = 1;
    const frames = [zeros(0, 23), zeros(0x20, 33), zeros(0x40, 12), zeros(0x60, 12), zeros(0x80, 12), zeros(0xa0, 12)];
    expect([...frames, rejoin1, zeros(0xe0, 5)].map(verdictOf)).toEqual([
      "join-request",
      "join-accept",
      "data",
      "data",
      "data",
      "data",
      "rejoin-request",
      "proprietary",
    ]);
  });

  test("ignores bits reserved for future use", () => {
    expect(verdictOf(zeros(0x5c, 12))).toBe("data");
    const down = zeros(0x60, 12);
    down[5] = 0x40;
    expect(decodeFrame(down)).toMatchObject({ adrAckReq: false, classB: false });
  });

  test("bit 4 of FCtrl is ClassB up and FPending down", () => {
    const bytes = (mhdr: number) => {
      const frame = zeros(mhdr, 12);
      frame[5] = 0x10;
      return frame;
    };
    expect(decodeFrame(bytes(0x40))).toMatchObject({ classB: true, fPending: false });
    expect(decodeFrame(bytes(0x60))).toMatchObject({ classB: false, fPending: true });
  });

  test("tells an absent FPort from FPort 0 and from an empty payload", () => {
    expect(decodeFrame(zeros(0x40, 12))).not.toHaveProperty("fPort");
    expect(decodeFrame(zeros(0x40, 13))).toMatchObject({ fPort: 0, frmPayload: new Uint8Array(0) });
    expect(decodeFrame(zeros(0x40, 14))).toMatchObject({ fPort: 0, frmPayload: new Uint8Array(1) });
  });

  test("reads a Buffer that is part of a larger one, and gives plain byte arrays", () => {
    const around = Buffer.concat([Buffer.from([1, 2, 3]), bytesOf(dataFrameVectors[0]!.phyPayload), Buffer.from([4])]);
    const inner = around.subarray(3, around.length - 1);
    const frame = decodeFrame(inner);
    expect(frame).toEqual(decodeFrame(bytesOf(dataFrameVectors[0]!.phyPayload)));
    expect(frame).toMatchObject({ mic: bytesOf(dataFrameVectors[0]!.mic) });
  });
});

const hex = (digits: number) => fc.stringMatching(new RegExp(`^[0-9a-f]{${digits}}$`));

const dataFrames: fc.Arbitrary<Omit<DataFrame, "mic" | "kind">> = fc
  .record({
    up: fc.boolean(),
    confirmed: fc.boolean(),
    devAddr: hex(8).map(parseDevAddr),
    adr: fc.boolean(),
    adrAckReq: fc.boolean(),
    ack: fc.boolean(),
    bit4: fc.boolean(),
    fCnt16: fc.nat(0xffff),
    fOpts: fc.uint8Array({ maxLength: 15 }),
    fPort: fc.option(fc.nat(255), { nil: undefined }),
    payload: fc.uint8Array({ maxLength: 227 }),
  })
  .map(({ up, bit4, fPort, payload, ...rest }) => ({
    ...rest,
    direction: up ? "up" : "down",
    adrAckReq: up && rest.adrAckReq,
    classB: up && bit4,
    fPending: !up && bit4,
    fOpts: fPort === 0 ? new Uint8Array(0) : rest.fOpts,
    ...(fPort === undefined ? {} : { fPort }),
    frmPayload: fPort === undefined ? new Uint8Array(0) : payload,
  }));

describe("writing", () => {
  test("C1 what was written is read back, for any data frame", () => {
    fc.assert(
      fc.property(dataFrames, fc.uint8Array({ minLength: 4, maxLength: 4 }), (frame, mic) => {
        const decoded = decodeFrame(Uint8Array.of(...encodeDataFrame(frame), ...mic));
        expect(decoded).toEqual({ kind: "data", ...frame, mic });
      }),
      { numRuns: 2000 },
    );
  });

  test("C1 what was read is written back to the same bytes, for all data vectors", () => {
    for (const { phyPayload, mic } of dataFrameVectors) {
      const frame = decodeFrame(bytesOf(phyPayload));
      if (frame instanceof FrameError || frame.kind !== "data") throw new Error("not a data frame");
      expect(hexOf(encodeDataFrame(frame)) + mic).toBe(phyPayload);
    }
  });

  test("C1 Join-Request and Rejoin-Requests carry their identifiers little-endian", () => {
    const devEui = parseDevEui("0102030405060708");
    const joinEui = parseJoinEui("1112131415161718");
    const netId = parseNetId("212223");
    expect(hexOf(encodeJoinRequest({ joinEui, devEui, devNonce: 0x3132 }))).toBe(
      "00181716151413121108070605040302013231",
    );
    expect(hexOf(encodeRejoinRequest({ rejoinType: 2, netId, devEui, rjCount0: 0x3132 }))).toBe(
      "c00223222108070605040302013231",
    );
    expect(hexOf(encodeRejoinRequest({ rejoinType: 1, joinEui, devEui, rjCount1: 0x3132 }))).toBe(
      "c001181716151413121108070605040302013231",
    );
  });

  const plain: Omit<DataFrame, "mic" | "kind"> = {
    direction: "down",
    confirmed: false,
    devAddr: parseDevAddr("01020304"),
    adr: false,
    adrAckReq: false,
    ack: false,
    fPending: false,
    classB: false,
    fCnt16: 0,
    fOpts: new Uint8Array(0),
    frmPayload: new Uint8Array(0),
  };

  test.each<[string, Partial<typeof plain>, string]>([
    ["a payload without FPort", { frmPayload: new Uint8Array(1) }, "impossible_field"],
    ["FPort 256", { fPort: 256 }, "impossible_field"],
    ["a counter of 17 bits", { fCnt16: 65536 }, "impossible_field"],
    ["a counter that is no integer", { fCnt16: 1.5 }, "impossible_field"],
    ["16 bytes of FOpts", { fOpts: new Uint8Array(16) }, "impossible_field"],
    ["FOpts with FPort 0", { fOpts: new Uint8Array(1), fPort: 0 }, "f_opts_with_port_0"],
    ["FPending on an uplink", { direction: "up", fPending: true }, "impossible_field"],
    ["ClassB on a downlink", { classB: true }, "impossible_field"],
    ["ADRACKReq on a downlink", { adrAckReq: true }, "impossible_field"],
    ["256 bytes in all", { fPort: 1, frmPayload: new Uint8Array(243) }, "frame_too_long"],
  ])("C5 refuses to write %s", (_, change, code) => {
    expect(() => encodeDataFrame({ ...plain, ...change })).toThrow(expect.objectContaining({ code }));
  });

  test("writes a frame of 255 bytes with its MIC", () => {
    expect(encodeDataFrame({ ...plain, fPort: 1, frmPayload: new Uint8Array(242) })).toHaveLength(251);
  });
});
