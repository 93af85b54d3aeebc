import { MalformedValue } from "../../lorawan/errors.ts";
import { cryptPayload } from "../../lorawan/phy/security.ts";
import type { QueueItem } from "../../platform/state/queue-item.ts";
import type { CarriedSession } from "../carried.ts";
import { bool, bytes, has, integer, type Row, text, timeMs } from "./row.ts";

export type DecodedItem =
  | { readonly kind: "item"; readonly item: QueueItem }
  /** The application encrypted it, and its key is not known here. */
  | { readonly kind: "sealed" };

/** 224 is the certification protocol's. */
const mostFPort = 224;
/** No device can receive more. */
const mostBytes = 242;

/** Throws MalformedValue. */
export function decodeQueueItem(row: Row, session: CarriedSession | undefined): DecodedItem {
  const fPort = integer(row, "f_port");
  if (fPort < 1 || fPort > mostFPort) throw new MalformedValue(`f_port is ${fPort}, where 1 to ${mostFPort} are`);
  const fCntDown = has(row, "f_cnt_down") ? integer(row, "f_cnt_down") : undefined;
  const payload = payloadOf(row, fCntDown, session);
  if (payload === undefined) return { kind: "sealed" };
  if (payload.length > mostBytes) {
    throw new MalformedValue(`data has ${payload.length} bytes, and no device receives over ${mostBytes}`);
  }
  const createdAtMs = timeMs(row, "created_at") ?? 0;
  const expiresAtMs = timeMs(row, "expires_at");
  const confirmed = bool(row, "confirmed");
  const isSent = confirmed && bool(row, "is_pending") && fCntDown !== undefined;
  return {
    kind: "item",
    item: {
      id: text(row, "id"),
      fPort,
      confirmed,
      data: Buffer.from(payload).toString("base64"),
      enqueuedAtMs: createdAtMs,
      ...(expiresAtMs !== undefined && { expiresAtMs }),
      ...(isSent && { sent: { fCntDown, atMs: createdAtMs, attempts: 1 } }),
    },
  };
}

function payloadOf(row: Row, fCntDown: number | undefined, session: CarriedSession | undefined) {
  const data = bytes(row, "data");
  if (!has(row, "is_encrypted") || !bool(row, "is_encrypted")) return data;
  if (session === undefined || fCntDown === undefined || !("key" in session.appSKey)) return undefined;
  return cryptPayload(session.appSKey.key, "down", session.devAddr, fCntDown, data);
}
