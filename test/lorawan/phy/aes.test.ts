import { createCipheriv, createDecipheriv, createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { cmac, decryptBlocks, encryptBlocks } from "../../../lorawan/phy/aes.ts";
import { bytesOf, hexOf } from "./vectors.ts";

const none = new Uint8Array(0);

/** A different key for each number. */
const keyOf = (number: number): Uint8Array =>
  Uint8Array.from(createHash("sha256").update(`key ${number}`).digest().subarray(0, 16));

const freshEncryption = (key: Uint8Array, blocks: Uint8Array): string =>
  createCipheriv("aes-128-ecb", key, null).setAutoPadding(false).update(blocks).toString("hex");

const freshDecryption = (key: Uint8Array, blocks: Uint8Array): string =>
  createDecipheriv("aes-128-ecb", key, null).setAutoPadding(false).update(blocks).toString("hex");

/** RFC 4493 2.4 as it is written, with numbers for blocks and a new cipher each time. */
function freshCmac(key: Uint8Array, message: Uint8Array): string {
  const doubled = (block: bigint) => BigInt.asUintN(128, block << 1n) ^ (block >> 127n === 1n ? 0x87n : 0n);
  const numberOf = (bytes: Uint8Array) => BigInt(`0x${hexOf(bytes)}`);
  const blockOf = (value: bigint) => bytesOf(value.toString(16).padStart(32, "0"));
  const k1 = doubled(BigInt(`0x${freshEncryption(key, new Uint8Array(16))}`));
  const lastStart = Math.max(0, Math.ceil(message.length / 16) - 1) * 16;
  const rest = message.subarray(lastStart);
  const padded = Uint8Array.of(...rest, 0x80, ...new Uint8Array(15)).subarray(0, 16);
  const last = rest.length === 16 ? numberOf(rest) ^ k1 : numberOf(padded) ^ doubled(k1);
  const cipher = createCipheriv("aes-128-cbc", key, new Uint8Array(16)).setAutoPadding(false);
  return cipher
    .update(Buffer.concat([message.subarray(0, lastStart), blockOf(last)]))
    .subarray(lastStart)
    .toString("hex");
}

describe("CMAC", () => {
  const key = bytesOf("2b7e151628aed2a6abf7158809cf4f3c");
  const message = bytesOf(
    "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51" +
      "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710",
  );
  // RFC 4493 4.
  const examples = [
    { length: 0, mac: "bb1d6929e95937287fa37d129b756746" },
    { length: 16, mac: "070a16b46b4d4144f79bdd9dd04a287c" },
    { length: 40, mac: "dfa66747de9ae63030ca32611497c827" },
    { length: 64, mac: "51f0bebf7e3b9d92fc49741779363cfe" },
  ];

  test.each(examples)("gives the RFC's value for $length bytes", ({ length, mac }) => {
    expect(hexOf(cmac(key, none, message.subarray(0, length)))).toBe(mac);
    expect(freshCmac(key, message.subarray(0, length))).toBe(mac);
  });

  test("gives the same values again and again from one kept schedule, in any order", () => {
    for (let round = 0; round < 20; round++) {
      for (const { length, mac } of round % 2 === 0 ? examples : examples.toReversed()) {
        expect(hexOf(cmac(key, none, message.subarray(0, length)))).toBe(mac);
      }
    }
  });

  test("reads prefix and message as one text, wherever it is cut", () => {
    for (let cut = 0; cut <= 40; cut++) {
      const mac = cmac(key, message.subarray(0, cut), message.subarray(cut, 40));
      expect(hexOf(mac)).toBe(examples[2]?.mac);
    }
  });

  test("takes messages of any length, long and short in turn", () => {
    for (const length of [1000, 3, 272, 271, 273, 0, 256, 15, 5000, 17]) {
      const text = Uint8Array.from({ length }, (_, index) => index * 7 + length);
      expect(hexOf(cmac(key, none, text))).toBe(freshCmac(key, text));
    }
  });

  test("a result stays as it was when the next is made", () => {
    const first = cmac(key, none, message.subarray(0, 16));
    cmac(key, none, message);
    expect(hexOf(first)).toBe(examples[1]?.mac);
  });
});

describe("kept schedules", () => {
  test("many keys give what fresh ciphers give", () => {
    const block = bytesOf("00112233445566778899aabbccddeeff");
    for (let step = 0; step < 3000; step++) {
      const key = keyOf((step * 7919) % 41);
      const message = Uint8Array.from({ length: step % 50 }, (_, index) => index ^ step);
      expect(hexOf(cmac(key, none, message))).toBe(freshCmac(key, message));
      expect(hexOf(encryptBlocks(key, block))).toBe(freshEncryption(key, block));
      expect(hexOf(decryptBlocks(key, block))).toBe(freshDecryption(key, block));
    }
  });

  test("any interleaving of keys, directions and lengths gives what fresh ciphers give", () => {
    const operation = fc.record({
      key: fc.nat(5),
      kind: fc.constantFrom("cmac", "encrypt", "decrypt"),
      blocks: fc.nat(4),
      tail: fc.nat(15),
    });
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 40 }), operations => {
        for (const { key: number, kind, blocks, tail } of operations) {
          const key = keyOf(number);
          const input = new Uint8Array(16 * blocks).fill(tail);
          if (kind === "cmac") {
            const message = new Uint8Array(16 * blocks + tail).fill(tail);
            expect(hexOf(cmac(key, none, message))).toBe(freshCmac(key, message));
          } else if (kind === "encrypt") {
            expect(hexOf(encryptBlocks(key, input))).toBe(freshEncryption(key, input));
          } else {
            expect(hexOf(decryptBlocks(key, input))).toBe(freshDecryption(key, input));
          }
        }
      }),
      { numRuns: 200 },
    );
  });

  test("keys by the thousand keep schedules of their own in the room that they share", () => {
    const keys = Array.from({ length: 1000 }, (_, number) => keyOf(number));
    const blocks = Uint8Array.from({ length: 32 }, (_, index) => 7 * index);
    const first = keys.map(key => [hexOf(encryptBlocks(key, blocks)), hexOf(decryptBlocks(key, blocks))]);
    const again = keys.map(key => [hexOf(encryptBlocks(key, blocks)), hexOf(decryptBlocks(key, blocks))]);
    expect(again).toEqual(first);
    expect(first).toEqual(keys.map(key => [freshEncryption(key, blocks), freshDecryption(key, blocks)]));
  });

  test("a key that is changed in place is another key", () => {
    const key = keyOf(1).slice();
    const before = hexOf(encryptBlocks(key, new Uint8Array(16)));
    key.set(keyOf(2));
    expect(hexOf(encryptBlocks(key, new Uint8Array(16)))).toBe(freshEncryption(keyOf(2), new Uint8Array(16)));
    expect(hexOf(encryptBlocks(keyOf(1), new Uint8Array(16)))).toBe(before);
  });

  test("a key that is a view into a larger buffer is read at its place", () => {
    const around = Uint8Array.of(9, 9, 9, ...keyOf(3), 9);
    const encrypted = encryptBlocks(around.subarray(3, 19), new Uint8Array(16));
    expect(hexOf(encrypted)).toBe(freshEncryption(keyOf(3), new Uint8Array(16)));
  });

  test("odd bytes are refused and leave nothing behind for the next use", () => {
    const key = keyOf(1);
    expect(() => encryptBlocks(key, new Uint8Array(17))).toThrow(/whole blocks/);
    expect(() => decryptBlocks(key, new Uint8Array(15))).toThrow(/whole blocks/);
    expect(hexOf(encryptBlocks(key, new Uint8Array(16)))).toBe(freshEncryption(key, new Uint8Array(16)));
    expect(hexOf(decryptBlocks(key, new Uint8Array(16)))).toBe(freshDecryption(key, new Uint8Array(16)));
  });

  test.each([0, 15, 17, 32])("a key of %i bytes is refused", bytes => {
    expect(() => cmac(new Uint8Array(bytes), none, none)).toThrow(/16 bytes/);
  });
});
