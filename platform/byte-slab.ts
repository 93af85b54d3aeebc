/**
 * Gives small pieces of bytes room of their own. The pool of `Buffer` puts what is read and written at a time side by side,
 * 64 KB together, and one piece that stays keeps all of that. What is kept so lies outside the heap, where 64 MB more make the
 * garbage collector mark the whole of it.
 */
export interface ByteSlab {
  /** Reads as `Buffer.from(text, "base64")` does. */
  fromBase64(text: string): Buffer;
  /** A copy. */
  keep(bytes: Uint8Array): Uint8Array;
}

export function createByteSlab(slabBytes = 4096): ByteSlab {
  let slab = Buffer.alloc(0);
  let used = 0;
  const makeRoom = (bytes: number): void => {
    if (used + bytes <= slab.length) return;
    slab = Buffer.allocUnsafeSlow(Math.max(slabBytes, bytes));
    used = 0;
  };
  return {
    fromBase64(text) {
      makeRoom(Math.ceil((text.length * 3) / 4));
      const start = used;
      used += slab.write(text, start, "base64");
      return slab.subarray(start, used);
    },
    keep(bytes) {
      makeRoom(bytes.length);
      const start = used;
      slab.set(bytes, start);
      used += bytes.length;
      return new Uint8Array(slab.buffer, slab.byteOffset + start, bytes.length);
    },
  };
}
