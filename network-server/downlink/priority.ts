import { FrameError } from "../../lorawan/errors.ts";
import { decodeFrame } from "../../lorawan/phy/codec.ts";
import type { DownlinkPriority } from "./duty-cycle.ts";

/** What a class A downlink is for, as its own bytes tell: a frame with payload that also acknowledges is an ACK first. */
export function priorityOf(phyPayload: Uint8Array): DownlinkPriority {
  const frame = decodeFrame(phyPayload);
  if (frame instanceof FrameError) return "class-a";
  if (frame.kind === "join-accept") return "join-accept";
  if (frame.kind !== "data") return "class-a";
  return frame.ack || frame.fOpts.length > 0 || !frame.fPort ? "control" : "class-a";
}
