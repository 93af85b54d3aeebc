import { expect, test } from "vitest";
import { createWindowLength } from "../../../network-server/uplink/window-length.ts";

/** A window of at most 200 ms that has seen frames whose last copies were late so. */
function learned(latenessesMs: readonly number[]): number {
  const window = createWindowLength(200);
  for (const latenessMs of latenessesMs) window.observe(latenessMs * 1000);
  return window.lengthMs();
}

const frames = (count: number, latenessMs: number): number[] => Array.from({ length: count }, () => latenessMs);

test("waits as long as it may until it has seen enough", () => {
  expect(learned(frames(127, 0))).toBe(200);
});

test("a network of one gateway hardly waits", () => {
  expect(learned(frames(128, 0))).toBe(3);
});

test("waits half as long again as nearly all last copies needed", () => {
  const mostlyQuick = Array.from({ length: 512 }, (_, number) => (number % 50 === 0 ? 40 : 1));
  expect(learned(mostlyQuick)).toBe(63);
});

test("never waits longer than it may, whatever a gateway sends late", () => {
  expect(learned(frames(512, 5_000))).toBe(200);
});

test("learns anew when a second gateway comes, and when it goes", () => {
  const alone = frames(1000, 0);
  const both = frames(512, 20);
  expect(learned([...alone, ...both])).toBe(33);
  expect(learned([...alone, ...both, ...alone])).toBe(3);
});
