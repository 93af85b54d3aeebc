import type { Device } from "./catalog-ports.ts";
import type { HistoryScope } from "./history-ports.ts";

/**
 * What may be the matter with a device. The order is that of a specialist's checklist, from what keeps a device from being
 * heard at all to what merely could be better: of several findings the first one here is the most probable cause.
 */
export const findingCodes = [
  "device_disabled",
  "eui_reversed",
  "eui_swapped",
  "eui_mistyped",
  "address_reversed",
  "otaa_not_allowed",
  "no_root_keys",
  "wrong_region",
  "wrong_region_configuration",
  "wrong_root_key",
  "dev_nonce_reused",
  "join_server_unavailable",
  "join_refused",
  "joins_too_often",
  "no_session",
  "unknown_session",
  "wrong_session_keys",
  "counter_reset",
  "no_gateway",
  "gateway_offline",
  "gateway_not_receiving",
  "never_heard",
  "wrong_sub_band",
  "duty_cycle_spent",
  "gateway_too_late",
  "gateway_refuses_frequency",
  "gateway_refuses_power",
  "gateway_busy",
  "gateway_without_gps",
  "gateway_unreachable",
  "gateway_without_tx_ack",
  "gateway_fault",
  "join_accept_not_heard",
  "silent",
  "gateway_late",
  "replay",
  "payload_too_long",
  "queue_full",
  "command_refused",
  "gateway_without_time",
  "class_c_not_announced",
  "downlinks_not_acknowledged",
  "codec_error",
  "adr_not_followed",
  "adr_script_failed",
  "mac_request_given_up",
  "uplinks_lost",
  "gateway_clock_wrong",
  "foreign_gateways_only",
] as const;
export type FindingCode = (typeof findingCodes)[number];

/**
 * `error`: the device does not do its work. `warning`: something is lost or about to be. `notice`: nothing is wrong yet.
 */
export const severities = ["error", "warning", "notice"] as const;
export type Severity = (typeof severities)[number];

/** A fact that a finding rests on. */
export interface Evidence {
  readonly what: string;
  readonly value: string;
  /** RFC 3339 in UTC, of a fact that has a time. */
  readonly at?: string;
}

export interface Finding {
  readonly code: FindingCode;
  readonly severity: Severity;
  /** A sentence for whoever has the device. */
  readonly summary: string;
  readonly evidence: readonly Evidence[];
  /** Sentences, the most promising first. */
  readonly whatToDo: readonly string[];
}

/** What was looked at, whatever came of it. */
export interface Checked {
  readonly check: string;
  /** What there is, in words. */
  readonly found: string;
}

export interface Diagnosis {
  /** When it was made, and from when on it looked; RFC 3339 in UTC. */
  readonly at: string;
  readonly since: string;
  /** Nothing but notices. */
  readonly isWell: boolean;
  /** The most probable cause first. */
  readonly findings: readonly Finding[];
  readonly checked: readonly Checked[];
}

export interface Diagnoses {
  /** Reads what is known of the device now. The scope limits which of its events and frames are looked at. */
  of(device: Device, scope: HistoryScope): Promise<Diagnosis>;
}
