import { expect, test } from "vitest";
import { backOffMs, Circuit } from "../../../app-server/delivery/circuit.ts";
import { createVirtualClock } from "../../support/virtual-clock.ts";

const backOff = { firstMs: 1000, longestMs: 60_000, random: () => 1 };

function scene() {
  const clock = createVirtualClock();
  let retries = 0;
  const circuit = new Circuit(clock, backOff, () => {
    retries += 1;
  });
  return { clock, circuit, retries: () => retries };
}

test("pauses double up to the longest, a random part shorter by half at most", () => {
  const pauses = [1, 2, 3, 4, 5, 6, 7, 100].map(failures => backOffMs(backOff, failures));
  expect(pauses).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
  expect(backOffMs({ ...backOff, random: () => 0 }, 3)).toBe(2000);
});

test("five failures in a row open it, and a success in between does not let them add up", () => {
  const { circuit } = scene();
  for (let count = 0; count < 4; count += 1) expect(circuit.failed()).toBe(false);
  circuit.succeeded();
  for (let count = 0; count < 4; count += 1) expect(circuit.failed()).toBe(false);
  expect(circuit.allows).toBe("any");
  expect(circuit.failed()).toBe(true);
  expect(circuit.allows).toBe("none");
});

test("after the pause one may try; its failure makes the next pause longer, its success closes it", async () => {
  const { clock, circuit, retries } = scene();
  for (let count = 0; count < 5; count += 1) circuit.failed();
  await clock.advance(999);
  expect(circuit.allows).toBe("none");
  await clock.advance(1);
  expect([circuit.allows, retries()]).toEqual(["one", 1]);
  circuit.tried();
  expect(circuit.allows).toBe("none");
  circuit.failed();
  await clock.advance(1999);
  expect(circuit.allows).toBe("none");
  await clock.advance(1);
  circuit.tried();
  circuit.succeeded();
  expect(circuit.allows).toBe("any");
});

test("what was under way when it opened does not lengthen the pause", async () => {
  const { clock, circuit } = scene();
  for (let count = 0; count < 16; count += 1) circuit.failed();
  await clock.advance(1000);
  expect(circuit.allows).toBe("one");
});

test("a receiver's wish to be left alone opens it at once for that long, an hour at most", async () => {
  const { clock, circuit } = scene();
  expect(circuit.failed(120_000)).toBe(true);
  await clock.advance(119_999);
  expect(circuit.allows).toBe("none");
  await clock.advance(1);
  expect(circuit.allows).toBe("one");
  circuit.tried();
  circuit.failed(1e12);
  await clock.advance(3_600_000);
  expect(circuit.allows).toBe("one");
});

test("one that tried and came to no outcome leaves its place to another", async () => {
  const { clock, circuit, retries } = scene();
  for (let count = 0; count < 5; count += 1) circuit.failed();
  await clock.advance(1000);
  circuit.tried();
  circuit.undecided();
  expect([circuit.allows, retries()]).toEqual(["one", 2]);
});
