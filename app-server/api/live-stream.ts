/** What a live stream carries: a kind, and JSON that is made once for every reader. */
export interface LiveItem {
  readonly kind: string;
  readonly json: string;
}

export interface Numbered<Item extends LiveItem = LiveItem> {
  /** By which a stream goes on after this item: which run of this process saw it, and its number there. */
  readonly id: string;
  readonly item: Item;
}

export type LiveStreamEnd = "too_slow" | "server_stopping" | "access_ended";

/**
 * One reader's connection, of whatever kind. What waits for it is bounded: a reader that does not keep up is told and cut
 * off, since items it missed would be a gap that it cannot see.
 */
export interface LiveStream {
  send(numbered: Numbered): void;
  /** Says that items before what comes now are missing. */
  gap(message: string): void;
  /**
   * Comes from time to time, so that the connection is kept open and a reader that is gone is found out; says where the
   * stream is, if there is a way to go on from there.
   */
  beat(position?: string): void;
  /** Says why, so that a reader can tell it from a lost connection, and ends. */
  end(code: LiveStreamEnd, message: string): void;
  /** Told once, when the connection is over for whatever reason. */
  onClose(listener: () => void): void;
}

export const tooSlowMessage = "Events came faster than this client took them; connect again.";
