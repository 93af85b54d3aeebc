import type { Page, TenantScope } from "./catalog-ports.ts";

/** Who did something. `nobody` has not logged in, or tried to: the name is what was claimed. */
export interface AuditActor {
  readonly kind: "user" | "api-key" | "token" | "nobody";
  readonly id: string | null;
  readonly name: string;
}

/** Something that was asked of the server, or, with `outcomeOf`, what came of it. */
export interface AuditNote {
  readonly actor: AuditActor;
  /** Where the request came from. */
  readonly address: string;
  /** Whose thing it is about; null for what belongs to no tenant. */
  readonly tenantId: string | null;
  /** Method and route, like `PATCH /api/devices/:devEui`. */
  readonly action: string;
  /** What the route names, like `{ "devEui": "..." }`. */
  readonly subject: Readonly<Record<string, string>>;
  /** The body without its secrets. */
  readonly request?: unknown;
  readonly outcomeOf?: number;
  /** What came of it in numbers, where there is more to say than the status. */
  readonly result?: Readonly<Record<string, number>>;
  /** HTTP status, once there is one. */
  readonly status?: number;
}

export interface AuditKey {
  readonly id: string;
  readonly key: Uint8Array;
}

export interface AuditKeys {
  readonly current: AuditKey;
  readonly older: readonly AuditKey[];
}

/** An entry of the audit log as people see it. */
export interface AuditEntry extends Omit<AuditNote, "status" | "outcomeOf"> {
  readonly number: number;
  readonly at: string;
  /** Null: it was cut off. */
  readonly status: number | null;
}

export interface AuditFilter {
  readonly tenants: TenantScope;
  readonly actor?: string;
  /** Beginning of the action. */
  readonly action?: string;
  /** From then on, and up to then; RFC 3339. */
  readonly since?: string;
  readonly until?: string;
}

export type AuditVerdict =
  | { readonly kind: "intact"; readonly entries: number; readonly head: string }
  /** Number of the first entry that does not hold. */
  | { readonly kind: "broken"; readonly at: number; readonly reason: string };

/** Who changed what: only ever added to, each entry signed with the one before. */
export interface AuditLog {
  /** Gives the entry's number. */
  add(note: AuditNote): Promise<number>;
  /** Newest first, before an entry's number. */
  list(filter: AuditFilter, page: { readonly limit: number; readonly before?: number }): Promise<Page<AuditEntry>>;
  verify(): Promise<AuditVerdict>;
}
