import Type from "typebox";
import Value from "typebox/value";
import { describe, expect, test } from "vitest";
import { airtimeUs } from "../../../lorawan/phy/airtime.ts";
import airtimeJson from "../../vectors/airtime_lora.json" with { type: "json" };

const vectors = Value.Parse(
  Type.Object({
    vectors: Type.Array(
      Type.Object({
        sf: Type.Integer(),
        bwKHz: Type.Integer(),
        payload: Type.Integer(),
        preamble: Type.Integer(),
        crc: Type.Boolean(),
        explicitHeader: Type.Boolean(),
        codingRate: Type.Union([Type.Literal("4/5"), Type.Literal("4/8")]),
        us: Type.Integer(),
      }),
    ),
  }),
  airtimeJson,
).vectors;

const lora = (spreadingFactor: number, bandwidthHz: number) =>
  ({ kind: "lora", spreadingFactor, bandwidthHz }) as const;

describe("LoRa", () => {
  test("all vectors are met exactly", () => {
    expect(vectors).toHaveLength(486);
    for (const { sf, bwKHz, payload, us, crc, explicitHeader, preamble, codingRate } of vectors) {
      const options = { crc, explicitHeader, preamble, codingRate };
      expect(airtimeUs(lora(sf, bwKHz * 1000), payload, options), JSON.stringify({ sf, bwKHz, payload })).toBe(us);
    }
  });

  test("an explicit header, preamble 8 and coding rate 4/5 go without saying", () => {
    const options = { crc: true, explicitHeader: true, preamble: 8, codingRate: "4/5" } as const;
    expect(airtimeUs(lora(9, 125_000), 30, { crc: true })).toBe(airtimeUs(lora(9, 125_000), 30, options));
  });

  test("at 2.4 GHz the coding rate is 4/8", () => {
    const fast = lora(7, 812_000);
    expect(airtimeUs(fast, 30, { crc: true })).toBe(airtimeUs(fast, 30, { crc: true, codingRate: "4/8" }));
  });

  test("C11 a downlink without payload CRC is shorter by the symbols of 16 bits", () => {
    // 13 bytes at SF7: 8 * 13 - 28 + 28 = 104 bits are 4 groups of 28; with CRC 120 bits are 5.
    expect(airtimeUs(lora(7, 125_000), 13, { crc: false })).toBe(
      airtimeUs(lora(7, 125_000), 13, { crc: true }) - 5 * 1024,
    );
  });

  test("a class B beacon of EU868 lasts 152.576 ms", () => {
    const beacon = { crc: false, explicitHeader: false, preamble: 10 };
    expect(airtimeUs(lora(9, 125_000), 17, beacon)).toBe(152_576);
  });

  test("SF5 and SF6 have twelve symbols of preamble, two more of sync, and no header correction", () => {
    // SF6, 20 bytes, CRC: ceil((160 + 16 - 24 + 20) / 24) = 8 groups; 12 + 6.25 + 8 + 40 = 66.25 symbols of 512 us.
    expect(airtimeUs(lora(6, 125_000), 20, { crc: true })).toBe(33_920);
    // SF5: ceil((160 + 16 - 20 + 20) / 20) = 9 groups; 12 + 6.25 + 8 + 45 = 71.25 symbols of 256 us.
    expect(airtimeUs(lora(5, 125_000), 20, { crc: true })).toBe(18_240);
  });

  test.each([-1, 256, 1.5])("a length of %d bytes is refused", length => {
    expect(() => airtimeUs(lora(7, 125_000), length, { crc: true })).toThrow(/0 to 255 bytes/);
  });
});

describe("FSK", () => {
  const fsk = { kind: "fsk", bitRate: 50_000 } as const;

  test("preamble, sync word, length, payload and CRC at 160 us a byte", () => {
    expect(airtimeUs(fsk, 0, { crc: true })).toBe(11 * 160);
    expect(airtimeUs(fsk, 242, { crc: true })).toBe(253 * 160);
    expect(airtimeUs(fsk, 10, { crc: false })).toBe(19 * 160);
    expect(airtimeUs(fsk, 10, { crc: true, preamble: 8 })).toBe(24 * 160);
  });
});

describe("LR-FHSS", () => {
  const lrFhss = (codingRate: "1/3" | "2/3") =>
    ({ kind: "lr-fhss", codingRate, operatingChannelWidthHz: 136_719 }) as const;

  test("headers, then coded fragments of 48 bits with 2 bits each, at 2.048 ms a bit", () => {
    // 10 bytes: (12 * 8 + 6) = 102 bits; 306 coded in 7 fragments after 342 bits of header: 662 bits.
    expect(airtimeUs(lrFhss("1/3"), 10, { crc: true })).toBe(662 * 2048);
    // 153 coded in 4 fragments after 228 bits of header: 389 bits.
    expect(airtimeUs(lrFhss("2/3"), 10, { crc: true })).toBe(389 * 2048);
  });

  test("bits begin a new fragment as soon as the one before is full", () => {
    // 3 bytes: 138 coded bits in 3 fragments. 5 bytes: 186 coded bits in 4.
    expect(airtimeUs(lrFhss("1/3"), 3, { crc: true })).toBe((342 + 138 + 6) * 2048);
    expect(airtimeUs(lrFhss("1/3"), 5, { crc: true })).toBe((342 + 186 + 8) * 2048);
  });
});
