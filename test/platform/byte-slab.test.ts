import fc from "fast-check";
import { expect, test } from "vitest";
import { createByteSlab } from "../../platform/byte-slab.ts";

test("reads base64 as Buffer does, whatever was read before", () => {
  const slab = createByteSlab(64);
  const bytes = fc.uint8Array({ maxLength: 100 });
  const alphabet = fc.constantFrom("base64" as const, "base64url" as const);
  fc.assert(
    fc.property(fc.array(fc.tuple(bytes, alphabet), { maxLength: 20 }), pieces => {
      const read = pieces.map(([piece, encoding]) => slab.fromBase64(Buffer.from(piece).toString(encoding)));
      expect(read.map(piece => Array.from(piece))).toEqual(pieces.map(([piece]) => Array.from(piece)));
    }),
  );
});

test("reads text that is no base64 as Buffer does", () => {
  const slab = createByteSlab(16);
  fc.assert(
    fc.property(fc.string({ maxLength: 40 }), text => {
      expect(Array.from(slab.fromBase64(text))).toEqual(Array.from(Buffer.from(text, "base64")));
    }),
  );
});

test("pieces have no room in common with the pool of Buffer, and share little among themselves", () => {
  const slab = createByteSlab(64);
  const pieces = Array.from({ length: 10 }, () => slab.fromBase64(Buffer.alloc(30, 1).toString("base64")));
  const rooms = new Set(pieces.map(({ buffer }) => buffer));
  expect(rooms.size).toBe(5);
  for (const { buffer } of pieces) expect(buffer.byteLength).toBe(64);
});

test("keeps copies, beside what is read", () => {
  const slab = createByteSlab(64);
  const bytes = fc.uint8Array({ maxLength: 100 });
  fc.assert(
    fc.property(fc.array(bytes, { maxLength: 20 }), pieces => {
      const kept = pieces.map((piece, index) =>
        index % 2 === 0 ? slab.keep(piece) : slab.fromBase64(Buffer.from(piece).toString("base64")),
      );
      const expected = pieces.map(piece => Array.from(piece));
      for (const piece of pieces) piece.fill(0);
      expect(kept.map(piece => Array.from(piece))).toEqual(expected);
    }),
  );
});
