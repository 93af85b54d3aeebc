import { expect, test } from "vitest";
import { canonical, deltaOf, documentFault, merge } from "../../../app-server/twin/document.ts";

const [first, second] = ["2026-01-01T00:00:00.000Z", "2026-01-02T00:00:00.000Z"];
const at = (time: string) => ({ $lastUpdated: time });

test("objects are merged member by member, null removes, and lists take the place of lists", () => {
  const start = merge({}, {}, { a: 1, b: { c: 2, d: [1, 2] }, e: "x" }, first, true);
  const { document, times, isChanged } = merge(
    start.document,
    start.times,
    { b: { c: null, d: [3] }, e: null, none: null },
    second,
    true,
  );
  expect(document).toEqual({ a: 1, b: { d: [3] } });
  expect(times).toEqual({ a: at(first), b: { d: at(second) } });
  expect(isChanged).toBe(true);
});

test("a value that is given again is no change, and has its time raised where that is wanted", () => {
  const start = merge({}, {}, { a: { x: 1, y: 2 } }, first, true);
  const again = { a: { y: 2, x: 1 } };
  expect(merge(start.document, start.times, again, second, false)).toMatchObject({
    isChanged: false,
    times: { a: { x: at(first), y: at(first) } },
  });
  expect(merge(start.document, start.times, again, second, true)).toMatchObject({
    isChanged: false,
    times: { a: { x: at(second), y: at(second) } },
  });
});

test("a value and an object take each other's place", () => {
  const value = merge({}, {}, { a: 1 }, first, true);
  const object = merge(value.document, value.times, { a: { b: 1 } }, second, true);
  expect(object).toMatchObject({ document: { a: { b: 1 } }, times: { a: { b: at(second) } }, isChanged: true });
  const back = merge(object.document, object.times, { a: 1 }, first, true);
  expect(back).toEqual({ document: { a: 1 }, times: { a: at(first) }, isChanged: true });
});

test("the delta is what of the desired state is not reported, numbers as close as a 32-bit float has them", () => {
  const desired = { a: 1, b: { c: 2, d: 3 }, e: [1, { f: 2 }], g: "x", h: {}, i: 0.1 };
  expect(deltaOf(desired, {})).toEqual(desired);
  expect(deltaOf(desired, { ...desired, more: 1 })).toEqual({});
  expect(deltaOf(desired, { ...desired, i: Math.fround(0.1) })).toEqual({});
  expect(deltaOf(desired, { ...desired, i: 0.1001 })).toEqual({ i: 0.1 });
  expect(deltaOf(desired, { ...desired, b: { c: 2, d: 4 }, e: [1, { f: 3 }] })).toEqual({
    b: { d: 3 },
    e: [1, { f: 2 }],
  });
  expect(deltaOf({ a: true }, { a: 1 })).toEqual({ a: true });
  expect(deltaOf({ a: 0 }, { a: 1e-9 })).toEqual({ a: 0 });
});

test("names that are metadata's, too many levels and text that no database takes are refused with their place", () => {
  const nested = (levels: number): Record<string, unknown> => (levels === 0 ? {} : { a: nested(levels - 1) });
  expect(documentFault({ a: { b: [1, "x", null, { c: true }] } })).toBeUndefined();
  expect(documentFault(nested(7))).toBeUndefined();
  expect(documentFault(nested(9))?.path).toBe("/a/a/a/a/a/a/a/a");
  expect(documentFault({ a: { $b: 1 } })?.path).toBe("/a/$b");
  expect(documentFault({ "a/b": { "": 1 } })?.path).toBe("/a~1b/");
  expect(documentFault({ a: ["\0"] })?.path).toBe("/a/0");
  expect(documentFault({ a: "\ud800" })?.path).toBe("/a");
  expect(documentFault(JSON.parse('{"__proto__": 1}'))?.path).toBe("/__proto__");
  expect(documentFault({ ["n".repeat(129)]: 1 })).toBeDefined();
});

test("the canonical form does not depend on the order of members", () => {
  expect(canonical({ b: [{ d: 1, c: null }], a: "x" })).toBe(canonical({ a: "x", b: [{ c: null, d: 1 }] }));
});
