import type { ApplicationId, DevEui, TenantId } from "../lorawan/ids.ts";
import type { SqlTransaction } from "../platform/sql.ts";
import type { OnExisting } from "./bulk-ports.ts";
import type { Page, TenantScope } from "./catalog-ports.ts";

export const importKinds = ["devices", "gateways", "device-profiles", "applications"] as const;
export type ImportKind = (typeof importKinds)[number];

/** What came of records so far. */
export interface ImportCounts {
  readonly created: number;
  readonly updated: number;
  readonly unchanged: number;
  readonly skipped: number;
  /** Records that were not taken, each for one fault or more. */
  readonly failed: number;
}

export interface NewImport {
  readonly tenantId: TenantId;
  /** Of an import into one application. */
  readonly applicationId: ApplicationId | null;
  readonly kind: ImportKind;
  readonly key: string;
  readonly onExisting: OnExisting;
  readonly isDryRun: boolean;
  readonly startedBy: string;
  /** Null where the sender does not say. */
  readonly totalBytes: number | null;
}

export interface Import extends NewImport, ImportCounts {
  readonly id: string;
  readonly state: "running" | "interrupted" | "finished";
  /** Records that are dealt with. */
  readonly position: number;
  /** Hex, of every record up to `position`; empty at the start. */
  readonly digest: string;
  readonly bytesRead: number;
  readonly faults: number;
  /** RFC 3339. */
  readonly startedAt: string;
  readonly changedAt: string;
  readonly finishedAt: string | null;
}

/** One thing that is wrong with a record. */
export interface ImportFault {
  /** Of the file, from 1. */
  readonly line: number;
  /** As the file spells it; null for the whole record. */
  readonly column: string | null;
  /** What is wrong, and what to do. */
  readonly message: string;
}

/** From one position of an import to the next. */
export interface ImportStep {
  readonly id: string;
  readonly from: number;
  readonly position: number;
  readonly digest: string;
  readonly bytesRead: number;
  readonly counts: ImportCounts;
  readonly faults: readonly ImportFault[];
  /** Devices whose sessions are to be started once this is committed; those of the step before are. */
  readonly sessions: readonly DevEui[];
}

export interface Imports {
  /** The import that is not finished, or has been for less than a day, under this key in this tenant; else a new one. */
  begin(started: NewImport): Promise<Import>;
  get(id: string): Promise<Import | undefined>;
  /** The latest first. */
  list(
    filter: {
      readonly tenants: TenantScope;
      readonly applications?: readonly ApplicationId[];
      readonly key?: string;
      readonly kind?: ImportKind;
      readonly state?: Import["state"];
    },
    page: { readonly limit: number; readonly after?: string },
  ): Promise<Page<Import>>;
  /** In the order of the file. `after`: the number of the last one of the page before. */
  faults(id: string, page: { readonly limit: number; readonly after?: number }): Promise<Page<ImportFault>>;
  /**
   * In the transaction that writes the records. False when the import is not at `from` any more: somebody else goes on with
   * it, and the transaction must not be committed.
   */
  advance(step: ImportStep, sql: SqlTransaction): Promise<boolean>;
  /** Sessions of the last step that may not have been started. */
  sessions(id: string): Promise<ReadonlySet<DevEui>>;
  /** The import is at its end, or was cut off. Gives what it is then. */
  end(id: string, state: "interrupted" | "finished"): Promise<Import | undefined>;
}
