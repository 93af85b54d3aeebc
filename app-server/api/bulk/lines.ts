import type { Static, TObject } from "typebox";
import { Compile } from "typebox/compile";
import { MalformedValue } from "../../../lorawan/errors.ts";
import type { DevEui } from "../../../lorawan/ids.ts";
import type { BulkBatch, BulkRule, BulkVerdict } from "../../bulk-ports.ts";
import type { ImportFault } from "../../import-ports.ts";
import type { Activation } from "../../ports.ts";
import { Refusal } from "../refusal.ts";
import { refuseUnstorable } from "../validation.ts";
import type { CellFault, Header, Vocabulary } from "./cells.ts";
import { notUnicode } from "./text.ts";

/** A record of a file that is as it must be, as far as that shows without looking at what is there. */
export interface Line<Value> {
  readonly line: number;
  readonly value: Value;
  /** What a member is called in the file. */
  readonly nameOf: (path: string) => string | null;
}

/** What came of one line. */
export type LineOutcome =
  | { readonly kind: "verdict"; readonly verdict: BulkVerdict; readonly session?: SessionOrder }
  | { readonly kind: "faulty"; readonly faults: readonly ImportFault[] };

/** A session to be started once the device is there. */
export interface SessionOrder {
  readonly devEui: DevEui;
  readonly activation: Activation;
}

/** What all lines of an import have in common. */
export interface ImportContext {
  readonly rule: BulkRule;
  /** Name or id of the profile for devices that name none. */
  readonly deviceProfile?: string;
}

/** How records of one kind are read and written. */
export interface LineKind<Value> {
  /** As in "a device". */
  readonly noun: string;
  /** What says which record it is about. */
  readonly keyMember: string;
  /** What a new one cannot do without, for a sentence. */
  readonly needs: string;
  readonly vocabulary: Vocabulary;
  /** Which record of the catalog it is about, for the duplicates in a file. */
  readonly keyOf: (value: Value) => string;
  /** What a record of the file says, or everything that is wrong with it, by the names that the file has. */
  readonly read: (
    record: unknown,
    line: number,
    header: Header | undefined,
    found: readonly CellFault[],
  ) => Line<Value> | readonly ImportFault[];
  readonly write: (
    lines: readonly Line<Value>[],
    context: ImportContext,
    batch: BulkBatch,
  ) => Promise<readonly LineOutcome[]>;
}

interface LineKindDefinition<Schema extends TObject> extends Omit<LineKind<Static<Schema>>, "read"> {
  readonly schema: Schema;
  /** Other names of members in JSON. */
  readonly aliases: Readonly<Record<string, string>>;
  /** Further members that answers have, and that nobody sets. */
  readonly ignored: readonly string[];
  /** What the schema cannot say. Throws Refusal or MalformedValue. */
  readonly check: (value: Static<Schema>) => void;
}

/** Members that answers of the API have and that nobody sets: what was read there may be given here. */
const readOnly = ["createdAt", "updatedAt", "tenantId"];

const advice: Readonly<Record<string, string>> = {
  devEui: "16 hex digits are expected, as printed on the device, like 70b3d57ed0001234.",
  joinEui: "16 hex digits are expected, like 70b3d57ed0000001.",
  gatewayId: "16 hex digits are expected, like 0016c001f153a14c.",
  devAddr: "8 hex digits are expected, like 01020304.",
};
const isKey = (path: string): boolean => /key$/i.test(path);

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

interface Fault {
  readonly instancePath: string;
  readonly keyword: string;
  readonly message: string;
  readonly params: unknown;
}

function faultText({ instancePath, keyword, message }: Fault): string {
  const [member = ""] = instancePath.split("/").slice(-1);
  if (isKey(member)) return "32 hex digits are expected.";
  const known = keyword === "pattern" || keyword === "type" ? advice[member] : undefined;
  return known ?? `It ${message}.`;
}

