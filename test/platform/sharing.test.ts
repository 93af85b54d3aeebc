import { expect, test } from "vitest";
import { createSharing, createTextSharing } from "../../platform/sharing.ts";

interface Profile {
  readonly id: string;
  readonly rates: readonly number[];
}

test("equal values are the one that was seen first, until one of the key says something else", () => {
  const share = createSharing<Profile>(({ id }) => id);
  const first = share({ id: "a", rates: [1, 2] });
  expect(share({ id: "a", rates: [1, 2] })).toBe(first);
  expect(share({ id: "b", rates: [1, 2] })).not.toBe(first);
  const changed = share({ id: "a", rates: [1, 3] });
  expect(changed).toEqual({ id: "a", rates: [1, 3] });
  expect(share({ id: "a", rates: [1, 3] })).toBe(changed);
});

test("a full memory begins anew", () => {
  const share = createSharing<Profile>(({ id }) => id, 2);
  const first = share({ id: "a", rates: [] });
  share({ id: "b", rates: [] });
  share({ id: "c", rates: [] });
  expect(share({ id: "a", rates: [] })).not.toBe(first);
});

test("texts stay what they are", () => {
  const share = createTextSharing(1);
  expect(["a", "b", "a"].map(text => share(text))).toEqual(["a", "b", "a"]);
});
