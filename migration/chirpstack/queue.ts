import { MalformedValue } from "../../lorawan/errors.ts";
import { cryptPayload } from "../../lorawan/phy/security.ts";
import type { QueueItem } from "../../platform/state/queue-item.ts";
import type { CarriedSession } from "../carried.ts";
import { bool, bytes, has, integer, type Row, text, timeMs } from "./row.ts";

/** 224 is the certification protocol's. */
const mostFPort = 224;
/** No device can receive more. */
const mostBytes = 242;

/** Throws MalformedValue. */
export function decodeQueueItem(row: Row, session: CarriedSession | undefined): QueueItem {
  const fPort = integer(row, "f_port");
  if (fPort < 1 || fPort > mostFPort) throw new MalformedValue(`f_port is ${fPort}, where 1 to ${mostFPort} are`);
  const fCntDown = has(row, "f_cnt_down") ? integer(row, "f_cnt_down") : undefined;
  const data = bytes(row, "data");
  if (data.length > mostBytes) {
    throw new MalformedValue(`data has ${data.length} bytes, and no device receives over ${mostBytes}`);
  }
  const createdAtMs = timeMs(row, "created_at") ?? 0;
  const expiresAtMs = timeMs(row, "expires_at");
  const confirmed = bool(row, "confirmed");
  const isSent = confirmed && bool(row, "is_pending") && fCntDown !== undefined;
  const isEncrypted = has(row, "is_encrypted") && bool(row, "is_encrypted");
  return {
    id: text(row, "id"),
    fPort,
    confirmed,
    ...(isEncrypted ? encryptedPayload(data, fCntDown, session) : { data: base64(data) }),
    enqueuedAtMs: createdAtMs,
    ...(expiresAtMs !== undefined && { expiresAtMs }),
    ...(isSent && { sent: { fCntDown, atMs: createdAtMs, attempts: 1 } }),
  };
}

const base64 = (data: Uint8Array): string => Buffer.from(data).toString("base64");

/** What the application encrypted is for one counter; in the clear, where its key is known, it can leave under any. */
function encryptedPayload(
  data: Uint8Array,
  fCntDown: number | undefined,
  session: CarriedSession | undefined,
): Pick<QueueItem, "data" | "encrypted"> {
  if (session === undefined || fCntDown === undefined) {
    throw new MalformedValue("it is encrypted, and neither session nor f_cnt_down tell for what");
  }
  const { appSKey, devAddr } = session;
  return appSKey && "key" in appSKey
    ? { data: base64(cryptPayload(appSKey.key, "down", devAddr, fCntDown, data)) }
    : { data: base64(data), encrypted: { fCntDown, devAddr } };
}
