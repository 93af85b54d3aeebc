import type { Clock } from "../platform/clock.ts";
import type { JournalNews, KeptEvents, SettledEvent } from "./journal-ports.ts";
import type { ApplicationEvent, EventFeed, Feed } from "./ports.ts";

export interface JournalFeedOptions {
  /** Every event as soon as it is delivered. */
  readonly feed: EventFeed;
  /** By which the journal will know an event; undefined for one that it does not take. */
  readonly keyOf: (event: ApplicationEvent) => string | undefined;
  readonly clock: Clock;
  /** How long an event may wait for the history until it is told without; 2000. */
  readonly patienceMs?: number;
}

export interface JournalFeed {
  readonly feed: Feed<JournalNews>;
  /** To be told of each transaction of the history, in the order of its numbers, with everything that was in it. */
  kept(kept: KeptEvents, settled: readonly SettledEvent[]): void;
}

/** More than these are told early at once: what waits takes memory. */
const maxWaiting = 10_000;
/** The latest that the history has: an event may be decoded once more for whoever has fallen behind, as another object. */
const maxSettled = 20_000;

/**
 * What this process delivers, for live streams: with its number once the history has it, so that a stream can go on from
 * there, or early when the history is late.
 */
export function createJournalFeed({ feed, keyOf, clock, patienceMs = 2000 }: JournalFeedOptions): JournalFeed {
  const listeners = new Set<{ readonly tell: (news: JournalNews) => void }>();
  /** Until when each may wait; the oldest first. */
  const waiting = new Map<ApplicationEvent, number>();
  const settledKeys = new Set<string>();
  let stop: (() => void) | undefined;
  let cancel: (() => void) | undefined;

  const tell = (news: JournalNews): void => {
    for (const listener of [...listeners]) listener.tell(news);
  };
  const tellLate = (): void => {
    cancel = undefined;
    const nowUs = clock.monotonicUs();
    for (const [event, untilUs] of waiting) {
      if (untilUs > nowUs && waiting.size <= maxWaiting) {
        cancel = clock.after((untilUs - nowUs) / 1000, tellLate);
        return;
      }
      waiting.delete(event);
      const key = keyOf(event) ?? "";
      if (!settledKeys.has(key)) tell({ kind: "early", key, event });
    }
  };
  const take = (event: ApplicationEvent): void => {
    waiting.set(event, clock.monotonicUs() + patienceMs * 1000);
    if (waiting.size > maxWaiting) {
      cancel?.();
      tellLate();
    } else cancel ??= clock.after(patienceMs, tellLate);
  };

  return {
    feed: {
      subscribe(listener) {
        const entry = { tell: listener };
        listeners.add(entry);
        stop ??= feed.subscribe(take);
        return () => {
          listeners.delete(entry);
          if (listeners.size > 0) return;
          cancel?.();
          cancel = undefined;
          stop?.();
          stop = undefined;
          waiting.clear();
          settledKeys.clear();
        };
      },
    },
    kept(kept, settled) {
      if (listeners.size === 0) return;
      for (const { key, event } of settled) {
        waiting.delete(event);
        settledKeys.add(key);
      }
      for (const oldest of settledKeys) {
        if (settledKeys.size <= maxSettled) break;
        settledKeys.delete(oldest);
      }
      tell({ kind: "kept", ...kept });
    },
  };
}
