import type { CodecDifference } from "../codec-ports.ts";

/** Enough to see what is wrong. */
const most = 20;

/** Numbers that other interpreters compute differ in their last digits. */
const tolerance = 1e-9;

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/**
 * Where two JSON values differ, as JSON pointers below `path`; twenty at most. Null is the same as a missing member:
 * JavaScript's `undefined` becomes the one in some servers and the other in others.
 */
export function differences(expected: unknown, actual: unknown, path = ""): readonly CodecDifference[] {
  return found(expected, actual, path).slice(0, most);
}

function found(expected: unknown, actual: unknown, path: string): CodecDifference[] {
  if (isSame(expected, actual)) return [];
  if (Array.isArray(expected) && Array.isArray(actual)) {
    return Array.from({ length: Math.max(expected.length, actual.length) }, (_, index) =>
      found(expected[index], actual[index], `${path}/${index}`),
    ).flat();
  }
  if (isRecord(expected) && isRecord(actual)) {
    const names = new Set([...Object.keys(expected), ...Object.keys(actual)]);
    return [...names].flatMap(name =>
      found(memberOf(expected, name), memberOf(actual, name), `${path}/${escaped(name)}`),
    );
  }
  return [{ path, ...(expected !== undefined && { expected }), ...(actual !== undefined && { actual }) }];
}

const memberOf = (record: Readonly<Record<string, unknown>>, name: string): unknown =>
  Object.hasOwn(record, name) ? record[name] : undefined;

/** RFC 6901. */
const escaped = (name: string): string => name.replaceAll("~", "~0").replaceAll("/", "~1");

function isSame(expected: unknown, actual: unknown): boolean {
  if (expected === actual) return true;
  if (typeof expected === "number" && typeof actual === "number") {
    return Math.abs(expected - actual) <= tolerance * Math.max(1, Math.abs(expected), Math.abs(actual));
  }
  return (expected ?? null) === null && (actual ?? null) === null;
}
