import { PassingMap } from "./passing-map.ts";

/** Runs work for one key one after another, in the order of the calls; different keys do not wait for each other. */
export interface Serial<Key> {
  run<Result>(key: Key, work: () => Promise<Result>): Promise<Result>;
  /** Resolves when everything that was running or waiting at the call has ended. */
  idle(): Promise<void>;
}

export function createSerial<Key>(): Serial<Key> {
  const tails = new PassingMap<Key, Promise<unknown>>();
  return {
    run(key, work) {
      const previous = tails.get(key);
      const result = previous ? previous.then(work, work) : work();
      const tail: Promise<unknown> = result.then(
        () => forget(tail),
        () => forget(tail),
      );
      const forget = (ended: Promise<unknown>): void => {
        if (tails.get(key) === ended) tails.delete(key);
      };
      tails.set(key, tail);
      return result;
    },
    async idle() {
      await Promise.all(tails.values());
    },
  };
}
