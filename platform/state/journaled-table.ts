import type { JournalSegment } from "./journal-segment.ts";
import { createLayer, gone, type Layer } from "./layer.ts";
import type { Table } from "./lmdb-tables.ts";

/** A table of the store: what LMDB has of it, and over that what is in the journal alone. */
export interface StateTable {
  get(key: Buffer): Buffer | undefined;
  /** Cheaper: the value is there until the next read of any table. */
  peek(key: Buffer): Buffer | undefined;
  /** In the order of the keys' bytes. */
  keys(range: TableRange): Iterable<Buffer>;
  entries(range: TableRange): Iterable<TableEntry>;
  /** Inside a transaction, as `remove`. */
  put(key: Buffer, value: Uint8Array): void;
  remove(key: Buffer): void;
}

export interface TableRange {
  readonly start: Buffer;
  /** The first key that is not meant. */
  readonly end?: Buffer;
  readonly limit?: number;
}

export interface TableEntry {
  readonly key: Buffer;
  readonly value: Buffer;
}

/** The same for what keeps the layers. */
export interface JournaledTable extends StateTable {
  /** What is written from here on is in sight until `end`, and after that not before `keep`. */
  begin(): void;
  end(): void;
  /** What was written between them is durable. */
  keep(): void;
  /** It came to nothing. */
  drop(): void;
  /** From here on changes go to a new layer and to `segment`; gives the former one, which stays in sight until `thaw`. */
  freeze(segment: JournalSegment): Layer;
  /** The frozen layer has been written to LMDB. */
  thaw(): void;
}

export interface TableOptions {
  readonly stored: Table;
  /** In the journal. */
  readonly id: number;
  readonly segment: JournalSegment;
  /** No key is put again after it has been removed: one that came and went between two writings to LMDB leaves nothing to write. */
  readonly keysAreUnique?: boolean;
}

export const keyText = (key: Buffer): string => key.toString("latin1");
export const keyBytes = (text: string): Buffer => Buffer.from(text, "latin1");

function* first<Item>(limit: number | undefined, items: Iterable<Item>): Iterable<Item> {
  if (limit === 0) return;
  let count = 0;
  for (const item of items) {
    yield item;
    count += 1;
    if (count === limit) return;
  }
}

export function createJournaledTable(options: TableOptions): JournaledTable {
  const { stored, id, keysAreUnique = false } = options;
  let segment = options.segment;
  let frozenSegment: JournalSegment | undefined;
  let recent = createLayer();
  let frozen: Layer | undefined;
  /** Of the transaction that is being written. */
  let fresh: Map<string, number> | undefined;
  let isOpen = false;

  /** The value, `undefined` for a removed one, or nothing at all where the journal does not know the key. */
  const recentOf = (key: string): { readonly value: Buffer | undefined } | undefined => {
    const place = (isOpen ? fresh?.get(key) : undefined) ?? recent.get(key);
    if (place !== undefined) return { value: place === gone ? undefined : segment.valueAt(place) };
    const frozenPlace = frozen?.get(key);
    if (frozenPlace === undefined) return undefined;
    return { value: frozenPlace === gone ? undefined : frozenSegment?.valueAt(frozenPlace) };
  };
  const isRecent = (): boolean =>
    recent.size > 0 || (frozen !== undefined && frozen.size > 0) || (fresh !== undefined && fresh.size > 0);

  const recentKeys = (start: string, end: string | undefined): readonly string[] => {
    const found = new Set([...recent.keysBetween(start, end), ...(frozen?.keysBetween(start, end) ?? [])]);
    if (isOpen && fresh !== undefined) {
      for (const key of fresh.keys()) if (key >= start && (end === undefined || key < end)) found.add(key);
    }
    return [...found].sort();
  };

  function* merged({ start, end }: TableRange, mine: readonly string[]): Iterable<TableEntry> {
    let next = 0;
    function* mineBefore(text: string | undefined): Iterable<TableEntry> {
      for (; next < mine.length; next += 1) {
        const key = mine[next] ?? "";
        if (text !== undefined && key >= text) return;
        const value = recentOf(key)?.value;
        if (value !== undefined) yield { key: keyBytes(key), value };
      }
    }
    for (const entry of stored.getRange({ start, ...(end && { end }) })) {
      const text = keyText(entry.key);
      yield* mineBefore(text);
      if (mine[next] !== text) yield entry;
    }
    yield* mineBefore(undefined);
  }
  const entries = (range: TableRange): Iterable<TableEntry> => {
    const mine = isRecent() ? recentKeys(keyText(range.start), range.end && keyText(range.end)) : [];
    return mine.length === 0 ? stored.getRange({ ...range }) : first(range.limit, merged(range, mine));
  };

  const write = (key: Buffer, place: number): void => {
    if (!isOpen) throw new Error("a table is written inside a transaction alone");
    fresh ??= new Map();
    fresh.set(keyText(key), place);
  };

  return {
    get(key) {
      const found = recentOf(keyText(key));
      return found === undefined ? stored.get(key) : found.value;
    },
    peek(key) {
      const found = recentOf(keyText(key));
      return found === undefined ? stored.getBinaryFast(key) : found.value;
    },
    *keys(range) {
      for (const { key } of entries(range)) yield key;
    },
    entries,
    put: (key, value) => write(key, segment.put(id, key, value)),
    remove(key) {
      segment.remove(id, key);
      write(key, gone);
    },
    begin() {
      isOpen = true;
    },
    end() {
      isOpen = false;
    },
    keep() {
      if (fresh === undefined) return;
      for (const [key, place] of fresh) {
        const cameAndWent = keysAreUnique && place === gone && (recent.get(key) ?? gone) !== gone;
        if (cameAndWent) recent.delete(key);
        else recent.set(key, place);
      }
      fresh = undefined;
    },
    drop() {
      fresh = undefined;
    },
    freeze(next) {
      const layer = recent;
      frozen = layer;
      frozenSegment = segment;
      recent = createLayer();
      segment = next;
      return layer;
    },
    thaw() {
      frozen = undefined;
      frozenSegment = undefined;
    },
  };
}
