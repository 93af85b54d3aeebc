import { readFileSync } from "node:fs";
import { parse, TomlError } from "smol-toml";
import type { Static, TSchema } from "typebox";
import Value from "typebox/value";
import {
  environmentName,
  expectedOf,
  isTable,
  leavesOf,
  member,
  type SchemaNode,
  schemaNode,
  valueOfText,
} from "./config/schema.ts";
import { didYouMean } from "./config/suggest.ts";
import { ConfigError } from "./errors.ts";

export interface ConfigSources {
  /** TOML file; it must exist. */
  readonly file?: string;
  /** TOML text in place of a file. */
  readonly fileText?: string;
  /** Variables `UPCHIRP_...` are read; an empty one counts as absent. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** From flags: path like `networkServer.udp.port`, and text that is converted as the environment's is. */
  readonly overrides: readonly (readonly [path: string, text: string])[];
}

/** Names the configuration file itself, for whoever starts the program, so it is no fault here. */
const reservedVariables = new Set(["UPCHIRP_CONFIG", "UPCHIRP_URL", "UPCHIRP_TOKEN"]);

/** Sources of one value, strongest first, and what is wrong with them. */
interface Reading {
  readonly faults: string[];
  /** Which variable or flag a path was set by, for messages. */
  readonly origins: Map<string, string>;
}

const joined = (path: readonly string[]): string => path.join(".");

function tomlOf(sources: ConfigSources, reading: Reading): unknown {
  try {
    const text = sources.fileText ?? (sources.file === undefined ? "" : readFileSync(sources.file, "utf8"));
    return parse(text);
  } catch (error) {
    const name = sources.file ?? "the configuration";
    const reason = error instanceof Error ? (error.message.split("\n", 1)[0] ?? "") : "unreadable";
    const place = error instanceof TomlError ? ` line ${error.line}, column ${error.column}` : "";
    reading.faults.push(`${name}${place}: ${reason}`);
    return {};
  }
}

function put(layer: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [name = "", ...rest] = path;
  if (rest.length === 0) {
    layer[name] = value;
    return;
  }
  const below: Record<string, unknown> = { ...(isTable(layer[name]) ? layer[name] : {}) };
  put(below, rest, value);
  layer[name] = below;
}

function environmentLayer(root: SchemaNode, env: ConfigSources["env"], reading: Reading): unknown {
  const layer: Record<string, unknown> = {};
  const leaves = new Map(leavesOf(root).map(leaf => [environmentName(leaf.path), leaf]));
  for (const [name, text] of Object.entries(env)) {
    if (!name.startsWith("UPCHIRP_") || reservedVariables.has(name) || text === undefined || text === "") continue;
    const leaf = leaves.get(name);
    if (leaf === undefined) {
      reading.faults.push(`${name}: no such option${didYouMean(name, leaves.keys())}`);
      continue;
    }
    reading.origins.set(joined(leaf.path), name);
    put(layer, leaf.path, valueOfText(leaf.node.schema, text));
  }
  return layer;
}

function flagLayer(root: SchemaNode, overrides: ConfigSources["overrides"], reading: Reading): unknown {
  const layer: Record<string, unknown> = {};
  const leaves = new Map(leavesOf(root).map(leaf => [joined(leaf.path), leaf]));
  for (const [path, text] of overrides) {
    const leaf = leaves.get(path);
    if (leaf === undefined) {
      reading.faults.push(`${path}: no such option${didYouMean(path, leaves.keys())}`);
      continue;
    }
    reading.origins.set(path, "command line");
    put(layer, leaf.path, valueOfText(leaf.node.schema, text));
  }
  return layer;
}

/** What was found, unless it must not be seen. */
const found = (node: SchemaNode, value: unknown): string => {
  if (node.secret) return "";
  const text = JSON.stringify(value) ?? "nothing";
  return `, not ${text.length > 80 ? `${text.slice(0, 80)}...` : text}`;
};

function fault(reading: Reading, path: readonly string[], text: string): undefined {
  const origin = reading.origins.get(joined(path));
  reading.faults.push(`${joined(path)}${origin === undefined ? "" : ` (${origin})`}: ${text}`);
  return undefined;
}

function sectionOf(node: SchemaNode, layers: readonly unknown[], path: readonly string[], reading: Reading): unknown {
  for (const layer of layers) {
    if (!isTable(layer)) return fault(reading, path, `expected a section${found(node, layer)}`);
    for (const name of Object.keys(layer)) {
      if (!node.members.has(name))
        fault(reading, [...path, name], `no such option${didYouMean(name, node.members.keys())}`);
    }
  }
  const result: Record<string, unknown> = {};
  for (const [name, below] of node.members) {
    const given = layers.map(layer => member(layer, name)).filter(value => value !== undefined);
    const value = resolved(below, given, [...path, name], reading);
    if (value !== undefined) result[name] = value;
  }
  return result;
}

function tablesOf(node: SchemaNode, value: unknown, path: readonly string[], reading: Reading): unknown {
  if (!Array.isArray(value)) return fault(reading, path, `expected a list of tables${found(node, value)}`);
  const [last = "", ...before] = path.toReversed();
  return value.map((item: unknown, index) =>
    sectionOf(node, [item], [...before.toReversed(), `${last}[${index}]`], reading),
  );
}

/** `layers` are the values given for this node, strongest first; without any its default counts. */
function resolved(
  node: SchemaNode & { readonly required: boolean },
  layers: readonly unknown[],
  path: readonly string[],
  reading: Reading,
): unknown {
  if (node.kind === "section") {
    // A section that may be left out is there once anything of it is given.
    return layers.length > 0 || node.required ? sectionOf(node, layers, path, reading) : undefined;
  }
  const value = layers[0] ?? structuredClone(node.default);
  if (value === undefined) {
    return node.required ? fault(reading, path, `is required; expected ${expectedOf(node.schema)}`) : undefined;
  }
  if (node.kind === "leaf") {
    if (Value.Check(node.schema, value)) return value;
    return fault(reading, path, `expected ${expectedOf(node.schema)}${found(node, value)}`);
  }
  const tables = tablesOf(node, value, path, reading);
  if (tables === undefined || reading.faults.length > 0 || Value.Check(node.schema, tables)) return tables;
  return fault(reading, path, `expected ${expectedOf(node.schema)} within its limits`);
}

/**
 * The configuration from flags, environment, file and defaults, the first that has a value winning. Lists are replaced
 * whole. Throws ConfigError with every fault on a line of its own: path, where it was set, what is expected.
 */
export function loadConfig<Schema extends TSchema>(schema: Schema, sources: ConfigSources): Static<Schema> {
  const root = schemaNode(schema);
  const reading: Reading = { faults: [], origins: new Map() };
  const file = tomlOf(sources, reading);
  const environment = environmentLayer(root, sources.env, reading);
  const config = sectionOf(root, [flagLayer(root, sources.overrides, reading), environment, file], [], reading);
  if (reading.faults.length === 0 && Value.Check(schema, config)) return config;
  const others = [...Value.Errors(schema, config)].map(error => `${error.instancePath}: ${error.message}`);
  const lines = reading.faults.length > 0 ? reading.faults : others;
  throw new ConfigError(
    `the configuration has ${lines.length === 1 ? "a fault" : `${lines.length} faults`}:\n${lines.map(line => `  ${line}`).join("\n")}`,
  );
}
