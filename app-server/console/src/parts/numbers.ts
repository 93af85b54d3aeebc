const whole = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat(undefined, { notation: "compact", maximumFractionDigits: 1 });
const fine = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });

/** `12,345`. */
export const wholeNumber = (value: number): string => whole.format(value);

/** `12.3K`, for narrow places; up to 9999 as it is. */
export const shortNumber = (value: number): string =>
  Math.abs(value) < 10_000 ? fine.format(value) : short.format(value);

/** `1.5`. */
export const fineNumber = (value: number): string => fine.format(value);

/** `12 kB`, in steps of a thousand. */
export function byteSize(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"] as const;
  const step = Math.min(units.length - 1, bytes < 1 ? 0 : Math.floor(Math.log10(bytes) / 3));
  return `${fine.format(bytes / 1000 ** step)} ${units[step]}`;
}
