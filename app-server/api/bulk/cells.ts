import type { TSchema } from "typebox";

/** What the text of a cell stands for. */
type CellType = "text" | "integer" | "number" | "boolean" | "json";

interface Column {
  /** Where it goes in the record. */
  readonly path: readonly string[];
  readonly type: CellType;
}

/** Columns of one kind of record, by their names without case, spaces and punctuation. */
export interface Vocabulary {
  readonly columns: ReadonlyMap<string, Column>;
  /** Members that are maps: `tags.site` is the tag `site`. */
  readonly maps: readonly string[];
}

const plainName = (name: string): string => name.toLowerCase().replace(/[^a-z0-9]/g, "");

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function typeOf(schema: unknown): CellType {
  if (!isObject(schema)) return "text";
  const { type, anyOf } = schema;
  if (type === "integer" || type === "number" || type === "boolean") return type;
  if (type === "object" || type === "array") return "json";
  if (!Array.isArray(anyOf)) return "text";
  const types = anyOf.filter(branch => !isObject(branch) || branch.type !== "null").map(typeOf);
  return types[0] ?? "text";
}

/**
 * A column for each member of the schema's, also of those inside the members `nested`; `aliases` are further names, each with
 * the path of what it means, like `keys.appKey`.
 */
export function vocabularyOf(
  properties: Readonly<Record<string, TSchema>>,
  nested: readonly string[],
  aliases: Readonly<Record<string, string>>,
): Vocabulary {
  const columns = new Map<string, Column>();
  const byPath = new Map<string, Column>();
  const maps: string[] = [];
  const add = (path: readonly string[], schema: unknown): void => {
    const column = { path, type: typeOf(schema) };
    byPath.set(path.join("."), column);
    columns.set(plainName(path.at(-1) ?? ""), column);
  };
  for (const [name, schema] of Object.entries(properties)) {
    const inner: unknown = isObject(schema) ? schema.properties : undefined;
    if (nested.includes(name) && isObject(inner)) {
      for (const [member, memberSchema] of Object.entries(inner)) add([name, member], memberSchema);
      continue;
    }
    if (isObject(schema) && isObject(schema.patternProperties)) maps.push(name);
    add([name], schema);
  }
  for (const [alias, path] of Object.entries(aliases)) {
    const column = byPath.get(path);
    if (column !== undefined) columns.set(alias, column);
  }
  return { columns, maps };
}

export interface Header {
  /** One for each cell of a row; undefined where its cells are not read. */
  readonly columns: readonly (Column | undefined)[];
  readonly names: readonly string[];
}

export interface CellFault {
  readonly column: string | null;
  readonly message: string;
}

/** What a header means. Names that nobody knows are faults unless they are to be passed over. */
export function readHeader(
  cells: readonly string[],
  vocabulary: Vocabulary,
  passesOver: boolean,
): { readonly header: Header; readonly faults: readonly CellFault[] } {
  const faults: CellFault[] = [];
  const seen = new Set<string>();
  const columns = cells.map(name => {
    const column = columnOf(name.trim(), vocabulary);
    if (column === undefined) {
      if (!passesOver && name.trim() !== "") faults.push({ column: shown(name), message: unknownColumn(vocabulary) });
      return undefined;
    }
    const path = column.path.join(".");
    if (seen.has(path))
      faults.push({ column: shown(name), message: "Another column means the same; keep one of them." });
    seen.add(path);
    return column;
  });
  return { header: { columns, names: cells.map(shown) }, faults };
}

/** What somebody wrote may be anything. */
const shown = (name: string): string => name.trim().slice(0, 100).toWellFormed().replaceAll("\0", "");

const unknownColumn = ({ columns }: Vocabulary): string =>
  `There is no such column. Take it out, or give it one of these names: ${[
    ...new Set([...columns.values()].map(({ path }) => path.at(-1))),
  ].join(", ")}.`;

function columnOf(name: string, { columns, maps }: Vocabulary): Column | undefined {
  const [, map = "", key = ""] = /^([^.]+)\.(.+)$/s.exec(name) ?? [];
  const member = maps.find(known => plainName(known) === plainName(map));
  if (member !== undefined && key !== "") return { path: [member, key], type: "text" };
  return columns.get(plainName(name));
}

/** A row as the record that it stands for. Empty cells are members that are not there. */
export function recordOfCells(
  cells: readonly string[],
  { columns, names }: Header,
): { readonly record: Readonly<Record<string, unknown>>; readonly faults: readonly CellFault[] } {
  const faults: CellFault[] = [];
  const record: Record<string, unknown> = {};
  const surplus = cells.slice(columns.length).some(cell => cell !== "");
  if (surplus) {
    const message = `The line has ${cells.length} cells and the header ${columns.length}; put quotes around text with a delimiter.`;
    return { record, faults: [{ column: null, message }] };
  }
  columns.forEach((column, index) => {
    const cell = withoutGuard(cells[index] ?? "");
    if (column === undefined || cell.trim() === "") return;
    const value = cellValue(cell, column.type);
    if (value === undefined) faults.push({ column: names[index] ?? null, message: expected[column.type] });
    else put(record, column.path, value);
  });
  return { record, faults };
}

function put(record: Record<string, unknown>, [first = "", second]: readonly string[], value: unknown): void {
  if (second === undefined) {
    record[first] = isObject(value) && isObject(record[first]) ? { ...record[first], ...value } : value;
  } else record[first] = { ...(isObject(record[first]) && record[first]), [second]: value };
}

const expected: Readonly<Record<CellType, string>> = {
  text: "Text is expected.",
  integer: "A whole number is expected, like 42.",
  number: "A number is expected, like 52.09, with a point.",
  boolean: "true or false is expected.",
  json: 'JSON is expected, like {"site": "roof"}.',
};

/** Undefined for a text that is none of the type's. */
function cellValue(cell: string, type: CellType): unknown {
  const text = cell.trim();
  switch (type) {
    case "text":
      return cell;
    case "integer":
      return /^[+-]?\d{1,15}$/.test(text) ? Number(text) : undefined;
    case "number":
      return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,3})?$/i.test(text) ? Number(text) : undefined;
    case "boolean":
      if (/^(true|yes|1)$/i.test(text)) return true;
      return /^(false|no|0)$/i.test(text) ? false : undefined;
    case "json":
      return jsonOf(text);
  }
}

function jsonOf(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return value ?? undefined;
  } catch {
    return undefined;
  }
}

const startsFormula = /^'*[=+\-@\t\r\n]/;
const plainNumber = /^[+-]?\d+(\.\d+)?$/;

/** A text that no spreadsheet takes for a formula: with a quote before it, as spreadsheets themselves write one. */
export const guarded = (text: string): string =>
  startsFormula.test(text) && !plainNumber.test(text) ? `'${text}` : text;

/** What `guarded` was given. */
const withoutGuard = (cell: string): string => (/^'+[=+\-@\t\r\n]/.test(cell) ? cell.slice(1) : cell);
