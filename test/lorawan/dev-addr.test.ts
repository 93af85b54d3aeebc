import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { devAddrOf, matchesNetId, netIdType, nwkAddrBits, nwkIdOf, randomDevAddr } from "../../lorawan/dev-addr.ts";
import { parseDevAddr, parseNetId } from "../../lorawan/ids.ts";

/** Lowest and highest address of a NetID, as bits of the prefix, the NwkID and the NwkAddr. */
const ranges = [
  { type: 0, netId: "00002d", nwkId: 0b101101, first: "5a000000", last: "5bffffff" },
  { type: 1, netId: "20002d", nwkId: 0b101101, first: "ad000000", last: "adffffff" },
  { type: 2, netId: "40016d", nwkId: 0b101101101, first: "d6d00000", last: "d6dfffff" },
  { type: 3, netId: "6005b7", nwkId: 0b10110110111, first: "eb6e0000", last: "eb6fffff" },
  { type: 4, netId: "800b6d", nwkId: 0b101101101101, first: "f5b68000", last: "f5b6ffff" },
  { type: 5, netId: "a016db", nwkId: 0b1011011011011, first: "fadb6000", last: "fadb7fff" },
  { type: 6, netId: "c05b6d", nwkId: 0b101101101101101, first: "fd6db400", last: "fd6db7ff" },
  { type: 7, netId: "e16db6", nwkId: 0b10110110110110110, first: "feb6db00", last: "feb6db7f" },
] as const;

describe("NetID types 0 to 7", () => {
  test.each(ranges)("C32 type $type: $netId owns $first to $last", ({ type, netId: text, nwkId, first, last }) => {
    const netId = parseNetId(text);
    const highest = 2 ** nwkAddrBits(netId) - 1;
    expect(netIdType(netId)).toBe(type);
    expect(devAddrOf(netId, 0)).toBe(first);
    expect(devAddrOf(netId, highest)).toBe(last);
    expect(nwkIdOf(parseDevAddr(first))).toEqual({ netIdType: type, nwkId, nwkAddr: 0 });
    expect(nwkIdOf(parseDevAddr(last))).toEqual({ netIdType: type, nwkId, nwkAddr: highest });
  });

  test.each(ranges)("C32 type $type: the neighbours of its range are another network's", ({ netId, first, last }) => {
    const neighbour = (devAddr: string, step: number) =>
      parseDevAddr((Number.parseInt(devAddr, 16) + step).toString(16).padStart(8, "0"));
    const owns = (devAddr: string, step: number) => matchesNetId(neighbour(devAddr, step), parseNetId(netId));
    expect([owns(first, 0), owns(last, 0), owns(first, -1), owns(last, 1)]).toEqual([true, true, false, false]);
  });

  test.each(ranges)("C32 type $type: refuses a NwkAddr with too many bits", ({ netId: text }) => {
    const netId = parseNetId(text);
    for (const nwkAddr of [2 ** nwkAddrBits(netId), -1, 0.5]) {
      expect(() => devAddrOf(netId, nwkAddr)).toThrow(expect.objectContaining({ code: "malformed_value" }));
    }
  });

  test("C32 the Things Network's NetID 000013 gives 26000000 to 27ffffff", () => {
    expect(devAddrOf(parseNetId("000013"), 0)).toBe("26000000");
    expect(devAddrOf(parseNetId("000013"), 2 ** 25 - 1)).toBe("27ffffff");
  });

  test("an address of eight leading 1 bits has no NetID", () => {
    expect(nwkIdOf(parseDevAddr("ff000000"))).toBeUndefined();
    expect(nwkIdOf(parseDevAddr("ffffffff"))).toBeUndefined();
    expect(matchesNetId(parseDevAddr("ffffffff"), parseNetId("ffffff"))).toBe(false);
  });

  test("C32 a random address always belongs to its NetID, and every bit of NwkAddr is used", () => {
    const netIds = fc.nat(0xffffff).map(value => parseNetId(value.toString(16).padStart(6, "0")));
    fc.assert(
      fc.property(netIds, fc.uint8Array({ minLength: 4, maxLength: 4 }), (netId, random) => {
        const devAddr = randomDevAddr(netId, bytes => random.subarray(0, bytes));
        expect(matchesNetId(devAddr, netId)).toBe(true);
        expect(devAddrOf(netId, nwkIdOf(devAddr)?.nwkAddr ?? -1)).toBe(devAddr);
      }),
      { numRuns: 3000 },
    );
    const full = (bytes: number) => new Uint8Array(bytes).fill(0xff);
    for (const { netId, last } of ranges) expect(randomDevAddr(parseNetId(netId), full)).toBe(last);
  });

  test("RFU bits of a NetID are not part of its addresses", () => {
    expect(devAddrOf(parseNetId("1fffc0"), 0)).toBe("00000000");
    expect(matchesNetId(parseDevAddr("00000001"), parseNetId("1fffc0"))).toBe(true);
  });
});
