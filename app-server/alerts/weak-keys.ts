import type { AlertStore } from "../alert-ports.ts";
import type { RootKeys, RootKeyTexts } from "../ports.ts";

/** Keys of examples that devices are sold with and that documentation shows; what is in them is no secret. */
const published: ReadonlySet<string> = new Set([
  "2b7e151628aed2a6abf7158809cf4f3c",
  "000102030405060708090a0b0c0d0e0f",
  "0102030405060708090a0b0c0d0e0f10",
  "00112233445566778899aabbccddeeff",
  "ffeeddccbbaa99887766554433221100",
  "0123456789abcdef0123456789abcdef",
  "0123456789abcdeffedcba9876543210",
  "8899aabbccddeeff0011223344556677",
]);

/** Why anybody can guess a key (32 hex digits), if anybody can. */
export function weaknessOf(key: string): string | undefined {
  const digits = key.toLowerCase();
  const bytes = digits.match(/../g) ?? [];
  if (new Set(bytes).size === 1) return digits.startsWith("00") ? "all zeros" : "one byte again and again";
  if (published.has(digits)) return "a key of published examples";
  for (const length of [2, 4, 8])
    if (digits === digits.slice(0, 2 * length).repeat(16 / length)) return "a short pattern again and again";
  const steps = new Set(
    bytes.slice(1).map((byte, index) => (Number.parseInt(byte, 16) - Number.parseInt(bytes[index] ?? "", 16)) & 0xff),
  );
  return steps.size === 1 ? "bytes that count up or down" : undefined;
}

const weaknessOfBoth = ({ nwkKey, appKey }: RootKeyTexts): string | undefined =>
  weaknessOf(nwkKey) ?? (appKey === undefined ? undefined : weaknessOf(appKey));

/** The same key store, which also notes which devices have keys that anybody can guess. */
export const watchingRootKeys = (rootKeys: RootKeys, store: Pick<AlertStore, "noteKeys">): RootKeys => ({
  ...rootKeys,
  async put(devEui, keys) {
    await rootKeys.put(devEui, keys);
    await store.noteKeys(new Map([[devEui, weaknessOfBoth(keys)]]));
  },
  async putAll(keys, sql, isDryRun) {
    const changed = await rootKeys.putAll(keys, sql, isDryRun);
    if (isDryRun) return changed;
    const given = [...keys].filter(([devEui]) => changed.has(devEui));
    await store.noteKeys(new Map(given.map(([devEui, texts]) => [devEui, weaknessOfBoth(texts)])), sql);
    return changed;
  },
  async remove(devEui) {
    const removed = await rootKeys.remove(devEui);
    await store.noteKeys(new Map([[devEui, undefined]]));
    return removed;
  },
});
