/** How often something has happened lately, over all processes that share the counters. */
export interface Counters {
  /**
   * Counts one more of a key, in a window that starts with the first and is over `windowMs` later. Keys of one name push none of
   * another out of memory. Never rejects: where the others cannot be asked, what this process has counted is what there is.
   */
  count(name: string, key: string, windowMs: number): Promise<Counted>;
  /** What was counted of the key counts no more. Never rejects. */
  forget(name: string, key: string): Promise<void>;
  close(): Promise<void>;
}

export interface Counted {
  /** With this one. */
  readonly count: number;
  /** Until the window is over. */
  readonly endsInMs: number;
}
