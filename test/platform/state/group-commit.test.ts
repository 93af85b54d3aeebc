import { describe, expect, test } from "vitest";
import { createGroupCommit, type GroupCommitOptions } from "../../../platform/state/group-commit.ts";
import { createVirtualClock } from "../../support/virtual-clock.ts";

/** Transactions that end when the test says so. */
function heldTransactions() {
  const ends: (() => void)[] = [];
  const fails: ((error: Error) => void)[] = [];
  return {
    ends,
    fails,
    transact: (work: () => void) =>
      new Promise<void>((resolve, reject) => {
        queueMicrotask(() => {
          try {
            work();
          } catch (error) {
            return reject(error);
          }
          ends.push(resolve);
          fails.push(reject);
        });
      }),
  };
}

const settled = (): Promise<void> => new Promise(resolve => setImmediate(resolve));

test("calls during a transaction gather into the next one, in their order, and wait for its end", async () => {
  const { transact, ends } = heldTransactions();
  const commits = createGroupCommit({ transact, onFault: error => error });
  const ran: number[] = [];
  const done: number[] = [];
  const write = (n: number): Promise<void> => commits.write(() => ran.push(n)).then(() => void done.push(n));
  const first = write(1);
  await settled();
  const rest = [write(2), write(3), write(4)];
  await settled();
  expect([ran, done]).toEqual([[1], []]);
  ends[0]?.();
  await first;
  await settled();
  expect([ran, done]).toEqual([[1, 2, 3, 4], [1]]);
  ends[1]?.();
  await Promise.all(rest);
  expect(done).toEqual([1, 2, 3, 4]);
  expect(ends).toHaveLength(2);
});

/** Transactions that end at once, on a clock that the test moves, and how many operations each had. */
function quickCommits(options: Pick<GroupCommitOptions, "leastIntervalMs" | "gathering">) {
  const clock = createVirtualClock();
  const sizes: number[] = [];
  let size = 0;
  const transact = async (work: () => void): Promise<void> => {
    // Not before what is called in the same turn.
    await Promise.resolve();
    size = 0;
    work();
    sizes.push(size);
  };
  const commits = createGroupCommit({ transact, onFault: error => error, clock, ...options });
  const write = (): Promise<void> =>
    commits.write(() => {
      size += 1;
    });
  return { clock, sizes, commits, write };
}

test("a transaction follows a quick one after the interval, with what has come meanwhile; a lone call waits for nothing", async () => {
  const { clock, sizes, write } = quickCommits({ leastIntervalMs: 3 });
  await write();
  const second = write();
  await clock.advance(2);
  const third = write();
  await settled();
  expect(sizes).toEqual([1]);
  await clock.advance(1);
  await Promise.all([second, third]);
  expect(sizes).toEqual([1, 2]);
  await clock.advance(3);
  await write();
  expect(sizes).toEqual([1, 2, 1]);
});

describe("while several call and few have come", () => {
  const gathering = { leastIntervalMs: 3, gathering: { enough: 4, intervalMs: 10 } };

  test("a transaction waits longer for more, until there are enough", async () => {
    const { clock, sizes, write } = quickCommits(gathering);
    await Promise.all([write(), write()]);
    const few = [write(), write()];
    await clock.advance(9);
    expect(sizes).toEqual([2]);
    await clock.advance(1);
    await Promise.all(few);
    expect(sizes).toEqual([2, 2]);

    const enough = [write(), write(), write()];
    await clock.advance(5);
    expect(sizes).toEqual([2, 2]);
    enough.push(write());
    await Promise.all(enough);
    expect(sizes).toEqual([2, 2, 4]);
    const atOnce = [write(), write(), write(), write(), write()];
    await clock.advance(2);
    expect(sizes).toEqual([2, 2, 4]);
    await clock.advance(1);
    await Promise.all(atOnce);
    expect(sizes).toEqual([2, 2, 4, 5]);
  });

  test("who calls one time after the other does not wait for others", async () => {
    const { clock, sizes, write } = quickCommits(gathering);
    for (let call = 0; call < 3; call += 1) {
      const one = write();
      await clock.advance(3);
      await one;
    }
    expect(sizes).toEqual([1, 1, 1]);
  });

  test("close waits for nothing more", async () => {
    const { clock, sizes, commits, write } = quickCommits(gathering);
    await Promise.all([write(), write()]);
    const last = write();
    await clock.advance(4);
    expect(sizes).toEqual([2]);
    await commits.close();
    await last;
    expect(sizes).toEqual([2, 1]);
  });
});

test("a fault rejects every call of its transaction, none after it, and no listener hears of them", async () => {
  const { transact, ends, fails } = heldTransactions();
  const commits = createGroupCommit({ transact, onFault: error => new Error("named", { cause: error }) });
  const heard: number[] = [];
  const write = (n: number): Promise<number> =>
    commits.write(
      () => n,
      result => heard.push(result),
    );
  const failing = [write(1), write(2)].map(each => expect(each).rejects.toThrow("named"));
  await settled();
  fails[0]?.(new Error("disk full"));
  await Promise.all(failing);
  const later = write(3);
  await settled();
  ends[1]?.();
  expect(await later).toBe(3);
  expect(heard).toEqual([3]);
});

test("an operation that throws takes its whole transaction with it", async () => {
  const { transact } = heldTransactions();
  const commits = createGroupCommit({ transact, onFault: error => error });
  const innocent = expect(commits.write(() => 1)).rejects.toThrow("cannot");
  const guilty = expect(
    commits.write(() => {
      throw new Error("cannot");
    }),
  ).rejects.toThrow("cannot");
  await Promise.all([innocent, guilty]);
});

test("a transaction that cannot begin rejects whoever waits for it", async () => {
  const commits = createGroupCommit({
    transact: () => Promise.reject(new Error("no transaction")),
    onFault: error => error,
  });
  await expect(commits.write(() => 1)).rejects.toThrow("no transaction");
  await expect(commits.write(() => 2)).rejects.toThrow("no transaction");
});

test("close waits for everything that was asked for and refuses more", async () => {
  const { transact, ends } = heldTransactions();
  const commits = createGroupCommit({ transact, onFault: error => error });
  const writes = Array.from({ length: 501 }, (_, n) => commits.write(() => n));
  let closed = false;
  const closing = commits.close().then(() => {
    closed = true;
  });
  await expect(commits.write(() => 0)).rejects.toMatchObject({ code: "state_closed" });
  await settled();
  ends[0]?.();
  await settled();
  expect(closed).toBe(false);
  expect(ends).toHaveLength(2);
  ends[1]?.();
  await closing;
  expect((await Promise.all(writes)).at(-1)).toBe(500);
});

test("a transaction with a passing fault is tried once more, with the same calls", async () => {
  const { transact, ends, fails } = heldTransactions();
  const onFault = (error: unknown) => error;
  const commits = createGroupCommit({ transact, onFault, isPassing: fault => String(fault).includes("passing") });
  let ran = 0;
  const one = commits.write(() => {
    ran += 1;
    return ran;
  });
  await settled();
  const later = commits.write(() => "later");
  fails[0]?.(new Error("passing"));
  await settled();
  ends[1]?.();
  expect(await one).toBe(2);
  await settled();
  ends[2]?.();
  expect(await later).toBe("later");

  const twice = commits.write(() => "never");
  await settled();
  fails[3]?.(new Error("passing"));
  await settled();
  fails[4]?.(new Error("passing again"));
  await expect(twice).rejects.toThrow("passing again");
});
