/** A map of bounded size: the entry that was put longest ago makes room for a new one. */
export interface NewestMap<Key, Value> {
  readonly size: number;
  get(key: Key): Value | undefined;
  /** Makes the entry the newest. */
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
      entries.delete(key);
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
