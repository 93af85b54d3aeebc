import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Static, TSchema } from "typebox";
import Value from "typebox/value";

/** A device profile as an import takes it, made of a vendor's files. */
export type ProfileRecord = Readonly<Record<string, unknown>>;

/** What one device, firmware and region of a repository comes to. */
export type Finding =
  | {
      readonly kind: "profile";
      /** As in `acme/meter 1.0 EU868`. */
      readonly what: string;
      readonly record: ProfileRecord;
      /** What of it has no counterpart here. */
      readonly notes: readonly string[];
    }
  | { readonly kind: "skipped"; readonly what: string; readonly why: string };

export interface SourceFilter {
  /** None: all but the repository's own example. */
  readonly vendors: readonly string[];
  /** As this server calls them; none: all. */
  readonly regions: readonly string[];
}

export type ProfileSource = (folder: string, filter: SourceFilter) => AsyncGenerator<Finding>;

/** Something about a file that makes it useless, as a sentence's end. */
export class UnusableFile extends Error {}

/** Of the server's limit for a script. */
const longestScript = 200_000;
const plainName = /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/;

/** The text of a file in the folder itself: what names it is somebody else's text. Throws UnusableFile. */
export async function textIn(folder: string, name: string): Promise<string> {
  if (!plainName.test(name)) throw new UnusableFile(`${JSON.stringify(name)} is no name of a file`);
  try {
    return await readFile(join(folder, name), "utf8");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "error";
    throw new UnusableFile(code === "ENOENT" ? `there is no ${name}` : `${name} cannot be read (${code})`);
  }
}

/** The document in a file, as the schema has it; what it has besides is passed over. Throws UnusableFile. */
export async function documentIn<Schema extends TSchema>(
  folder: string,
  name: string,
  schema: Schema,
  parse: (text: string) => unknown,
): Promise<Static<Schema>> {
  const text = await textIn(folder, name);
  let document: unknown;
  try {
    document = parse(text);
  } catch {
    throw new UnusableFile(`${name} is not of its format`);
  }
  if (Value.Check(schema, document)) return document;
  const [fault] = Value.Errors(schema, document);
  const where = fault?.instancePath.slice(1).replaceAll("/", ".") ?? "";
  throw new UnusableFile(`${name} is not as expected${where === "" ? "" : ` at ${where}`}: ${fault?.message ?? ""}`);
}

export interface Script {
  readonly codec: "javascript" | "none";
  readonly codecScript: string;
}

/** Throws UnusableFile. */
export async function scriptIn(folder: string, name: string): Promise<Script> {
  const codecScript = await textIn(folder, name);
  if (codecScript.length > longestScript) throw new UnusableFile(`${name} is longer than ${longestScript} characters`);
  return { codec: "javascript", codecScript };
}

export const noScript: Script = { codec: "none", codecScript: "" };

/** What comes of `work`, or that it is skipped because of a file. */
export async function* skipping(
  what: string,
  work: () => AsyncGenerator<Finding> | Promise<Finding>,
): AsyncGenerator<Finding> {
  try {
    const done = work();
    if (done instanceof Promise) yield await done;
    else yield* done;
  } catch (error) {
    if (!(error instanceof UnusableFile)) throw error;
    yield { kind: "skipped", what, why: error.message };
  }
}

/** Members that are there; null and undefined say nothing. */
export const given = (members: ProfileRecord): ProfileRecord =>
  Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined && value !== null));

export const shortened = (text: string, most: number): string =>
  text.length > most ? `${text.slice(0, most - 3)}...` : text;

/** Only there a device can be told its power (TxParamSetupReq). */
export const tellsPower = (region: string): boolean => region.startsWith("AS923") || region === "AU915";
