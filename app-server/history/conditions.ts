import Type, { type Static } from "typebox";
import Value from "typebox/value";
import { MalformedValue } from "../../lorawan/errors.ts";
import type { HistoryScope } from "../history-ports.ts";

const Cursor = Type.Tuple([Type.String(), Type.String(), Type.String()]);
type Cursor = Static<typeof Cursor>;

export const encodeCursor = (cursor: Cursor): string => Buffer.from(JSON.stringify(cursor)).toString("base64url");

const timePattern = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3,6}Z$/;
const uuidPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

function decodeCursor(text: string): Cursor {
  let cursor: unknown;
  try {
    cursor = JSON.parse(Buffer.from(text, "base64url").toString());
  } catch {
    cursor = undefined;
  }
  if (
    !Value.Check(Cursor, cursor) ||
    !timePattern.test(cursor[0]) ||
    !uuidPattern.test(cursor[1]) ||
    !/^[a-z]*$/.test(cursor[2])
  ) {
    throw new MalformedValue("after is the `next` of an earlier page of the same list", { name: "after" });
  }
  return cursor;
}

/** Conditions with their values, as they are put together. */
export class Conditions {
  readonly values: unknown[] = [];
  readonly #parts: string[] = [];

  value(given: unknown): string {
    return `$${this.values.push(given)}`;
  }

  add(given: unknown, part: (placeholder: string) => string): void {
    if (given !== undefined) this.#parts.push(part(this.value(given)));
  }

  /** One of these, as an equation where there is one only: then an index gives them in order. */
  oneOf(column: string, type: string, given: readonly string[]): string {
    const [only, ...more] = given;
    if (only === undefined) return "false";
    return more.length === 0
      ? `${column} = ${this.value(only)}::${type}`
      : `${column} = any(${this.value(given)}::${type}[])`;
  }

  scope({ tenants, applications = [] }: HistoryScope, table: string): void {
    if (tenants === "all") return;
    const wholly = tenants.length > 0 ? [this.oneOf(`${table}.tenant_id`, "uuid", tenants)] : [];
    const partly = applications.length > 0 ? [this.oneOf(`${table}.application_id`, "uuid", applications)] : [];
    this.#parts.push(`(${[...wholly, ...partly].join(" or ") || "false"})`);
  }

  raw(part: string): void {
    this.#parts.push(part);
  }

  /** What comes before the cursor, newest first; the first comparison leaves out partitions. */
  before(after: string | undefined, table: string, columns: readonly string[]): void {
    if (after === undefined) return;
    const [at, id, kind] = decodeCursor(after);
    const place = this.value(at);
    this.#parts.push(`${table}.at <= ${place}::timestamptz`);
    const key = [
      `${place}::timestamptz`,
      `${this.value(id)}::uuid`,
      ...(columns.includes("kind") ? [this.value(kind)] : []),
    ];
    this.#parts.push(`(${columns.map(column => `${table}.${column}`).join(", ")}) < (${key.join(", ")})`);
  }

  get text(): string {
    return ["true", ...this.#parts].join(" and ");
  }
}
