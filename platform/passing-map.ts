/**
 * A map of what comes and goes: entries of work under way, of which thousands pass in a second and few are there at a time.
 *
 * A `Map` that is added to and deleted from gets a new table again and again, and V8 links each old table to the next one.
 * Once one of them was old enough to be moved out of the part of the heap that is collected often, all that follow it are kept
 * alive by it, with what is in them, until the whole heap is collected. This one begins anew before that matters.
 */
export class PassingMap<Key, Value> {
  #entries = new Map<Key, Value>();
  #deleted = 0;

  get size(): number {
    return this.#entries.size;
  }

  get(key: Key): Value | undefined {
    return this.#entries.get(key);
  }

  has(key: Key): boolean {
    return this.#entries.has(key);
  }

  set(key: Key, value: Value): void {
    this.#entries.set(key, value);
  }

  delete(key: Key): boolean {
    if (!this.#entries.delete(key)) return false;
    this.#deleted += 1;
    // Copying costs less than what was deleted since.
    if (this.#deleted > this.#entries.size) {
      this.#entries = new Map(this.#entries);
      this.#deleted = 0;
    }
    return true;
  }

  keys(): Iterable<Key> {
    return this.#entries.keys();
  }

  values(): Iterable<Value> {
    return this.#entries.values();
  }
}
