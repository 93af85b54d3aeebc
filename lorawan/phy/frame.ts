import type { DevAddr, DevEui, JoinEui, NetId } from "../ids.ts";

/** TS001-1.0.4 4.2.1, table 1: the seven MHDR types (RFU was Rejoin-request from 1.1 on). */
export type Frame = JoinRequest | JoinAccept | DataFrame | RejoinRequest02 | RejoinRequest1 | ProprietaryFrame;

export interface JoinRequest {
  readonly kind: "join-request";
  readonly joinEui: JoinEui;
  readonly devEui: DevEui;
  readonly devNonce: number;
  readonly mic: Uint8Array;
}

/** Still encrypted: 16 or 32 bytes after MHDR. `openJoinAccept` in security.ts gives the content. */
export interface JoinAccept {
  readonly kind: "join-accept";
  readonly encrypted: Uint8Array;
}

export interface JoinAcceptContent {
  readonly joinNonce: number;
  readonly netId: NetId;
  readonly devAddr: DevAddr;
  /** LoRaWAN 1.1 and later. */
  readonly optNeg: boolean;
  readonly rx1DrOffset: number;
  readonly rx2DataRate: number;
  /** Seconds, 1 to 15; the wire's 0 reads as 1. */
  readonly rxDelaySeconds: number;
  /** 16 bytes or none. */
  readonly cfList?: Uint8Array;
}

export interface DataFrame {
  readonly kind: "data";
  readonly direction: "up" | "down";
  readonly confirmed: boolean;
  readonly devAddr: DevAddr;
  readonly adr: boolean;
  /** Uplink only. */
  readonly adrAckReq: boolean;
  readonly ack: boolean;
  /** Downlink: FPending. */
  readonly fPending: boolean;
  /** Uplink: class B bit. */
  readonly classB: boolean;
  /** The 16 bits on the wire. */
  readonly fCnt16: number;
  /** As on the wire: encrypted in 1.1, clear in 1.0. At most 15 bytes. */
  readonly fOpts: Uint8Array;
  /** Absent when the frame ends after FHDR. */
  readonly fPort?: number;
  /** Encrypted; empty when absent. */
  readonly frmPayload: Uint8Array;
  readonly mic: Uint8Array;
}

/** Types 0 and 2 (TS001-1.1 6.2.4.1). */
export interface RejoinRequest02 {
  readonly kind: "rejoin-request";
  readonly rejoinType: 0 | 2;
  readonly netId: NetId;
  readonly devEui: DevEui;
  readonly rjCount0: number;
  readonly mic: Uint8Array;
}

/** Type 1 (TS001-1.1 6.2.4.2). */
export interface RejoinRequest1 {
  readonly kind: "rejoin-request";
  readonly rejoinType: 1;
  readonly joinEui: JoinEui;
  readonly devEui: DevEui;
  readonly rjCount1: number;
  readonly mic: Uint8Array;
}

export interface ProprietaryFrame {
  readonly kind: "proprietary";
  readonly payload: Uint8Array;
}
