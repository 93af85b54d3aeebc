import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { openJournal, recoverJournal } from "../../../platform/state/journal.ts";
import { openSegment } from "../../../platform/state/journal-segment.ts";
import { openTables, type Tables } from "../../../platform/state/lmdb-tables.ts";

let folder: string;
let lmdb: Tables;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "upchirp-journal-"));
  lmdb = await openTables(folder);
});
afterEach(async () => {
  await lmdb.root.close();
  await rm(folder, { recursive: true });
});

const devicesId = 0;
const key = (n: number): Buffer => Buffer.from([1, n]);
const text = (value: Buffer | undefined): string | undefined => value?.toString();

/** Writes a journal's file with a record for each entry: its sequence and the value that it gives the device of that number. */
async function writeFileOf(name: string, records: readonly (readonly [sequence: number, value: string])[]) {
  const segment = openSegment(join(folder, name), 10_000);
  for (const [sequence, value] of records) {
    segment.begin();
    segment.put(devicesId, key(sequence), Buffer.from(value));
    await segment.commit(sequence);
  }
  segment.close();
}

const stored = (n: number): string | undefined => text(lmdb.devices.get(key(n)));

test("LMDB gets what is in both files, in their order, and once", async () => {
  await writeFileOf("journal-1", [
    [1, "a"],
    [2, "b"],
  ]);
  await writeFileOf("journal-0", [[3, "c"]]);
  expect(await recoverJournal(folder, lmdb)).toBe(3);
  expect([1, 2, 3].map(stored)).toEqual(["a", "b", "c"]);
  expect(await recoverJournal(folder, lmdb)).toBe(0);
});

test("of a record that could not be written for sure, the one that took its number counts", async () => {
  await writeFileOf("journal-0", [
    [1, "a"],
    [2, "not sure"],
  ]);
  await writeFileOf("journal-1", [
    [2, "b"],
    [3, "c"],
  ]);
  expect(await recoverJournal(folder, lmdb)).toBe(3);
  expect([1, 2, 3].map(stored)).toEqual(["a", "b", "c"]);
});

test("a journal in which something is missing is refused, and LMDB left as it was", async () => {
  await writeFileOf("journal-0", [[1, "a"]]);
  await writeFileOf("journal-1", [[3, "c"]]);
  await expect(openJournal({ folder, lmdb })).rejects.toMatchObject({ code: "state_corrupt", retryable: false });
  expect(stored(1)).toBeUndefined();
});

test("what is in the journal alone is read with what LMDB has, in the order of the keys, also while it is on its way", async () => {
  const journal = await openJournal({ folder, lmdb, segmentBytes: 500 });
  const { queue } = journal.tables;
  const expected = new Map<number, string>();
  const expectAll = (): void => {
    const all = [...expected].sort(([a], [b]) => a - b);
    const entries = Array.from(queue.entries({ start: key(0) }), entry => [entry.key[1], text(entry.value)]);
    expect(entries).toEqual(all);
    const some = Array.from(queue.keys({ start: key(40), end: key(200), limit: 5 }), found => found[1]);
    expect(some).toEqual(all.flatMap(([n]) => (n >= 40 && n < 200 ? [n] : [])).slice(0, 5));
  };
  for (let round = 0; round < 300; round += 1) {
    const n = (round * 97) % 251;
    await journal.transact(() => {
      if (round % 3 === 2) {
        queue.remove(key((round * 31) % 251));
        expected.delete((round * 31) % 251);
      }
      queue.put(key(n), Buffer.from(`value ${round}`));
      expected.set(n, `value ${round}`);
      expectAll();
    });
    expectAll();
  }
  await journal.close();
  const inLmdb = Array.from(lmdb.queue.getRange({ start: key(0) }), entry => [entry.key[1], text(entry.value)]);
  expect(inLmdb).toEqual([...expected].sort(([a], [b]) => a - b));
});

test("nobody sees what is not durable yet, and nothing stays of a transaction that throws", async () => {
  const journal = await openJournal({ folder, lmdb });
  const { devices } = journal.tables;
  const writing = journal.transact(() => {
    devices.put(key(1), Buffer.from("new"));
    expect(text(devices.get(key(1)))).toBe("new");
  });
  expect(devices.get(key(1))).toBeUndefined();
  await writing;
  expect(text(devices.get(key(1)))).toBe("new");

  const failing = journal.transact(() => {
    devices.remove(key(1));
    devices.put(key(2), Buffer.from("never"));
    throw new Error("changed its mind");
  });
  await expect(failing).rejects.toThrow("changed its mind");
  expect(text(devices.get(key(1)))).toBe("new");
  expect(devices.get(key(2))).toBeUndefined();
  await journal.close();
  expect([1, 2].map(stored)).toEqual(["new", undefined]);
});

test("an LMDB that cannot be written costs nothing that was promised, and gets it all once it can", async () => {
  const lines: string[] = [];
  const log = pino({}, { write: (line: string) => lines.push(line) });
  const journal = await openJournal({ folder, lmdb, log, segmentBytes: 300 });
  const { devices } = journal.tables;
  const put = (n: number): Promise<void> => journal.transact(() => devices.put(key(n), Buffer.from(`value ${n}`)));
  const broken = vi.spyOn(lmdb.root, "childTransaction").mockRejectedValue(new Error("no room"));
  let kept = 0;
  await expect(
    (async () => {
      for (; kept < 100; kept += 1) await put(kept);
    })(),
  ).rejects.toThrow("no room");
  // Both files are full.
  expect(kept).toBeGreaterThan(10);
  expect(kept).toBeLessThan(40);
  await expect(put(kept)).rejects.toThrow("no room");
  const values = (): (string | undefined)[] => Array.from({ length: kept + 1 }, (_, n) => text(devices.get(key(n))));
  const expected = Array.from({ length: kept }, (_, n) => `value ${n}`);
  expect(values()).toEqual([...expected, undefined]);
  expect(lines.join("")).toContain("LMDB could not be given what is in the journal");

  broken.mockRestore();
  await put(kept);
  expect(values()).toEqual([...expected, `value ${kept}`]);
  await journal.close();
  expect(Array.from({ length: kept + 1 }, (_, n) => stored(n))).toEqual([...expected, `value ${kept}`]);
});

test("an event that came and went leaves LMDB nothing to do", async () => {
  const journal = await openJournal({ folder, lmdb });
  const { events } = journal.tables;
  await journal.transact(() => events.put(key(1), Buffer.from("short-lived")));
  await journal.transact(() => events.remove(key(1)));
  expect(events.get(key(1))).toBeUndefined();
  await journal.close();
  expect((await readFile(join(folder, "data.mdb"))).includes("short-lived")).toBe(false);
});

test("a file that is no journal is taken for an empty one", async () => {
  await writeFile(join(folder, "journal-0"), "This is a letter and no journal, and long enough to be looked at.");
  const journal = await openJournal({ folder, lmdb });
  await journal.close();
  expect(existsSync(join(folder, "journal-1"))).toBe(true);
});
