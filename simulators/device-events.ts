import type { WindowName } from "./device-windows.ts";
import type { RejoinType } from "./frames11.ts";

/** What a server must never do to a device. */
export type ViolationKind =
  | "counter-reused"
  | "join-nonce-not-rising"
  | "f-opts-with-port-0"
  | "unknown-mac-command"
  | "truncated-mac-command"
  | "payload-too-long"
  | "unexpected-ack";

export type DeviceEvent =
  | { readonly kind: "join-requested"; readonly devNonce: number }
  | { readonly kind: "joined"; readonly devAddr: string; readonly window: WindowName }
  | { readonly kind: "rejoin-requested"; readonly rejoinType: RejoinType; readonly rjCount: number }
  /** The session goes on. */
  | { readonly kind: "rejoin-failed"; readonly rejoinType: RejoinType }
  | { readonly kind: "join-failed"; readonly attempt: number; readonly retryInMs: number }
  | {
      readonly kind: "uplink-sent";
      readonly fCnt: number;
      /** 1 for the first transmission of this counter. */
      readonly attempt: number;
      readonly confirmed: boolean;
      readonly fPort?: number;
      readonly payload: Uint8Array;
      readonly phyPayload: Uint8Array;
      readonly dataRate: number;
    }
  | {
      /** The end of one transmission on the air. */
      readonly kind: "uplink-ended";
      readonly fCnt: number;
      readonly heardBy: readonly string[];
      readonly endUs: number;
    }
  | {
      /** No more transmissions of this counter follow. */
      readonly kind: "uplink-done";
      readonly fCnt: number;
      readonly outcome: "unconfirmed" | "acknowledged" | "not-acknowledged";
    }
  | { readonly kind: "uplink-dropped"; readonly reason: "too-long" | "queue-full" }
  | {
      readonly kind: "downlink";
      readonly window: WindowName;
      readonly fCnt: number;
      readonly confirmed: boolean;
      readonly ack: boolean;
      readonly fPending: boolean;
      readonly fPort?: number;
      readonly payload: Uint8Array;
      /** Hex. */
      readonly macCommands: string;
      readonly rssiDbm: number;
      readonly snrDb: number;
    }
  | { readonly kind: "bad-mic"; readonly window: WindowName }
  | { readonly kind: "link-check"; readonly marginDb: number; readonly gatewayCount: number }
  | { readonly kind: "device-time"; readonly gpsTimeMs: number }
  | { readonly kind: "ping-slot-info" }
  | { readonly kind: "class-b"; readonly isActive: boolean }
  | { readonly kind: "violation"; readonly violation: ViolationKind; readonly detail: string };

export type DeviceListener = (event: DeviceEvent) => void;
