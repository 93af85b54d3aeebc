import { expect, test } from "vitest";
import { open, seal } from "../../../app-server/storage/sealed-secret.ts";

const keyOf = (id: string, byte: number) => ({ id, key: new Uint8Array(32).fill(byte) });
const before = { current: keyOf("00000001", 1), older: [] };
const secret = Uint8Array.of(1, 2, 3);

test("a sealed secret opens for its owner, also after the key has changed", () => {
  const sealed = seal(before, secret, "ada");
  const after = { current: keyOf("00000002", 2), older: [before.current] };
  expect([...open(after, sealed, "ada")]).toEqual([...secret]);
  expect(seal(before, secret, "ada").equals(sealed)).toBe(false);
});

test("it opens for nobody else, not when a bit of it was changed, and not without its key", () => {
  const sealed = seal(before, secret, "ada");
  const unreadable = expect.objectContaining({ code: "unreadable_secret" });
  expect(() => open(before, sealed, "bob")).toThrow(unreadable);
  expect(() => open({ current: keyOf("00000002", 2), older: [] }, sealed, "ada")).toThrow(unreadable);
  for (let at = 0; at < sealed.length; at += 1) {
    const changed = Buffer.from(sealed);
    changed.writeUInt8((changed[at] ?? 0) ^ 1, at);
    expect(() => open(before, changed, "ada")).toThrow(unreadable);
    expect(() => open(before, sealed.subarray(0, at), "ada")).toThrow(unreadable);
  }
});
