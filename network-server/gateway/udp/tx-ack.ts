import type { TransmissionFailure, TransmissionOutcome } from "../types.ts";
import { isRecord } from "./json-record.ts";
import { parseJsonObject, textOf } from "./packet.ts";

/** Names that forwarders use; `FULL` is what some say for a full queue. */
const failures: ReadonlyMap<string, TransmissionFailure> = new Map<string, TransmissionFailure>([
  ["TOO_LATE", "TOO_LATE"],
  // Forwarders subtract unsigned counters, so a frame that comes late may be called too early.
  ["TOO_EARLY", "TOO_EARLY"],
  ["COLLISION_PACKET", "COLLISION_PACKET"],
  ["COLLISION_BEACON", "COLLISION_BEACON"],
  ["TX_FREQ", "TX_FREQ"],
  ["TX_POWER", "TX_POWER"],
  ["GPS_UNLOCKED", "GPS_UNLOCKED"],
  ["QUEUE_FULL", "QUEUE_FULL"],
  ["FULL", "QUEUE_FULL"],
  ["DUTY_CYCLE_OVERFLOW", "DUTY_CYCLE_OVERFLOW"],
  ["INTERNAL_ERROR", "INTERNAL_ERROR"],
]);

const maxWarningLength = 64;

/**
 * Body of TX_ACK. No JSON, no `txpk_ack` and an empty error are success; an error that nobody knows is INTERNAL_ERROR.
 */
export function parseTxAck(body: Uint8Array): TransmissionOutcome | "bad_json" {
  if (textOf(body) === "") return { kind: "sent" };
  const root = parseJsonObject(body);
  if (root === undefined) return "bad_json";
  const ack = root.txpk_ack;
  if (ack === undefined || ack === null) return { kind: "sent" };
  if (!isRecord(ack)) return "bad_json";
  const error = nameIn(ack.error);
  if (error !== "" && error !== "NONE") return { kind: "failed", reason: failureOf(error) };
  const warning = nameIn(ack.warn);
  if (warning === "" || warning === "NONE") return { kind: "sent" };
  const { value } = ack;
  return { kind: "sent", warning: typeof value === "number" ? `${warning} ${value}` : warning };
}

const failureOf = (error: string): TransmissionFailure => failures.get(error) ?? "INTERNAL_ERROR";

/** `""` where there is nothing; something that is no text is no known name either. */
function nameIn(value: unknown): string {
  if (value === undefined || value === null) return "";
  return typeof value === "string" ? value.trim().toUpperCase().slice(0, maxWarningLength) : "UNKNOWN";
}
