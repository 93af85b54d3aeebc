import sorted from "sorted-btree";

/** Keys in the order of their bytes, each with the place of its value in the journal, or with `gone`. */
export interface Layer {
  readonly size: number;
  get(key: string): number | undefined;
  set(key: string, place: number): void;
  delete(key: string): void;
  entries(): Iterable<readonly [string, number]>;
  /** From `start` on and before `end`. */
  keysBetween(start: string, end: string | undefined): readonly string[];
}

/** The key is not there, whatever lies below. */
export const gone = -1;

export function createLayer(): Layer {
  // Bytes as text of one byte a character, which compares as they do.
  const tree = new sorted.default<string, number>(undefined, (a, b) => (a < b ? -1 : a > b ? 1 : 0));
  return {
    get size() {
      return tree.size;
    },
    get: key => tree.get(key),
    set(key, place) {
      tree.set(key, place);
    },
    delete(key) {
      tree.delete(key);
    },
    entries: () => tree.entries(),
    keysBetween(start, end) {
      if (tree.size === 0) return [];
      const found: string[] = [];
      for (const key of tree.keys(start)) {
        if (end !== undefined && key >= end) break;
        found.push(key);
      }
      return found;
    },
  };
}
