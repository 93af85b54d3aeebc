import { stringify } from "csv-stringify/sync";
import { guarded } from "./cells.ts";

/** One line of a CSV file, every text in quotes. A spreadsheet takes none of it for a formula. */
export const csvLine = (values: readonly unknown[]): string => stringify([values.map(cellOf)], { quoted_string: true });

function cellOf(value: unknown): unknown {
  if (value === undefined || value === null) return "";
  if (typeof value === "string") return guarded(value);
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
