/** What the configuration code reads of a TypeBox schema: plain JSON Schema members, plus our `secret`. */
export interface SchemaNode {
  readonly kind: "section" | "tables" | "leaf";
  /** The TypeBox schema itself. */
  readonly schema: object;
  readonly description: string | undefined;
  readonly default: unknown;
  readonly secret: boolean;
  /** Of a section, or of each item of a list of tables. */
  readonly members: ReadonlyMap<string, SchemaNode & { readonly required: boolean }>;
}

export const isTable = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);

/** An own member of anything; undefined when there is none. */
export const member = (value: unknown, name: string): unknown =>
  isTable(value) && Object.hasOwn(value, name) ? value[name] : undefined;

const isSection = (schema: unknown): boolean =>
  member(schema, "type") === "object" && isTable(member(schema, "properties"));

function membersOf(schema: unknown): SchemaNode["members"] {
  const required = member(schema, "required");
  const properties = member(schema, "properties");
  if (!isTable(properties)) return new Map();
  return new Map(
    Object.entries(properties).map(([name, property]) => [
      name,
      { ...schemaNode(property), required: Array.isArray(required) && required.includes(name) },
    ]),
  );
}

export function schemaNode(schema: unknown): SchemaNode {
  const items = member(schema, "items");
  const kind = isSection(schema) ? "section" : isSection(items) ? "tables" : "leaf";
  const description = member(schema, "description");
  return {
    kind,
    schema: isTable(schema) ? schema : {},
    description: typeof description === "string" ? description : undefined,
    default: member(schema, "default"),
    secret: member(schema, "secret") === true,
    members: membersOf(kind === "tables" ? items : schema),
  };
}

export interface Leaf {
  readonly path: readonly string[];
  readonly node: SchemaNode;
}

/** Everything that one environment variable or flag can set. */
export const leavesOf = (node: SchemaNode, path: readonly string[] = []): readonly Leaf[] =>
  node.kind === "section"
    ? [...node.members].flatMap(([name, below]) => leavesOf(below, [...path, name]))
    : [{ path, node }];

/** `networkServer.udp.port` is `UPCHIRP_NETWORK_SERVER_UDP_PORT`. */
export const environmentName = (path: readonly string[]): string =>
  ["upchirp", ...path].map(part => part.replace(/([a-z0-9])([A-Z])/g, "$1_$2").toUpperCase()).join("_");

const literalsOf = (schema: unknown): readonly unknown[] => {
  const choices = member(schema, "anyOf") ?? [schema];
  const values = Array.isArray(choices) ? choices.map(choice => member(choice, "const")) : [];
  const listed = member(schema, "enum");
  return Array.isArray(listed) ? listed : values.includes(undefined) ? [] : values;
};

const range = (schema: unknown): string => {
  const [minimum, maximum] = [member(schema, "minimum"), member(schema, "maximum")];
  if (minimum !== undefined && maximum !== undefined) return ` from ${minimum} to ${maximum}`;
  if (minimum !== undefined) return ` of at least ${minimum}`;
  return maximum === undefined ? "" : ` of at most ${maximum}`;
};

function textExpected(schema: unknown): string {
  const [pattern, minLength] = [member(schema, "pattern"), member(schema, "minLength")];
  const format = member(schema, "format");
  const length =
    typeof minLength === "number" ? ` of at least ${minLength} character${minLength === 1 ? "" : "s"}` : "";
  const form = format === undefined ? "" : ` in the form "${format}"`;
  return `a text${length}${form}${pattern === undefined ? "" : ` that matches ${pattern}`}`;
}

/** In words: `an integer from 0 to 65535`. */
export function expectedOf(schema: unknown): string {
  const literals = literalsOf(schema);
  if (literals.length > 0) return `one of ${literals.map(value => JSON.stringify(value)).join(", ")}`;
  const choices = member(schema, "anyOf");
  if (Array.isArray(choices)) return choices.map(expectedOf).join(", or ");
  switch (member(schema, "type")) {
    case "integer":
      return `an integer${range(schema)}`;
    case "number":
      return `a number${range(schema)}`;
    case "boolean":
      return "true or false";
    case "string":
      return textExpected(schema);
    case "array":
      return isSection(member(schema, "items"))
        ? "a list of tables"
        : `a list, each ${expectedOf(member(schema, "items"))}`;
    case "object":
      return "a section";
    default:
      return "another value";
  }
}

const switches = new Map([
  ...["true", "yes", "on", "1"].map(text => [text, true] as const),
  ...["false", "no", "off", "0"].map(text => [text, false] as const),
]);

function jsonOr(text: string, otherwise: unknown): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return otherwise;
  }
}

/** A text from the environment or a flag as the schema's type; the text itself when it is none of that type. */
export function valueOfText(schema: unknown, text: string): unknown {
  const literal = literalsOf(schema).find(value => String(value) === text);
  if (literal !== undefined) return literal;
  switch (member(schema, "type")) {
    case "integer":
    case "number":
      return /^[+-]?(\d[\d_]*)?\.?\d+(e[+-]?\d+)?$/i.test(text.trim()) ? Number(text.replaceAll("_", "")) : text;
    case "boolean":
      return switches.get(text.trim().toLowerCase()) ?? text;
    case "array": {
      // A list of tables has no comma-separated form, so it is JSON; any other list may be.
      if (text.trim().startsWith("[")) return jsonOr(text, text);
      const items = text.split(",").map(item => item.trim());
      return items.filter(item => item !== "").map(item => valueOfText(member(schema, "items"), item));
    }
    default:
      return text;
  }
}
