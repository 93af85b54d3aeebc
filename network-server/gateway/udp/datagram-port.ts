import type { SourceAddress } from "../source-rule.ts";

/** A bound UDP socket, as little of it as the transport needs. */
export interface DatagramPort {
  /** Hands the datagram over; whether it arrives is never known. The bytes must not change afterwards. */
  send(bytes: Uint8Array, to: SourceAddress): void;
  /**
   * The same, together with what else is said so in this turn of the event loop: its system calls are cheaper one after the other
   * than each between two frames.
   */
  sendSoon(bytes: Uint8Array, to: SourceAddress): void;
  /** One listener; the bytes are its own. */
  onMessage(listener: (bytes: Uint8Array, from: SourceAddress) => void): void;
  /** Resolves when the port is free again. */
  close(): Promise<void>;
}
