import type { Region } from "../lorawan/region/region.ts";
import type { DeviceSession } from "./device-state.ts";

export interface ApplicationUplink {
  /** 1 to 223. */
  readonly fPort: number;
  readonly payload: Uint8Array;
  readonly confirmed?: boolean;
}

export interface FrameContent {
  readonly fOpts: Uint8Array;
  readonly fPort?: number;
  readonly payload: Uint8Array;
  readonly confirmed: boolean;
}

const maxFOpts = 15;
const none = new Uint8Array(0);

/**
 * What the next uplink carries, and what becomes of the first of those that wait. Commands go into FOpts if they fit, else
 * into a frame of their own on FPort 0 (C6).
 */
export function contentOf(
  { answers, parameters, version11 }: DeviceSession,
  first: ApplicationUplink | undefined,
  region: Region,
): FrameContent & { readonly queue: "taken" | "kept" | "too-long" } {
  const parts = [...(version11?.indications ?? []), ...answers.map(({ bytes }) => bytes)];
  const commands = Uint8Array.from(Buffer.from(parts.join(""), "hex"));
  const { dataRate, uplinkDwellTime } = parameters;
  const most = region.maxPayload(dataRate, { direction: "up", dwellTime: uplinkDwellTime, repeater: false });
  if (commands.length > maxFOpts) {
    return { fOpts: none, fPort: 0, payload: commands.subarray(0, most), confirmed: false, queue: "kept" };
  }
  const alone = { fOpts: commands, payload: none, confirmed: false };
  if (first === undefined) return { ...alone, queue: "kept" };
  const { fPort, payload, confirmed = false } = first;
  if (payload.length > most) return { ...alone, queue: "too-long" };
  if (payload.length + commands.length > most) return { ...alone, queue: "kept" };
  return { fOpts: commands, fPort, payload, confirmed, queue: "taken" };
}

/** An uplink that is under way, and what it takes to send it. */
export interface PreparedUplink {
  readonly fCnt: number;
  readonly confirmed: boolean;
  readonly fPort?: number;
  readonly payload: Uint8Array;
  /** The frame for a transmission at this data rate on this channel. */
  readonly seal: (dataRate: number, channel: number) => Uint8Array;
  attempt: number;
  acknowledged: boolean;
}
