/** RFC 4180; line ends are CR LF. */
export const csvLine = (cells: readonly string[]): string => `${cells.map(csvCell).join(",")}\r\n`;

/** A spreadsheet takes what begins like this for a formula and runs it: an apostrophe makes it text. */
const startsFormula = /^[=+\-@\t\r]/;

function csvCell(text: string): string {
  const harmless = startsFormula.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(harmless) || harmless !== text ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}
