/** A backlog of the time before this process is all read ahead; what matters is the last of it. */
const maxReadAhead = 20_000;

/**
 * What is known of messages beyond the memory's own: reading, writing and taking out go over several connections, and the answer
 * of one may be older than that of another. Without it a message could be sent twice though nothing is broken.
 */
export class SeenMessages {
  /** Out of memory, and not yet out of the durable queue. */
  readonly #leaving = new Set<number>();
  /** Out of both since a read began, which may have seen them all the same. */
  readonly #left: number[] = [];
  /** Read before whoever wrote them had its answer. */
  readonly #readAhead = new Set<number>();
  #lastStored = 0;
  #isReading = false;

  readBegins(): void {
    this.#isReading = true;
  }

  readEnds(): void {
    this.#isReading = false;
    for (const seq of this.#left.splice(0)) this.#leaving.delete(seq);
  }

  /** Whether a message that was read is to be passed over. */
  isLeaving(seq: number): boolean {
    if (this.#readAhead.size >= maxReadAhead) this.#readAhead.clear();
    if (seq > this.#lastStored) this.#readAhead.add(seq);
    return this.#leaving.has(seq);
  }

  /** Whether a message that was written has been read already. */
  wasRead(seq: number): boolean {
    this.#lastStored = Math.max(this.#lastStored, seq);
    const was = this.#readAhead.delete(seq);
    for (const ahead of this.#readAhead) if (ahead < seq) this.#readAhead.delete(ahead);
    return was;
  }

  leaves(seq: number): void {
    this.#leaving.add(seq);
  }

  hasLeft(seq: number): void {
    if (this.#isReading) this.#left.push(seq);
    else this.#leaving.delete(seq);
  }
}
