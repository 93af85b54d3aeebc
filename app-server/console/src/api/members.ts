export type Members = Readonly<Record<string, unknown>>;

/** The members of what came from the server in a shape that depends on its version; none of what has none. */
export const membersOf = (value: unknown): Members => (typeof value === "object" && value !== null ? { ...value } : {});

export const textOfMember = (value: unknown): string | undefined =>
  typeof value === "string" && value !== "" ? value : undefined;

export const numberOfMember = (value: unknown): number | undefined =>
  typeof value === "number" && Number.isFinite(value) ? value : undefined;

export const listOfMember = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
