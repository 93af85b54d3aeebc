/** Where devices come from. */
export type MigrationOrigin =
  | {
      readonly kind: "chirpstack";
      readonly database: { readonly postgres: string } | { readonly sqlite: string };
      /** URL. */
      readonly redis?: string;
      readonly redisPrefix: string;
    }
  | {
      readonly kind: "things-stack";
      /** Files. */
      readonly devices: readonly string[];
      readonly gateways: readonly string[];
      /** Name or id of the tenant that they go into. */
      readonly tenant: string;
    };

export interface MigrationRequest {
  readonly origin: MigrationOrigin;
  readonly isDryRun: boolean;
  /** A file for the whole report, as JSON. */
  readonly reportFile?: string;
  /** Keys that the other server's keys are wrapped under. */
  readonly keks: readonly { readonly kekLabel: string; readonly kek: Uint8Array }[];
  /** Added to downlink counters. */
  readonly skippedDownlinks: number;
  readonly withQueues: boolean;
}
