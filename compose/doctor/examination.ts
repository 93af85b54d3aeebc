import type { Config } from "../config.ts";
import type { Role } from "../roles.ts";

/** What may be the matter with a server or its machine; docs/operations.md lists them. */
export const doctorCodes = [
  "invalid_config",
  "node_too_old",
  "data_folder_refused",
  "data_folder_mixed",
  "key_file",
  "disk_full",
  "disk_nearly_full",
  "few_inodes",
  "port_taken",
  "port_forbidden",
  "address_not_here",
  "port_unusable",
  "postgres_missing",
  "database_unreachable",
  "postgres_old",
  "postgres_not_durable",
  "postgres_encoding",
  "migration_changed",
  "migration_misnamed",
  "database_newer",
  "state_in_memory",
  "state_on_network",
  "slow_disk",
  "slow_commits",
  "redis_unreachable",
  "redis_not_durable",
  "redis_evicts",
  "not_ready",
  "server_not_answering",
  "broker_unreachable",
  "certificate_unreadable",
  "certificate_expired",
  "certificate_not_yet_valid",
  "certificate_expires_soon",
  "certificate_chain",
  "certificate_key",
  "clock_not_set",
  "clock_wrong",
  "clock_differs_from_gateways",
  "ntp_unreachable",
  "few_open_files",
  "small_udp_buffer",
  "check_failed",
] as const;
export type DoctorCode = (typeof doctorCodes)[number];

export type DoctorSeverity = "error" | "warning" | "notice";

export interface DoctorFinding {
  readonly code: DoctorCode;
  readonly severity: DoctorSeverity;
  readonly summary: string;
  readonly evidence: readonly { readonly what: string; readonly value: string }[];
  readonly whatToDo: readonly string[];
}

/** How long anybody may take to answer. */
export const answerMs = 3_000;

/** What a check came to. */
export interface Outcome {
  /** What there is, in words. */
  readonly found: string;
  readonly findings: readonly DoctorFinding[];
}

/** What is examined. */
export interface Patient {
  readonly config: Config;
  readonly roles: ReadonlySet<Role>;
  /** Of HTTP with this configuration, without a path. */
  readonly url: string;
  /** A server answers there. */
  readonly isRunning: boolean;
  /** URL of the folder with the migrations of this program. */
  readonly migrations: URL;
  /** The process that has the state folder, if it lives. */
  readonly pid?: number;
  /** Of a time server to compare the clock with, like `pool.ntp.org` or `10.0.0.1:123`. */
  readonly ntp?: string;
}

export interface DoctorCheck {
  readonly name: string;
  run(patient: Patient): Promise<Outcome>;
}

export const well = (found: string): Outcome => ({ found, findings: [] });

export const ill = (
  severity: DoctorSeverity,
  code: DoctorCode,
  summary: string,
  whatToDo: readonly string[],
  evidence: Readonly<Record<string, string | number>> = {},
): DoctorFinding => ({
  code,
  severity,
  summary,
  evidence: Object.entries(evidence).map(([what, value]) => ({ what, value: String(value) })),
  whatToDo,
});

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

export const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
