export const codecKinds = ["none", "cayenne-lpp", "javascript", "typescript"] as const;

/** Of a device profile. */
export interface CodecSettings {
  readonly codec: (typeof codecKinds)[number];
  /** For the kinds that are scripts. */
  readonly codecScript: string;
  /** Tried before a change of the codec is stored. */
  readonly codecCases: readonly CodecCase[];
}

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

export const codecDirections = ["uplink", "downlink", "decodeDownlink"] as const;

/** What a codec is tried with. */
export interface CodecRun {
  /** What an uplink means, how a downlink is written, or what one means that was. */
  readonly direction: (typeof codecDirections)[number];
  readonly fPort: number;
  /** Hex; of an uplink, and of a downlink to read back. */
  readonly bytes?: string;
  /** For a downlink. */
  readonly object?: Readonly<Record<string, unknown>>;
  /** RFC 3339; the beginning of 1970 unless given. */
  readonly recvTime?: string;
  readonly variables?: Readonly<Record<string, string>>;
  readonly tags?: Readonly<Record<string, string>>;
}

/** What a codec has to make of what. */
export interface CodecCase extends CodecRun {
  readonly name: string;
  /** What is not there is not looked at. */
  readonly expected: {
    readonly object?: Readonly<Record<string, unknown>>;
    readonly normalizedPayload?: readonly Measurement[];
    readonly warnings?: readonly string[];
    /** Hex. */
    readonly bytes?: string;
    readonly fPort?: number;
    /** It has to fail, with this in its words. */
    readonly error?: string;
  };
}

export interface CodecDifference {
  /** JSON pointer into what was expected, like /object/temperature. */
  readonly path: string;
  readonly expected?: unknown;
  readonly actual?: unknown;
}

export interface FailedCodecCase {
  /** In the list of cases. */
  readonly index: number;
  readonly name: string;
  readonly differences: readonly CodecDifference[];
}

export interface CodecTestReport {
  readonly result: "decoded" | "encoded" | "failed";
  readonly object?: Readonly<Record<string, unknown>>;
  readonly normalizedPayload?: readonly Measurement[];
  readonly normalizedPayloadWarnings?: readonly string[];
  /** Hex. */
  readonly bytes?: string;
  /** If the codec chose one. */
  readonly fPort?: number;
  readonly warnings: readonly string[];
  readonly errors: readonly ({ readonly message: string } & Partial<CodecPlace>)[];
  readonly console: readonly string[];
  /** Of the call alone; 0 for a codec that is no script, as the following ones. */
  readonly timeMs: number;
  readonly loadMs: number;
  /** Of the script's heap when the call was over. */
  readonly memoryBytes: number;
}
