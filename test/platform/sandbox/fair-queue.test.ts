import { describe, expect, test } from "vitest";
import { FairQueue } from "../../../platform/sandbox/fair-queue.ts";

const item = (owner: string, key: string, costMs = 1) => ({ owner, key, costMs });
type Item = ReturnType<typeof item>;

const takenFrom = (queue: FairQueue<Item>, count: number): string[] =>
  Array.from({ length: count }, () => queue.take(({ costMs }) => costMs))
    .filter(taken => taken !== undefined)
    .map(({ owner, key }) => `${owner}${key}`);

describe("a fair queue", () => {
  test("gives owners turns, however much one of them has waiting", () => {
    const queue = new FairQueue<Item>();
    for (let n = 0; n < 5; n += 1) queue.add(item("a", "1"));
    for (let n = 0; n < 2; n += 1) queue.add(item("b", "1"));
    expect(takenFrom(queue, 6)).toEqual(["a1", "b1", "a1", "b1", "a1", "a1"]);
    expect(queue.size).toBe(1);
  });

  test("gives the scripts of one owner turns", () => {
    const queue = new FairQueue<Item>();
    for (const key of ["1", "1", "1", "2", "3"]) queue.add(item("a", key));
    expect(takenFrom(queue, 5)).toEqual(["a1", "a2", "a3", "a1", "a1"]);
  });

  test("counts time and not calls: who takes ten times as long is served a tenth as often", () => {
    const queue = new FairQueue<Item>();
    for (let n = 0; n < 100; n += 1) {
      queue.add(item("slow", "1", 10));
      queue.add(item("quick", "1", 1));
    }
    const served = takenFrom(queue, 66);
    expect(served.filter(name => name === "slow1")).toHaveLength(6);
  });

  test("does not let an owner save up the time of its absence", () => {
    const queue = new FairQueue<Item>();
    for (let n = 0; n < 50; n += 1) queue.add(item("steady", "1"));
    takenFrom(queue, 40);
    for (let n = 0; n < 50; n += 1) queue.add(item("late", "1"));
    expect(takenFrom(queue, 10).filter(name => name === "late1").length).toBeLessThanOrEqual(6);
  });

  test("charges what a call took beyond what was expected of it", () => {
    const queue = new FairQueue<Item>();
    queue.add(item("a", "1"));
    queue.add(item("a", "1"));
    for (let n = 0; n < 20; n += 1) queue.add(item("b", "1"));
    expect(takenFrom(queue, 1)).toEqual(["a1"]);
    queue.charge("a", 15);
    expect(takenFrom(queue, 15)).toEqual(Array.from({ length: 15 }, () => "b1"));
  });

  test("gives back what waits of one script, and all of it at the end", () => {
    const queue = new FairQueue<Item>();
    for (const key of ["1", "2", "1"]) queue.add(item("a", key));
    expect(queue.remove("a", "1")).toHaveLength(2);
    expect(queue.remove("a", "1")).toEqual([]);
    expect(queue.size).toBe(1);
    expect(queue.clear()).toHaveLength(1);
    expect(queue.size).toBe(0);
    expect(takenFrom(queue, 1)).toEqual([]);
  });
});
