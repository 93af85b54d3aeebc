export interface RecordCacheOptions<Key, Value> {
  /** Records kept; those asked for least recently go first. */
  readonly maxRecords: number;
  /** Keys kept that have no record, apart from the records, so that unknown keys push no known one out. */
  readonly maxAbsent: number;
  readonly read: (key: Key) => Promise<Value | undefined>;
}

export interface RecordCache<Key, Value> {
  /** From memory, or read once however many ask at once. Rejects as `read` does; nothing is remembered then. */
  /** The record if it is in memory. */
  known(key: Key): Value | undefined;
  get(key: Key): Promise<Value | undefined>;
  forget(key: Key): void;
  /** Gives the keys whose records it dropped. */
  forgetWhere(isAffected: (value: Value) => boolean): readonly Key[];
  /** Gives the keys that it dropped, those without a record among them. */
  forgetAll(): readonly Key[];
}

/** A read that began before a change may have seen what was there before it. */
interface Reading<Value> {
  outdated: boolean;
  readonly answer: Promise<Value | undefined>;
}

/** A record that changes faster than it can be read is answered all the same, only not remembered. */
const maxReads = 5;

export function createRecordCache<Key, Value>(options: RecordCacheOptions<Key, Value>): RecordCache<Key, Value> {
  const { maxRecords, maxAbsent, read } = options;
  // A Map lists its keys in the order of insertion, so the first is the one asked for least recently.
  const records = new Map<Key, Value>();
  const absent = new Set<Key>();
  const readings = new Map<Key, Reading<Value>>();

  const remember = (key: Key, value: Value | undefined): void => {
    if (value === undefined) {
      absent.add(key);
      dropOldest(absent, maxAbsent);
    } else {
      records.set(key, value);
      dropOldest(records, maxRecords);
    }
  };

  const readFresh = async (key: Key): Promise<Value | undefined> => {
    for (let reads = 1; ; reads += 1) {
      const value = await read(key);
      const reading = readings.get(key);
      if (reading?.outdated === true && reads < maxReads) {
        reading.outdated = false;
        continue;
      }
      if (reading?.outdated === false) remember(key, value);
      return value;
    }
  };

  const begin = (key: Key): Promise<Value | undefined> => {
    const answer = readFresh(key).finally(() => readings.delete(key));
    readings.set(key, { outdated: false, answer });
    return answer;
  };

  const outdate = (key: Key): void => {
    const reading = readings.get(key);
    if (reading !== undefined) reading.outdated = true;
  };

  const known = (key: Key): Value | undefined => {
    const found = records.get(key);
    if (found === undefined) return undefined;
    records.delete(key);
    records.set(key, found);
    return found;
  };

  return {
    known,
    get(key) {
      const found = known(key);
      if (found !== undefined) return Promise.resolve(found);
      if (absent.delete(key)) {
        absent.add(key);
        return Promise.resolve(undefined);
      }
      return readings.get(key)?.answer ?? begin(key);
    },
    forget(key) {
      records.delete(key);
      absent.delete(key);
      outdate(key);
    },
    forgetWhere(isAffected) {
      const affected = [...records].flatMap(([key, value]) => (isAffected(value) ? [key] : []));
      for (const key of affected) records.delete(key);
      for (const key of readings.keys()) outdate(key);
      return affected;
    },
    forgetAll() {
      const all = [...records.keys(), ...absent];
      records.clear();
      absent.clear();
      for (const key of readings.keys()) outdate(key);
      return all;
    },
  };
}

function dropOldest<Key>(
  entries: { readonly size: number; keys(): Iterable<Key>; delete(key: Key): boolean },
  max: number,
): void {
  if (entries.size <= max) return;
  for (const oldest of entries.keys()) {
    entries.delete(oldest);
    return;
  }
}
