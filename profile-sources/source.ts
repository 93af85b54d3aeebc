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
      /** Of the device's own file. */
      readonly path: string;
      /** What of it has no counterpart here. */
      readonly notes: readonly string[];
    }
  | {
      readonly kind: "skipped";
      readonly what: string;
      readonly why: string;
      /** Of the file that is to blame, where it is one. */
      readonly path?: string;
    };

export interface SourceFilter {
  /** None: all but the repository's own example. */
  readonly vendors: readonly string[];
  /** As this server calls them; none: all. */
  readonly regions: readonly string[];
}

/** The files of a checkout, on a disk or in a browser. Paths have slashes and begin below its top. */
export interface Checkout {
  /** What is in a folder, in any order; undefined where there is no such folder. */
  namesIn(folder: string): Promise<readonly string[] | undefined>;
  /** Undefined where there is no such file. Throws UnusableFile. */
  textOf(path: string): Promise<string | undefined>;
}

export type ProfileSource = (checkout: Checkout, filter: SourceFilter) => AsyncGenerator<Finding>;

/** Something about a file that makes it useless, as a sentence's end. */
export class UnusableFile extends Error {
  /** Of the file, where one is known. */
  readonly path: string | undefined;

  constructor(message: string, path?: string) {
    super(message);
    this.path = path;
  }
}

/** Of the server's limit for a script. */
const longestScript = 200_000;
const plainName = /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/;

/** The text of a file in the folder itself: what names it is somebody else's text. Throws UnusableFile. */
async function textIn(checkout: Checkout, folder: string, name: string): Promise<string> {
  if (!plainName.test(name)) throw new UnusableFile(`${JSON.stringify(name)} is no name of a file`);
  const path = `${folder}/${name}`;
  const text = await checkout.textOf(path);
  if (text === undefined) throw new UnusableFile(`there is no ${name}`, path);
  return text;
}

/** The document in a file, as the schema has it; what it has besides is passed over. Throws UnusableFile. */
export async function documentIn<Schema extends TSchema>(
  checkout: Checkout,
  folder: string,
  name: string,
  schema: Schema,
  parse: (text: string) => unknown,
): Promise<Static<Schema>> {
  const text = await textIn(checkout, folder, name);
  const path = `${folder}/${name}`;
  let document: unknown;
  try {
    document = parse(text);
  } catch {
    throw new UnusableFile(`${name} is not of its format`, path);
  }
  if (Value.Check(schema, document)) return document;
  const [fault] = Value.Errors(schema, document);
  const where = fault?.instancePath.slice(1).replaceAll("/", ".") ?? "";
  const place = where === "" ? "" : ` at ${where}`;
  throw new UnusableFile(`${name} is not as expected${place}: ${fault?.message ?? ""}`, path);
}

export interface Script {
  readonly codec: "javascript" | "none";
  readonly codecScript: string;
}

/** Throws UnusableFile. */
export async function scriptIn(checkout: Checkout, folder: string, name: string): Promise<Script> {
  const codecScript = await textIn(checkout, folder, name);
  if (codecScript.length > longestScript)
    throw new UnusableFile(`${name} is longer than ${longestScript} characters`, `${folder}/${name}`);
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
    yield { kind: "skipped", what, why: error.message, ...(error.path !== undefined && { path: error.path }) };
  }
}

/** Members that are there; null and undefined say nothing. */
export const given = (members: ProfileRecord): ProfileRecord =>
  Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined && value !== null));

export const shortened = (text: string, most: number): string =>
  text.length > most ? `${text.slice(0, most - 3)}...` : text;

/** Only there a device can be told its power (TxParamSetupReq). */
export const tellsPower = (region: string): boolean => region.startsWith("AS923") || region === "AU915";
