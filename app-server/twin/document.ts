import type { TwinObject, TwinTimes } from "../twin-ports.ts";

/** Of one document as JSON. */
export const maxDocumentBytes = 8192;
const maxDepth = 8;
const maxNameLength = 128;
const updatedAt = "$lastUpdated";

export const isTwinObject = (value: unknown): value is TwinObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Names that a document may not have, since metadata or JavaScript uses them. */
const isReserved = (name: string): boolean =>
  name === "" || name.startsWith("$") || name === "__proto__" || name.length > maxNameLength || hasControl(name);

const hasControl = (text: string): boolean => /\p{Cc}/u.test(text) || !text.isWellFormed();

export interface DocumentFault {
  /** JSON pointer into the document. */
  readonly path: string;
  readonly message: string;
}

/** Why something cannot be merged into a document, if it cannot. Looks at no more than what a document may have. */
export function documentFault(patch: TwinObject): DocumentFault | undefined {
  return objectFault(patch, "", 1);
}

function objectFault(object: TwinObject, path: string, depth: number): DocumentFault | undefined {
  for (const [name, value] of Object.entries(object)) {
    const here = `${path}/${name.slice(0, maxNameLength).toWellFormed().replaceAll("~", "~0").replaceAll("/", "~1")}`;
    if (isReserved(name)) {
      const message = `names have 1 to ${maxNameLength} characters, do not begin with $ and have no control characters`;
      return { path: here, message };
    }
    const fault = valueFault(value, here, depth + 1);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function valueFault(value: unknown, path: string, depth: number): DocumentFault | undefined {
  if (typeof value === "string") {
    return value.isWellFormed() && !value.includes("\0") ? undefined : { path, message: "this text cannot be stored" };
  }
  if (typeof value !== "object" || value === null) return undefined;
  if (depth > maxDepth) return { path, message: `a document has ${maxDepth} levels at most` };
  if (!Array.isArray(value)) return isTwinObject(value) ? objectFault(value, path, depth) : undefined;
  for (const [index, item] of value.entries()) {
    const fault = valueFault(item, `${path}/${index}`, depth + 1);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

export interface Merged {
  readonly document: TwinObject;
  readonly times: TwinTimes;
  /** A value is another one than before. */
  readonly isChanged: boolean;
}

/**
 * A document with a patch in it (RFC 7386): objects are merged member by member, null removes a member, anything else, lists
 * too, takes the place of what was there. With `touch`, values that are given again get the new time as well.
 */
export function merge(document: TwinObject, times: TwinTimes, patch: TwinObject, time: string, touch: boolean): Merged {
  const values = new Map(Object.entries(document));
  const stamps = new Map(Object.entries(times));
  let isChanged = false;
  for (const [name, value] of Object.entries(patch)) {
    const before = values.get(name);
    if (value === null) {
      isChanged = values.delete(name) || isChanged;
      stamps.delete(name);
    } else if (isTwinObject(value)) {
      const inside = isTwinObject(before) ? before : {};
      const stampsInside = isTwinObject(before) ? objectIn(stamps.get(name)) : {};
      const merged = merge(inside, stampsInside, value, time, touch);
      isChanged = isChanged || merged.isChanged || !isTwinObject(before);
      values.set(name, merged.document);
      stamps.set(name, merged.times);
    } else {
      const isSame = values.has(name) && isSameJson(before, value);
      isChanged = isChanged || !isSame;
      values.set(name, value);
      if (!isSame || touch) stamps.set(name, { [updatedAt]: time });
    }
  }
  return { document: Object.fromEntries(values), times: Object.fromEntries(stamps), isChanged };
}

const objectIn = (value: unknown): TwinObject => (isTwinObject(value) ? value : {});

/** What of `desired` is not in `reported`: missing, or another value. Lists are compared as wholes. */
export function deltaOf(desired: TwinObject, reported: TwinObject): TwinObject {
  const delta: [string, unknown][] = [];
  for (const [name, wanted] of Object.entries(desired)) {
    const present = Object.hasOwn(reported, name) ? reported[name] : undefined;
    if (isTwinObject(wanted)) {
      const inside = deltaOf(wanted, objectIn(present));
      if (Object.keys(inside).length > 0 || !isTwinObject(present)) delta.push([name, inside]);
    } else if (!isAlike(wanted, present)) {
      delta.push([name, wanted]);
    }
  }
  return Object.fromEntries(delta);
}

/** Devices report numbers in few bits: those that a 32-bit float does not tell apart are the same. */
const relativeTolerance = 1e-6;

function isAlike(wanted: unknown, present: unknown): boolean {
  if (typeof wanted === "number" && typeof present === "number") {
    return Math.abs(wanted - present) <= relativeTolerance * Math.max(Math.abs(wanted), Math.abs(present));
  }
  if (Array.isArray(wanted) && Array.isArray(present)) {
    return wanted.length === present.length && wanted.every((item, index) => isAlike(item, present[index]));
  }
  if (isTwinObject(wanted) && isTwinObject(present)) {
    const names = Object.keys(wanted);
    return (
      names.length === Object.keys(present).length &&
      names.every(name => Object.hasOwn(present, name) && isAlike(wanted[name], present[name]))
    );
  }
  return wanted === present;
}

/** Whatever the order of members. */
export const isSameJson = (one: unknown, other: unknown): boolean => canonical(one) === canonical(other);

/** JSON with the members of each object in one order. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (!isTwinObject(value)) return JSON.stringify(value) ?? "null";
  const members = Object.keys(value).sort();
  return `{${members.map(name => `${JSON.stringify(name)}:${canonical(value[name])}`).join()}}`;
}

export const isEmpty = (object: TwinObject): boolean => Object.keys(object).length === 0;

export const bytesOf = (document: TwinObject): number => Buffer.byteLength(JSON.stringify(document));
