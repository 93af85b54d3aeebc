import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { sleep, systemClock } from "../clock.ts";
import type { Log } from "../log.ts";
import { StateStoreError } from "./errors.ts";
import { type JournalRecord, type JournalSegment, openSegment, readRecords } from "./journal-segment.ts";
import { createJournaledTable, type JournaledTable, keyBytes, type StateTable } from "./journaled-table.ts";
import { gone, type Layer } from "./layer.ts";
import { causeOf } from "./lmdb-faults.ts";
import { sequenceOfValue, sequenceValue, type Table, type Tables } from "./lmdb-tables.ts";

/**
 * The store's tables with a journal before LMDB: a transaction is durable as soon as it stands at the end of a file, in one write
 * of what it changed, and LMDB, for which it would be a dozen pages in as many places, has it later together with many others.
 *
 * There are two files. While changes go to one, those of the other are written to LMDB, each key once; then they change places.
 * Until a change is in LMDB it is read from memory.
 */
export interface Journal {
  readonly tables: StateTables;
  /** What LMDB has still to be given. */
  readonly owedBytes: number;
  /** Runs `work` as one transaction: all of it is durable once the promise resolves, none of it if `work` throws. */
  transact(work: () => void): Promise<void>;
  /** Leaves everything in LMDB. */
  close(): Promise<void>;
}

/** In the order of their numbers in the journal, which stored data depends on. */
const tableNames = [
  "devices",
  "addresses",
  "wakeUps",
  "queue",
  "queueIds",
  "events",
  "trimmed",
  "cursors",
  "gateways",
] as const;

export type StateTables = Readonly<Record<(typeof tableNames)[number], StateTable>>;

export interface JournalOptions {
  readonly folder: string;
  readonly lmdb: Tables;
  readonly log?: Log | undefined;
  /** What a file holds before LMDB is given it. */
  readonly segmentBytes?: number | undefined;
}

const segmentBytesByDefault = 32 * 2 ** 20;
/** Room for the transaction with which a file is full. */
const mostBytesBeyond = 2 * 2 ** 20;
/** Changes that LMDB is given at once: a millisecond of the main thread. */
const atOnce = 250;
/** Between two of these, as long as there is time. */
const restMs = 20;

const pathsOf = (folder: string) => [join(folder, "journal-0"), join(folder, "journal-1")] as const;

/** Brings into LMDB what an earlier process left in the journal. Throws as `recoverJournal`. */
export async function openJournal(options: JournalOptions): Promise<Journal> {
  const { folder, lmdb, log, segmentBytes = segmentBytesByDefault } = options;
  const recovered = await recoverJournal(folder, lmdb);
  if (recovered > 0) log?.info({ folder, transactions: recovered }, "the state has what was in its journal alone");
  const [first, second] = pathsOf(folder);
  let current = openSegment(first, segmentBytes + mostBytesBeyond);
  let idle = openSegment(second, segmentBytes + mostBytesBeyond);
  let sequence = sequenceOfValue(lmdb.journaled.get(appliedKey));
  const tables = makeTables(lmdb, current);
  const all = Object.values(tables);
  /** What LMDB is being given, or could not be given. */
  let pending: Pending | undefined;
  let wantsOther = false;
  let isClosing = false;

  const writeOut = async ({ segment, layers, lastSequence }: Former): Promise<void> => {
    const changes = chain(layers.map(({ table, layer }) => changesOf(table, segment, layer)));
    await give(lmdb, changes, lastSequence, async () => {
      if (!isClosing && current.size < segmentBytes / 2) await sleep(systemClock, restMs);
    });
    for (const table of all) table.thaw();
    pending = undefined;
  };
  const start = (former: Former): void => {
    const done = writeOut(former).then(
      () => undefined,
      (fault: unknown) => {
        log?.error({ err: fault, folder }, "LMDB could not be given what is in the journal; it is tried again");
        return { fault };
      },
    );
    pending = { ...former, done };
  };
  /** Resolves when nothing waits for LMDB. */
  const settle = async (): Promise<void> => {
    let failed = await pending?.done;
    if (failed !== undefined && pending !== undefined) {
      start(pending);
      failed = await pending.done;
    }
    if (failed !== undefined) throw failed.fault;
  };
  const changePlaces = async (): Promise<void> => {
    await settle();
    const segment = current;
    current = idle;
    idle = segment;
    current.restart();
    const layers = tableNames.map(name => ({ table: lmdb[name], layer: tables[name].freeze(current) }));
    start({ segment, layers, lastSequence: sequence });
    wantsOther = false;
  };

  return {
    tables,
    get owedBytes() {
      return current.size + (pending?.segment.size ?? 0);
    },
    async transact(work) {
      if (current.size >= segmentBytes || wantsOther) await changePlaces();
      current.begin();
      for (const table of all) table.begin();
      try {
        work();
      } catch (error) {
        for (const table of all) table.drop();
        throw error;
      } finally {
        for (const table of all) table.end();
      }
      if (current.isUnchanged) return;
      try {
        await current.commit(sequence + 1);
      } catch (error) {
        for (const table of all) table.drop();
        // Where this file cannot grow, the other may have room.
        wantsOther = true;
        throw error;
      }
      sequence += 1;
      for (const table of all) table.keep();
    },
    async close() {
      isClosing = true;
      try {
        if (current.size > 0) await changePlaces();
        await settle();
      } catch {
        // It was logged, and the next start does it.
      }
      current.close();
      idle.close();
    },
  };
}

