const whole = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat(undefined, { notation: "compact", maximumFractionDigits: 1 });
const precise = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 4 });
const fine = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });

/** `12,345`. */
export const wholeNumber = (value: number): string => whole.format(value);

/** `12.3K`, for narrow places; up to 9999 as it is. */
export const shortNumber = (value: number): string =>
  Math.abs(value) < 10_000 ? fine.format(value) : short.format(value);

/** `1 device`, `1,234 devices`. */
export const counted = (count: number, noun: string): string =>
  `${wholeNumber(count)} ${noun}${count === 1 ? "" : "s"}`;

/** `1.5`. */
export const fineNumber = (value: number): string => fine.format(value);

/** A value of any size to four digits: `0.1235`, `-110.4`, `12.3K`. */
export const valueNumber = (value: number): string =>
  Math.abs(value) < 10_000 ? precise.format(value) : short.format(value);

/** On a scale that goes up by `step`: with as many digits as tell neighbours apart. */
export function scaleNumber(value: number, step: number): string {
  if (step >= 10) return shortNumber(value);
  let digits = 0;
  while (digits < 12 && Math.abs(step * 10 ** digits - Math.round(step * 10 ** digits)) > 1e-6) digits += 1;
  return new Intl.NumberFormat(undefined, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(
    value,
  );
}

/** `12 kB`, in steps of a thousand. */
export function byteSize(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"] as const;
  const step = Math.min(units.length - 1, bytes < 1 ? 0 : Math.floor(Math.log10(bytes) / 3));
  return `${fine.format(bytes / 1000 ** step)} ${units[step]}`;
}
