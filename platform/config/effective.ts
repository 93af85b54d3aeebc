import { leavesOf, member, type SchemaNode, schemaNode } from "./schema.ts";

/** A setting as it holds. */
export interface EffectiveSetting {
  /** `networkServer.udp.port`. */
  readonly path: string;
  /** Undefined where nothing is set, and for every secret. */
  readonly value: unknown;
  readonly isSecret: boolean;
  /** Whether there is a value, of a secret too. */
  readonly isSet: boolean;
  /** It is what the program has by itself, or of a section that is not there. */
  readonly isDefault: boolean;
  readonly description: string;
}

/** Every setting of a configuration that was read by this schema, without one secret. */
export const effectiveSettings = (schema: unknown, config: unknown): readonly EffectiveSetting[] =>
  leavesOf(schemaNode(schema)).map(({ path, node }) => {
    const value = path.reduce(member, config);
    return {
      path: path.join("."),
      value: node.secret ? undefined : withoutSecrets(node, value),
      isSecret: node.secret,
      isSet: value !== undefined,
      isDefault: value === undefined || JSON.stringify(value) === JSON.stringify(node.default),
      description: node.description ?? "",
    };
  });

/** Entries of lists of tables may have secrets of their own. */
function withoutSecrets(node: SchemaNode, value: unknown): unknown {
  if (node.kind === "leaf" || value === undefined) return value;
  if (node.kind === "tables") return Array.isArray(value) ? value.map(entry => entryOf(node, entry)) : undefined;
  return entryOf(node, value);
}

const entryOf = (node: SchemaNode, entry: unknown): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    [...node.members].flatMap(([name, below]) => {
      const value = member(entry, name);
      return value === undefined || below.secret ? [] : [[name, withoutSecrets(below, value)]];
    }),
  );
