import { jsonObject, yesOrNo } from "../option-values.ts";
import type { Field } from "./resource.ts";

export const nameField: Field = { flags: "--name <name>", description: "its name", path: "name", isRequired: true };

export const describingFields: readonly Field[] = [
  { flags: "--description <text>", description: "what it is for", path: "description" },
  { flags: "--tag <key=value>", description: "may be repeated; replaces all tags", path: "tags", isMap: true },
];

/** Its members are the API's, which checks them. */
export const macField = (description: string): Field => ({
  flags: "--mac <json>",
  description,
  path: "mac",
  parse: jsonObject,
});

/** `--disabled` alone means yes. */
export const flagField = (name: string, path: string, description: string): Field => ({
  flags: `--${name} [yes|no]`,
  description,
  path,
  parse: yesOrNo,
});