/** What is on its way to LMDB. */
interface Former {
  readonly segment: JournalSegment;
  readonly layers: readonly { readonly table: Table; readonly layer: Layer }[];
  readonly lastSequence: number;
}

interface Pending extends Former {
  /** Never rejects. */
  readonly done: Promise<{ readonly fault: unknown } | undefined>;
}

function makeTables(
  lmdb: Tables,
  segment: JournalSegment,
): Readonly<Record<(typeof tableNames)[number], JournaledTable>> {
  const table = (name: (typeof tableNames)[number], keysAreUnique = false): JournaledTable =>
    createJournaledTable({ stored: lmdb[name], id: tableNames.indexOf(name), segment, keysAreUnique });
  return {
    devices: table("devices"),
    addresses: table("addresses"),
    wakeUps: table("wakeUps"),
    queue: table("queue"),
    queueIds: table("queueIds"),
    events: table("events", true),
    trimmed: table("trimmed"),
    cursors: table("cursors"),
    gateways: table("gateways"),
  };
}

interface StoredChange {
  readonly table: Table;
  readonly key: Buffer;
  readonly value: Buffer | undefined;
}

function* changesOf(table: Table, segment: JournalSegment, layer: Layer): Iterable<StoredChange> {
  for (const [key, place] of layer.entries()) {
    yield { table, key: keyBytes(key), value: place === gone ? undefined : segment.valueAt(place) };
  }
}

function* chain<Item>(parts: Iterable<Iterable<Item>>): Iterable<Item> {
  for (const part of parts) yield* part;
}

/** Up to which sequence LMDB has everything. */
const appliedKey = Buffer.from("applied");

/**
 * Gives LMDB changes piece by piece, and with the last of them how far it has got. Who is interrupted begins anew: all that came
 * after the old mark is in the journal, and brings the same about however much of it is there already.
 */
async function give(
  lmdb: Tables,
  changes: Iterable<StoredChange>,
  lastSequence: number,
  rest: () => Promise<void>,
): Promise<void> {
  const iterator = changes[Symbol.iterator]();
  for (let isDone = false; !isDone; ) {
    const piece: StoredChange[] = [];
    while (piece.length < atOnce && !isDone) {
      const next = iterator.next();
      if (next.done === true) isDone = true;
      else piece.push(next.value);
    }
    try {
      // A child transaction, because lmdb-js keeps what a plain one wrote before its callback threw.
      await lmdb.root.childTransaction(() => {
        for (const { table, key, value } of piece) {
          if (value === undefined) table.removeSync(key);
          else table.putSync(key, value);
        }
        if (isDone) lmdb.journaled.putSync(appliedKey, sequenceValue(lastSequence));
      });
    } catch (error) {
      throw await causeOf(error);
    }
    if (!isDone) await rest();
  }
}

/**
 * Gives LMDB what a process that could not close the journal left in it, and returns how many transactions that were. Throws
 * StateStoreError `state_corrupt` when some of them are missing.
 */
export async function recoverJournal(folder: string, lmdb: Tables): Promise<number> {
  const applied = sequenceOfValue(lmdb.journaled.get(appliedKey));
  const [former = [], latter = []] = pathsOf(folder)
    .filter(path => existsSync(path))
    .map(path => [...readRecords(readFileSync(path))].filter(({ sequence }) => sequence > applied))
    .filter(records => records.length > 0)
    .sort(([a], [b]) => (a?.sequence ?? 0) - (b?.sequence ?? 0));
  // A record that could not be written for sure may be there all the same; its number went to the first of the other file.
  const [next] = latter;
  const records = [...former.filter(({ sequence }) => next === undefined || sequence < next.sequence), ...latter];
  if (records.some(({ sequence }, index) => sequence !== applied + 1 + index)) {
    throw new StateStoreError("state_corrupt", `The journal in ${folder} does not go on where the state ends.`, {
      folder,
    });
  }
  if (records.length === 0) return 0;
  await give(lmdb, chain(records.map(record => storedChanges(lmdb, record))), applied + records.length, async () => {});
  return records.length;
}

function* storedChanges(lmdb: Tables, { changes }: JournalRecord): Iterable<StoredChange> {
  for (const { table, key, value } of changes) {
    const name = tableNames[table];
    if (name === undefined) throw new StateStoreError("state_corrupt", "The journal names a table that is not there.");
    yield { table: lmdb[name], key, value };
  }
}
