import { readFile } from "node:fs/promises";
import { type Command, Option } from "commander";
import type { ApiClient, ApiRecord } from "../api-client.ts";
import { CommandFailed } from "../errors.ts";
import { collected, isObject, keyValue, type OptionValues } from "../option-values.ts";
import { resolveId } from "./lookup.ts";
import type { Field } from "./resource.ts";

type Action = "create" | "update";

const optionOf = (field: Field, action: Action): Option => {
  const option = new Option(field.flags, field.description).makeOptionMandatory(
    field.isRequired === true && action === "create",
  );
  if (field.choices !== undefined) return option.choices(field.choices);
  if (field.isMap === true) return option.argParser(keyValue);
  if (field.isList === true) return option.argParser(collected);
  const { parse } = field;
  return parse === undefined ? option : option.argParser<unknown>(parse);
};

export const fieldsFor = (fields: readonly Field[], action: Action): readonly Field[] =>
  fields.filter(({ only }) => only === undefined || only === action);

export function addFieldOptions(command: Command, fields: readonly Field[], action: Action): Command {
  for (const field of fieldsFor(fields, action)) command.addOption(optionOf(field, action));
  return command;
}

export async function textOfFile(path: string): Promise<string> {
  return readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw new CommandFailed("unreadable_file", `${path} cannot be read (${error.code ?? "error"})`);
  });
}

async function sentValue(
  field: Field,
  value: unknown,
  client: ApiClient,
  tenantId: string | undefined,
): Promise<unknown> {
  if (typeof value !== "string") return value;
  if (value === field.nullWord) return null;
  if (field.isFile === true) return (field.parseFile ?? String)(await textOfFile(value));
  if (field.reference === undefined) return value;
  return resolveId(client, field.reference, value, tenantId === undefined ? {} : { tenantId });
}

/** `value` put at `path` of an object, of which a copy is given. */
function withMember(object: ApiRecord, path: string, value: unknown): ApiRecord {
  const [first = "", ...rest] = path.split(".");
  if (rest.length === 0) return { ...object, [first]: value };
  const inner = object[first];
  return { ...object, [first]: withMember(isObject(inner) ? inner : {}, rest.join("."), value) };
}

/** What the options say, as the API takes it. Names are looked up within the tenant if one is given. */
export async function bodyOf(
  fields: readonly Field[],
  values: OptionValues,
  client: ApiClient,
  tenantId: string | undefined,
): Promise<ApiRecord> {
  let body: ApiRecord = {};
  for (const field of fields) {
    const value = values[new Option(field.flags).attributeName()];
    if (value !== undefined) body = withMember(body, field.path, await sentValue(field, value, client, tenantId));
  }
  return body;
}
