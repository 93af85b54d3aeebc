import fc from "fast-check";
import { expect, test } from "vitest";
import { PassingMap } from "../../platform/passing-map.ts";

const key = fc.integer({ min: 0, max: 20 });
const step = fc.oneof(
  fc.record({ act: fc.constant("set" as const), key, value: fc.integer() }),
  fc.record({ act: fc.constant("delete" as const), key, value: fc.constant(0) }),
);

test("a map of what passes has what a map has, in its order, whatever is put in and taken out", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), steps => {
      const [passing, plain] = [new PassingMap<number, number>(), new Map<number, number>()];
      for (const { act, key: of, value } of steps) {
        if (act === "set") {
          passing.set(of, value);
          plain.set(of, value);
        } else expect(passing.delete(of)).toBe(plain.delete(of));
        expect(passing.size).toBe(plain.size);
        expect([passing.has(of), passing.get(of)]).toEqual([plain.has(of), plain.get(of)]);
      }
      expect([...passing.keys()]).toEqual([...plain.keys()]);
      expect([...passing.values()]).toEqual([...plain.values()]);
    }),
  );
});
