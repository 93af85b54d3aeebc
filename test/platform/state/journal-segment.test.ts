import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type JournalRecord, openSegment, readRecords } from "../../../platform/state/journal-segment.ts";

let folder: string;
let path: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "upchirp-journal-"));
  path = join(folder, "journal");
});
afterEach(() => rm(folder, { recursive: true }));

const key = (text: string): Buffer => Buffer.from(text);

interface Change {
  readonly table: number;
  readonly key: string;
  readonly value: string | undefined;
}

/** Writes one record for each list and gives what is in the file then. */
async function written(records: readonly (readonly Change[])[], firstSequence = 1): Promise<Buffer> {
  const segment = openSegment(path, 1000);
  for (const [index, changes] of records.entries()) {
    segment.begin();
    for (const { table, key: name, value } of changes) {
      if (value === undefined) segment.remove(table, key(name));
      else expect(segment.valueAt(segment.put(table, key(name), key(value))).toString()).toBe(value);
    }
    await segment.commit(firstSequence + index);
  }
  segment.close();
  return readFile(path);
}

const plain = (records: Iterable<JournalRecord>) =>
  Array.from(records, ({ sequence, changes }) => ({
    sequence,
    changes: changes.map(change => ({
      table: change.table,
      key: change.key.toString(),
      value: change.value?.toString(),
    })),
  }));

const change = (n: number): Change => ({ table: n % 9, key: `key ${n}`, value: "x".repeat(n) });

test("gives the records back that were written, and none beside them, whatever their size", async () => {
  const changes = fc.array(
    fc.record({
      table: fc.integer({ min: 0, max: 255 }),
      key: fc.string({ maxLength: 40 }),
      value: fc.option(fc.string({ maxLength: 400 }), { nil: undefined }),
    }),
    { minLength: 1, maxLength: 20 },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(changes, { maxLength: 8 }), async records => {
      const file = await written(records, 7);
      expect(plain(readRecords(file)).slice(0, records.length)).toEqual(
        records.map((list, index) => ({ sequence: 7 + index, changes: list })),
      );
      await rm(path);
    }),
    { numRuns: 60 },
  );
});

test("gives the records before one in which a bit is wrong, or that is not whole", async () => {
  const file = await written([[change(10)], [change(20), change(21)], [change(30)]]);
  const whole = plain(readRecords(file));
  expect(whole).toHaveLength(3);
  const ends: number[] = [];
  for (let start = 0; ends.length < 3; ) {
    start += 16 + file.readUInt32BE(start);
    ends.push(start);
  }
  const end = ends[2] ?? 0;
  for (let at = 0; at < end; at += 1) {
    const broken = Buffer.from(file);
    broken.writeUInt8((file[at] ?? 0) ^ 0x10, at);
    const intact = ends.filter(recordEnd => recordEnd <= at).length;
    expect(plain(readRecords(broken)), `bit in byte ${at}`).toEqual(whole.slice(0, intact));
    expect(plain(readRecords(file.subarray(0, at)))).toEqual(whole.slice(0, intact));
  }
});

test("gives nothing of what an earlier use of the file left behind its end", async () => {
  await written([[change(10)], [change(10)], [change(10)]], 1);
  const file = await written([[change(10)]], 4);
  expect(plain(readRecords(file)).map(({ sequence }) => sequence)).toEqual([4]);
});

test("forgets what a transaction wrote that came to nothing", async () => {
  const segment = openSegment(path, 100);
  segment.begin();
  segment.put(0, key("a"), key("1".repeat(500)));
  segment.begin();
  expect(segment.isUnchanged).toBe(true);
  segment.put(0, key("b"), key("2"));
  await segment.commit(1);
  segment.close();
  expect(plain(readRecords(await readFile(path)))).toEqual([
    { sequence: 1, changes: [{ table: 0, key: "b", value: "2" }] },
  ]);
});
