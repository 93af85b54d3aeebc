export interface ChartLine {
  readonly label: string;
  /** Of Mantine: `cyan`. */
  readonly color: string;
  /** One for each time; null where there is none. */
  readonly values: readonly (number | null)[];
  /** Bars for what is counted, a line for what is measured. */
  readonly as?: "line" | "bars";
  /** Beside another, like the least and the most around an average. */
  readonly isFaint?: boolean;
}

export interface ChartProps {
  /** What it shows, for those who cannot see it. */
  readonly label: string;
  /** Unix time in milliseconds, rising. */
  readonly times: readonly number[];
  readonly lines: readonly ChartLine[];
  /** Behind each value: `dB`. */
  readonly unit?: string;
  readonly height?: number;
  /** Whether the scale begins at zero; so it does unless this is false. */
  readonly fromZero?: boolean;
  /** Nothing lies between two whole numbers, as of what is counted. */
  readonly isWhole?: boolean;
}
