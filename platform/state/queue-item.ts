import type { DevAddr } from "../../lorawan/ids.ts";

/** A downlink that waits for its device, as both servers read it from the queue; JSON in the store. */
export interface QueueItem {
  /** UUID unless the application chose its own text. */
  readonly id: string;
  /** 1 to 223 (224 only by the certification protocol). */
  readonly fPort: number;
  readonly confirmed: boolean;
  /** Base64 of the payload, in the clear unless it is `encrypted`: then the network server encrypts it as it leaves. */
  readonly data: string;
  /** Encrypted under the AppSKey of the session with this address, for this counter and no other. */
  readonly encrypted?: {
    readonly fCntDown: number;
    readonly devAddr: DevAddr;
    /** The same payload for counters after it, rising, should that one be used up: base64. */
    readonly later?: readonly { readonly fCntDown: number; readonly data: string }[];
  };
  readonly enqueuedAtMs: number;
  /** Not sent from then on; reported by a `log` event with code EXPIRED. */
  readonly expiresAtMs?: number;
  /** Present once sent: under which counter, when, and how often so far (C66). */
  readonly sent?: { readonly fCntDown: number; readonly atMs: number; readonly attempts: number };
}
