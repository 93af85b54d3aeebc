import type { MigrationRequest } from "./migration-request.ts";

/** What `--config`, `--data`, `--set` and their like say; the composition root reads the rest from file and environment. */
export interface StartOptions {
  readonly configFile?: string;
  /** In order, so that a later value of the same path wins; the path is that of the configuration file, with dots. */
  readonly overrides: readonly (readonly [path: string, value: string])[];
  /** Roles that this process runs; none means all. */
  readonly roles: readonly string[];
}

/** Codecs in a sandbox of this process; answers are those of the API. */
export interface OfflineCodecs {
  test(codec: ScriptCodec, run: unknown): Promise<Readonly<Record<string, unknown>>>;
  runCases(codec: ScriptCodec, cases: unknown): Promise<Readonly<Record<string, unknown>>>;
}

export interface ScriptCodec {
  readonly kind: "javascript" | "typescript";
  readonly script: string;
}

/** What `doctor` found; of the shape of a device's diagnosis. */
export interface Examination {
  readonly isWell: boolean;
  readonly findings: readonly {
    readonly code: string;
    readonly severity: string;
    readonly summary: string;
    readonly evidence: readonly { readonly what: string; readonly value: string }[];
    readonly whatToDo: readonly string[];
  }[];
  readonly checked: readonly { readonly check: string; readonly found: string }[];
}

/** What the composition root does for commands that need the servers. Errors are shown, and exit with 1. */
export interface ProgramActions {
  readonly version: string;
  start(options: StartOptions): Promise<void>;
  demo(options: StartOptions): Promise<void>;
  migrate(options: StartOptions): Promise<void>;
  /** From the embedded state store to Redis. */
  migrateState(options: StartOptions): Promise<void>;
  /** True if nothing was faulty. */
  migrateFrom(options: StartOptions, request: MigrationRequest): Promise<boolean>;
  rotateKeys(options: StartOptions): Promise<void>;
  /** @param ntp a time server to compare the clock with. */
  doctor(options: StartOptions, ntp?: string): Promise<Examination>;
  /** The effective configuration, without secrets. */
  printConfig(options: StartOptions): string | Promise<string>;
  /** Errors of `work` and MalformedValue for what does not fit. */
  withCodecs<Result>(work: (codecs: OfflineCodecs) => Promise<Result>): Promise<Result>;
  /** A configuration file with every option, its default and its description. */
  exampleConfig(): string;
}
