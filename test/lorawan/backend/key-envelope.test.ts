import { describe, expect, test } from "vitest";
import { unwrapKey, wrapKey } from "../../../lorawan/backend/key-envelope.ts";
import { bytesOf, hexOf } from "../phy/vectors.ts";

const kek = "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F";
const key = "00112233445566778899AABBCCDDEEFF000102030405060708090A0B0C0D0E0F";

// RFC 3394 4.1 to 4.6.
const examples = [
  [16, 16, "1FA68B0A8112B447AEF34BD8FB5A7B829D3E862371D2CFE5"],
  [24, 16, "96778B25AE6CA435F92B5B97C050AED2468AB8A17AD84E5D"],
  [32, 16, "64E8C3F9CE0F5BA263E9777905818A2A93C8191E7D6E8AE7"],
  [24, 24, "031D33264E15D33268F24EC260743EDCE1C6C7DDEE725A936BA814915C6762D2"],
  [32, 24, "A8F9BC1612C68B3FF6E6F4FBE30E71E4769C8B80A32CB8958CD5D17D6B254DA1"],
  [32, 32, "28C9F404C4B810F4CBCCB35CFB87F8263F5786E2D80ED326CBC7F0E71A99F43BFB988B9B7A02DD21"],
] as const;

describe("C70 key envelopes", () => {
  test.each(examples)(
    "C70 a KEK of %i bytes wraps a key of %i bytes as RFC 3394 says",
    (kekBytes, keyBytes, wrapped) => {
      const itsKek = bytesOf(kek).subarray(0, kekBytes);
      const itsKey = bytesOf(key).subarray(0, keyBytes);
      expect(hexOf(wrapKey(itsKek, itsKey)).toUpperCase()).toBe(wrapped);
      expect(unwrapKey(itsKek, bytesOf(wrapped))).toEqual(itsKey);
    },
  );

  test("C70 an envelope with any one bit changed does not open", () => {
    const wrapped = bytesOf(examples[0][2]);
    for (let bit = 0; bit < 8 * wrapped.length; bit++) {
      const altered = wrapped.slice();
      altered[bit >> 3]! ^= 1 << (bit & 7);
      expect(unwrapKey(bytesOf(kek).subarray(0, 16), altered)).toBeUndefined();
    }
  });

  test("C70 an envelope does not open with another KEK, nor at another length", () => {
    const wrapped = bytesOf(examples[0][2]);
    expect(unwrapKey(new Uint8Array(16), wrapped)).toBeUndefined();
    expect(unwrapKey(new Uint8Array(32), wrapped)).toBeUndefined();
    for (let length = 0; length < 24; length++) {
      expect(unwrapKey(bytesOf(kek).subarray(0, 16), wrapped.subarray(0, length))).toBeUndefined();
    }
    expect(unwrapKey(bytesOf(kek).subarray(0, 16), new Uint8Array(33))).toBeUndefined();
  });

  test.each([0, 8, 15, 17, 33])("C70 a KEK of %i bytes is refused without being shown", bytes => {
    const wrong = new Uint8Array(bytes).fill(0xab);
    expect(() => wrapKey(wrong, new Uint8Array(16))).toThrow(/^a key encryption key is 16, 24 or 32 bytes$/);
    expect(() => unwrapKey(wrong, new Uint8Array(24))).toThrow(/^a key encryption key is 16, 24 or 32 bytes$/);
  });

  test.each([0, 8, 15, 17])("C70 a key of %i bytes cannot be wrapped", bytes => {
    expect(() => wrapKey(new Uint8Array(16), new Uint8Array(bytes))).toThrow(/16 bytes or more/);
  });
});
