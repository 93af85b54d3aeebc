import type { Clock } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import type { EventJournal, JournalEvent, JournalNews } from "../journal-ports.ts";
import type { ApplicationEvent, Feed } from "../ports.ts";

/** What streams are told of: events in the order of their numbers, and those that have none yet. */
export type JournalTold =
  | { readonly kind: "kept"; readonly entry: JournalEvent }
  | { readonly kind: "early"; readonly key: string; readonly event: ApplicationEvent };

export interface JournalReplay {
  /** Resolves when it is known where the journal is. Rejects with SqlError. */
  start(): Promise<void>;
  /** Tells of what comes, each number once and in order. */
  subscribe(listener: (told: JournalTold) => void): () => void;
  /** What came after this number, of the latest events; undefined when some of it is not in memory. */
  after(number: number): readonly JournalEvent[] | undefined;
  /** Of the journal's numbers. */
  readonly id: string;
  /** Everything up to this number was told of. */
  readonly position: number;
  close(): void;
}

export interface JournalReplayOptions {
  readonly news: Feed<JournalNews>;
  readonly journal: EventJournal;
  readonly clock: Clock;
  readonly log: Log;
  /** What is kept of the latest events, in characters of their JSON and a little more for each. */
  readonly maxLength: number;
  /** How long the journal is kept up with once nobody listens: a client that was cut off comes back. */
  readonly lingerMs: number;
}

/** What an event takes in a stream beside its JSON. */
const overhead = 100;
const pageSize = 500;
/** What another process has kept may be told of later than what came after it. */
const missingAfterMs = 100;
/** Word of the last of it may be lost as well. */
const lookEveryMs = 5_000;
/** Beyond so many, what waits for something before it is read from the database again. */
const maxPending = 100;

const lengthOf = ({ event }: JournalEvent): number => event.json.length + overhead;

/** The journal as it grows, in every process, with its latest events in memory. What nobody told of is read from the database. */
export function createJournalReplay(options: JournalReplayOptions): JournalReplay {
  const { news, journal, clock, log, maxLength, lingerMs } = options;
  const listeners = new Set<{ readonly tell: (told: JournalTold) => void }>();
  /** By the number that each follows. */
  const pending = new Map<number, Extract<JournalNews, { kind: "kept" }>>();
  const kept = new Map<number, JournalEvent>();
  const keptKeys = new Set<string>();
  let length = 0;
  /** Everything after this number, up to the position, is in memory. */
  let keptAfter = 0;
  let id = "";
  let position = 0;
  let isReady = false;
  /** Of the time of listening that is now; undefined: nobody listens. */
  let ready: Promise<void> | undefined;
  /** What tells one time of listening from another. */
  let run = 0;
  let isReading = false;
  let unsubscribe = (): void => {};
  let cancelStop = (): void => {};
  let cancelLook = (): void => {};
  let cancelMissing: (() => void) | undefined;

  const tell = (told: JournalTold): void => {
    for (const listener of [...listeners]) listener.tell(told);
  };
  const accept = (entry: JournalEvent): void => {
    if (entry.number <= position) return;
    position = entry.number;
    kept.set(entry.number, entry);
    keptKeys.add(entry.key);
    length += lengthOf(entry);
    for (const [number, oldest] of kept) {
      if (length <= maxLength) break;
      kept.delete(number);
      keptKeys.delete(oldest.key);
      keptAfter = number;
      length -= lengthOf(oldest);
    }
    tell({ kind: "kept", entry });
  };
  /** What follows the position at once, as long as there is something that does. */
  const acceptPending = (): void => {
    for (const [after, { upTo }] of pending) if (upTo <= position) pending.delete(after);
    for (let next = pending.get(position); next !== undefined; next = pending.get(position)) {
      pending.delete(position);
      for (const entry of next.events) accept(entry);
      position = Math.max(position, next.upTo);
    }
    if (pending.size === 0) {
      cancelMissing?.();
      cancelMissing = undefined;
    } else cancelMissing ??= clock.after(missingAfterMs, () => void readMissing());
  };
  const take = (told: JournalNews): void => {
    if (told.kind === "early") {
      // Another server, which was killed, may have kept it.
      if (isReady && !keptKeys.has(told.key)) tell(told);
      return;
    }
    if (pending.size >= maxPending) pending.clear();
    pending.set(told.after, told);
    if (isReady) acceptPending();
  };
  /** Reads up to what is there by now. */
  const readMissing = async (): Promise<void> => {
    const ofRun = run;
    cancelMissing?.();
    cancelMissing = undefined;
    if (isReading || !isReady) return;
    isReading = true;
    try {
      const { last } = await journal.state();
      while (run === ofRun && position < last) {
        const page = await journal.read({ after: position, upTo: last }, { tenants: "all" }, pageSize);
        if (run !== ofRun) return;
        for (const entry of page) accept(entry);
        if (page.length < pageSize) position = Math.max(position, last);
        acceptPending();
      }
    } catch (error) {
      log.warn({ err: error }, "events of the history cannot be read for live streams; trying again");
    } finally {
      isReading = false;
      if (isReady) acceptPending();
    }
  };
  const look = (): void => {
    cancelLook = clock.after(lookEveryMs, () => {
      look();
      void readMissing();
    });
  };

  const stop = (): void => {
    ready = undefined;
    run += 1;
    isReady = false;
    for (const cancel of [unsubscribe, cancelStop, cancelLook, cancelMissing]) cancel?.();
    cancelMissing = undefined;
    pending.clear();
    kept.clear();
    keptKeys.clear();
    length = 0;
  };
  const lingerOn = (): void => {
    cancelStop();
    if (listeners.size === 0) cancelStop = clock.after(lingerMs, stop);
  };
  const begin = async (): Promise<void> => {
    const ofRun = run;
    try {
      const state = await journal.state();
      if (run !== ofRun) return;
      ({ id, last: position } = state);
      keptAfter = position;
      isReady = true;
      acceptPending();
      look();
    } catch (error) {
      if (run === ofRun) stop();
      throw error;
    }
  };

  return {
    async start() {
      if (ready === undefined) {
        unsubscribe = news.subscribe(take);
        ready = begin();
      }
      const isThere = ready;
      lingerOn();
      await isThere;
    },
    subscribe(listener) {
      const entry = { tell: listener };
      listeners.add(entry);
      lingerOn();
      return () => {
        listeners.delete(entry);
        lingerOn();
      };
    },
    after: number =>
      isReady && number >= keptAfter ? [...kept.values()].filter(entry => entry.number > number) : undefined,
    get id() {
      return id;
    },
    get position() {
      return position;
    },
    close: stop,
  };
}