/** Names that a fault is about: those of members that are missing or unknown, else of the member itself. */
function membersOf({ instancePath, keyword, params }: Fault): readonly string[] {
  const named = isObject(params)
    ? params[keyword === "required" ? "requiredProperties" : "additionalProperties"]
    : undefined;
  if (!Array.isArray(named)) return [instancePath];
  return named.map(name => `${instancePath}/${String(name)}`);
}

const mostFaults = 10;

export function defineLineKind<Schema extends TObject>({
  schema,
  aliases,
  ignored,
  check,
  ...kind
}: LineKindDefinition<Schema>): LineKind<Static<Schema>> {
  const compiled = Compile(schema);
  const read: LineKind<Static<Schema>>["read"] = (record, line, header, found) => {
    const nameOf = (path: string): string | null => columnName(path, header);
    const told = (path: string, message: string): ImportFault => ({ line, column: nameOf(path), message });
    if (found.length > 0) return found.map(fault => ({ line, ...fault }));
    if (!isObject(record)) return [told("", "A JSON object is expected.")];
    try {
      refuseUnstorable(record, "");
    } catch (error) {
      return [told(pathOf(error), textOf(error))];
    }
    if (JSON.stringify(record).includes("\ufffd")) return [told("", notUnicode)];
    const value = renamed(record, aliases, [...readOnly, ...ignored]);
    if (!compiled.Check(value)) {
      const faults = compiled.Errors(value).filter(({ keyword }) => keyword !== "boolean" && keyword !== "anyOf");
      const texts = faults.flatMap(fault => membersOf(fault).map(path => told(path, unlessNamed(fault))));
      return distinct(texts.length === 0 ? [told("", "This is no such record.")] : texts);
    }
    try {
      check(value);
    } catch (error) {
      return [told(pathOf(error), textOf(error))];
    }
    return { line, value, nameOf };
  };
  return { ...kind, read };
}

const unlessNamed = (fault: Fault): string => {
  if (fault.keyword === "required") return "It is missing.";
  if (fault.keyword === "additionalProperties") return "There is no such member; take it out.";
  return faultText(fault);
};

function distinct(faults: readonly ImportFault[]): readonly ImportFault[] {
  return [...new Map(faults.map(fault => [`${fault.column} ${fault.message}`, fault])).values()].slice(0, mostFaults);
}

/** The member's column, or its own name with dots. */
function columnName(path: string, header: Header | undefined): string | null {
  const parts = path.split("/").slice(1);
  if (parts.length === 0) return null;
  const at = header?.columns.findIndex(column => column?.path.join("/") === parts.join("/")) ?? -1;
  return (at >= 0 ? header?.names[at] : undefined) ?? parts.join(".").slice(0, 200);
}

function renamed(
  record: Readonly<Record<string, unknown>>,
  aliases: Readonly<Record<string, string>>,
  ignored: readonly string[],
): Readonly<Record<string, unknown>> {
  const kept = Object.entries(record).filter(([name]) => !ignored.includes(name));
  return Object.fromEntries(kept.map(([name, value]) => [Object.hasOwn(aliases, name) ? aliases[name] : name, value]));
}

/** Of a check that the API has for single records: where it points to, without the part of the request. */
const pathOf = (error: unknown): string => (error instanceof Refusal ? (error.path ?? "").replace(/^\/body/, "") : "");

/** The sentence of a refusal. Anything else is a fault of our own, and goes on. */
export function textOf(error: unknown): string {
  if (error instanceof Refusal || error instanceof MalformedValue) return error.message;
  throw error;
}

/** A refusal as a fault of its line. */
export const refusedLine = <Value>({ line, nameOf }: Line<Value>, error: unknown): LineOutcome => ({
  kind: "faulty",
  faults: [{ line, column: nameOf(pathOf(error)), message: textOf(error) }],
});

export const faultyLine = <Value>({ line, nameOf }: Line<Value>, path: string, message: string): LineOutcome => ({
  kind: "faulty",
  faults: [{ line, column: nameOf(path), message }],
});
