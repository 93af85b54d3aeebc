import { stripVTControlCharacters } from "node:util";
import { emphasised, type Terminal } from "./terminal.ts";

/** Other people's text must not steer the terminal: control characters print as U+FFFD, line ends as spaces. */
export const printable = (text: string): string =>
  stripVTControlCharacters(text)
    .replace(/[\r\n\t]+/g, " ")
    .replace(/\p{Cc}/gu, "\ufffd");

const gap = "  ";
const smallestColumn = 6;

/** Characters, not UTF-16 units; good enough for names outside the Latin alphabet. */
const widthOf = (text: string): number => [...text].length;

function cut(text: string, width: number): string {
  const characters = [...text];
  if (characters.length <= width) return text.padEnd(text.length + width - characters.length);
  return `${characters.slice(0, width - 1).join("")}…`;
}

/** Column widths that fit: the widest columns give first, none below `smallestColumn` nor what it needs. */
function fittedWidths(natural: readonly number[], available: number | undefined): readonly number[] {
  const widths = [...natural];
  if (available === undefined) return widths;
  let excess = widths.reduce((sum, width) => sum + width, gap.length * (widths.length - 1)) - available;
  while (excess > 0) {
    const widest = Math.max(...widths);
    if (widest <= smallestColumn) break;
    widths[widths.indexOf(widest)] = widest - 1;
    excess -= 1;
  }
  return widths;
}

/** Text with a line for the titles and one for each row, as wide as the terminal at most. */
export function renderTable(
  terminal: Terminal,
  titles: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const cells = rows.map(row => row.map(printable));
  const natural = titles.map((title, index) =>
    Math.max(widthOf(title), ...cells.map(row => widthOf(row[index] ?? ""))),
  );
  const widths = fittedWidths(natural, terminal.columns);
  const line = (row: readonly string[]): string =>
    widths
      .map((width, index) => cut(row[index] ?? "", width))
      .join(gap)
      .trimEnd();
  return `${[emphasised(terminal, line(titles)), ...cells.map(line)].join("\n")}\n`;
}

/** One line a field; the names are aligned and values not cut. */
export function renderFields(terminal: Terminal, fields: readonly (readonly [name: string, value: string])[]): string {
  const shown = fields.map(([name, value]) => [printable(name), value] as const);
  const width = Math.max(0, ...shown.map(([name]) => widthOf(name)));
  return shown
    .map(([name, value]) => `${`${emphasised(terminal, cut(name, width))}${gap}${printable(value)}`.trimEnd()}\n`)
    .join("");
}

/** Any JSON value in a cell. */
export function cellOf(value: unknown): string {
  if (value === null || value === undefined) return "";
  if (typeof value === "string") return value;
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (Array.isArray(value) && value.every(entry => typeof entry === "number" || typeof entry === "string")) {
    return value.join(", ");
  }
  if (typeof value === "object" && Object.keys(value).length === 0) return "";
  return JSON.stringify(value);
}
