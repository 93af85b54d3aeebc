/** In a script as its author wrote it; both from 1. */
export interface CodecPlace {
  readonly line: number;
  readonly column: number;
}

/** What a traced run tells besides its outcome. */
export interface CodecTrace {
  /** What the script wrote to its console, line by line. */
  readonly console: readonly string[];
  readonly loadMs: number;
  /** Of the call alone. */
  readonly timeMs: number;
  /** Of the script's heap when the call was over, built-ins included. */
  readonly memoryBytes: number;
}

export interface CodecFailure {
  readonly kind: "failed";
  readonly message: string;
  /** Where it threw or does not parse. */
  readonly place?: CodecPlace;
  /** `errors` that the script returned. */
  readonly errors?: readonly string[];
  readonly trace?: CodecTrace;
}

/** One normalized measurement of The Things Stack: groups such as `air`, with values such as `temperature`. */
export type Measurement = Readonly<Record<string, unknown>>;

export type Normalized =
  | {
      readonly kind: "normalized";
      readonly measurements: readonly Measurement[];
      /** The script's, and values that were left out because they are out of range. */
      readonly warnings: readonly string[];
    }
  | { readonly kind: "failed"; readonly message: string };
