import type { GatewayStatus } from "./types.ts";

/** A gateway may hear a single device, which reports once a day. One that has lost its fix refuses the frame. */
const knownForMs = 25 * 3_600_000;

/** Whether a gateway has GPS time (C47); undefined where it has never shown either. */
export function hasGpsTime(status: Pick<GatewayStatus, "gps"> | undefined, nowMs: number): boolean | undefined {
  const gps = status?.gps;
  if (!gps) return undefined;
  return gps.hasTime && nowMs < gps.atMs + knownForMs;
}
