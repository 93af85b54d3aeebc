import { isDeepStrictEqual } from "node:util";

/**
 * Gives the value that was seen before where it is equal to this one, so that thousands of records hold one object or text of what
 * they have in common. Looks at the last value of each key; a full memory begins anew.
 */
export function createSharing<Value>(
  keyOf: (value: Value) => string,
  maxKeys = 10_000,
): <Own extends Value>(value: Own) => Own {
  const known = new Map<string, unknown>();
  const isLike = <Own>(one: unknown, other: Own): one is Own => isDeepStrictEqual(one, other);
  return value => {
    const key = keyOf(value);
    const before = known.get(key);
    if (isLike(before, value)) return before;
    if (known.size >= maxKeys) known.clear();
    known.set(key, value);
    return value;
  };
}

/** Of texts. */
export const createTextSharing = (maxTexts?: number) => createSharing<string>(text => text, maxTexts);
