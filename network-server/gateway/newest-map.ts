/** A map of bounded size: one of the entries that were put longest ago makes room for a new one. */
export interface NewestMap<Key, Value> {
  readonly size: number;
  get(key: Key): Value | undefined;
  /** Makes the entry one of the newest. */
  put(key: Key, value: Value): void;
  delete(key: Key): boolean;
  values(): Iterable<Value>;
}

export function createNewestMap<Key, Value>(
  maxEntries: number,
  onEvicted: (value: Value) => void = () => {},
): NewestMap<Key, Value> {
  const entries = new Map<Key, Value>();
  return {
    get size() {
      return entries.size;
    },
    get: key => entries.get(key),
    put(key, value) {
      // The order matters once there may soon be no room; until then an entry that is known changes in its place, without a
      // new table for the map now and then.
      if (entries.size > maxEntries / 2) entries.delete(key);
      entries.set(key, value);
      if (entries.size <= maxEntries) return;
      for (const [oldestKey, oldest] of entries) {
        entries.delete(oldestKey);
        onEvicted(oldest);
        return;
      }
    },
    delete: key => entries.delete(key),
    values: () => entries.values(),
  };
}
