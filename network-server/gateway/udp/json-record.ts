export type JsonRecord = Readonly<Record<string, unknown>>;

/** True for JSON objects, false for arrays, null and plain values. */
export const isRecord = (value: unknown): value is JsonRecord =>
  typeof value === "object" && value !== null && !Array.isArray(value);
