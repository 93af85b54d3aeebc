interface Asked<Value> {
  readonly resolve: (value: Value | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Turns a read of many keys into reads of single ones that gather: what is asked for while a read is under way waits for
 * the next, so that a rush of keys costs a few statements and a lone key waits for nobody. A read never begins before it
 * was asked for, so it sees every change made before. A fault rejects every key of its read.
 */
export function gatherReads<Key, Value>(
  maxKeys: number,
  readMany: (keys: readonly Key[]) => Promise<ReadonlyMap<Key, Value>>,
): (key: Key) => Promise<Value | undefined> {
  const waiting = new Map<Key, Asked<Value>[]>();
  let reading = false;

  const readOnce = async (): Promise<void> => {
    const taken = [...waiting].slice(0, maxKeys);
    for (const [key] of taken) waiting.delete(key);
    try {
      const found = await readMany(taken.map(([key]) => key));
      for (const [key, asked] of taken) for (const { resolve } of asked) resolve(found.get(key));
    } catch (error) {
      for (const [, asked] of taken) for (const { reject } of asked) reject(error);
    }
  };

  const read = async (): Promise<void> => {
    // What is asked for in the same turn belongs together.
    await undefined;
    while (waiting.size > 0) await readOnce();
    reading = false;
  };

  return key =>
    new Promise((resolve, reject) => {
      const asked = waiting.get(key) ?? [];
      asked.push({ resolve, reject });
      waiting.set(key, asked);
      if (reading) return;
      reading = true;
      void read();
    });
}
