/**
 * Partitions of the event log, shared out between the processes that deliver events: each partition is held by one process at
 * a time, all are held as long as one process lives, and each process has about as many as any other.
 */
export interface Leases {
  /** Begins to hold partitions; called once. */
  start(holder: LeaseHolder): Promise<void>;
  /** False from the moment on when another process may have the partition, even if this process was asleep meanwhile. */
  isHeld(partition: number): boolean;
  /** Lets go of every partition, for others to take at once. */
  close(): Promise<void>;
}

export interface LeaseHolder {
  acquired(partition: number): void;
  /** The partition goes to another process once the promise resolves. Never rejects. */
  released(partition: number): Promise<void>;
  /** The partition is gone: another process may have it already. */
  lost(partition: number): void;
}
