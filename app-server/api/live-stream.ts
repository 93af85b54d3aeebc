/** What a live stream carries: a kind, and JSON that is made once for every reader. */
export interface LiveItem {
  readonly kind: string;
  readonly json: string;
}

export interface Numbered<Item extends LiveItem = LiveItem> {
  /** By which a stream goes on after this item: what its number is of, and the number. */
  readonly id: string;
  readonly item: Item;
}

export type LiveStreamEnd = "too_slow" | "server_stopping" | "access_ended" | "history_away";

/** Why something is missing before what comes now. */
export type LiveStreamGap =
  | "events_expired"
  | "events_unknown"
  | "frames_incomplete"
  | "frames_not_repeated"
  | "frames_unknown"
  | "too_many_frames";

/**
 * One reader's connection, of whatever kind. What waits for it is bounded: a reader that does not keep up is told and cut
 * off, since items it missed would be a gap that it cannot see.
 */
export interface LiveStream {
  send(numbered: Numbered): void;
  /** Says that items before what comes now are missing. */
  gap(code: LiveStreamGap, message: string): void;
  /** Resolves when at least half of what may wait is free; with false when it is over. */
  room(): Promise<boolean>;
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
