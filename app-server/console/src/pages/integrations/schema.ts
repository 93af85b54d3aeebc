import { listOfMember, membersOf, numberOfMember, textOfMember } from "../../api/members.ts";

/** One field of a form, as a kind of integration describes it. */
export interface SchemaField {
  readonly name: string;
  readonly label: string;
  readonly description: string | undefined;
  readonly isRequired: boolean;
  readonly shape: FieldShape;
}

export type FieldShape =
  | { readonly kind: "text"; readonly isLong: boolean }
  | { readonly kind: "number"; readonly minimum: number | undefined; readonly maximum: number | undefined }
  | { readonly kind: "boolean" }
  | { readonly kind: "choice"; readonly values: readonly (string | number)[] }
  | { readonly kind: "list" }
  | { readonly kind: "pairs" }
  | { readonly kind: "group"; readonly fields: readonly SchemaField[] }
  /** What there is no field for is typed as JSON. */
  | { readonly kind: "json" };

/** So much nobody types in a line: certificates. */
const longText = 10_001;

/** Fields of a JSON Schema of an object, in its order: those that have to be there first. */
export function fieldsOf(schema: unknown): readonly SchemaField[] {
  const { properties, required } = membersOf(schema);
  const needed = new Set(listOfMember(required));
  const fields = Object.entries(membersOf(properties)).map(([name, property]) => ({
    name,
    label: labelOf(name),
    description: textOfMember(membersOf(property).description),
    isRequired: needed.has(name),
    shape: shapeOf(property),
  }));
  return [...fields.filter(({ isRequired }) => isRequired), ...fields.filter(({ isRequired }) => !isRequired)];
}

function shapeOf(schema: unknown): FieldShape {
  const { type, properties, patternProperties, items, minimum, maximum, maxLength } = membersOf(schema);
  const values = choicesOf(schema);
  if (values.length > 0) return { kind: "choice", values };
  if (type === "string") return { kind: "text", isLong: (numberOfMember(maxLength) ?? 0) >= longText };
  if (type === "boolean") return { kind: "boolean" };
  if (type === "integer" || type === "number") {
    return { kind: "number", minimum: numberOfMember(minimum), maximum: numberOfMember(maximum) };
  }
  if (type === "array" && membersOf(items).type === "string") return { kind: "list" };
  if (type === "object" && properties !== undefined) return { kind: "group", fields: fieldsOf(schema) };
  const ofPairs = Object.values(membersOf(patternProperties));
  if (type === "object" && ofPairs.length > 0 && ofPairs.every(value => membersOf(value).type === "string")) {
    return { kind: "pairs" };
  }
  return { kind: "json" };
}

const isChoice = (value: unknown): value is string | number => typeof value === "string" || typeof value === "number";

/** `enum`, or `anyOf` with a `const` in each. */
function choicesOf(schema: unknown): readonly (string | number)[] {
  const { enum: listed, anyOf } = membersOf(schema);
  const constants = listOfMember(anyOf).map(choice => membersOf(choice).const);
  const values = listed === undefined ? constants : listOfMember(listed);
  return values.length > 0 && values.every(isChoice) ? values.filter(isChoice) : [];
}

const abbreviations: Readonly<Record<string, string>> = {
  url: "URL",
  urls: "URLs",
  tls: "TLS",
  qos: "QoS",
  ca: "CA",
  id: "id",
  nkey: "NKey",
};

/** `caCertificate` is `CA certificate`. */
function labelOf(name: string): string {
  const words = name.split(/(?=[A-Z])|[-_]/).map(word => word.toLowerCase());
  const text = words.map(word => abbreviations[word] ?? word).join(" ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}
