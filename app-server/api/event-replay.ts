import { randomBytes } from "node:crypto";
import type { Clock } from "../../platform/clock.ts";
import type { ApplicationEvent, EventFeed } from "../ports.ts";

export interface NumberedEvent {
  /** By which a stream goes on after this event: which run of this process saw it, and its number there. */
  readonly id: string;
  readonly event: ApplicationEvent;
}

export interface EventReplay {
  /** Tells of events from now on, until the function that it gives is called. */
  subscribe(listener: (numbered: NumberedEvent) => void): () => void;
  /** What came after the event with this id; undefined when some of it is not known any more, or never was here. */
  after(id: string): readonly NumberedEvent[] | undefined;
  close(): void;
}

export interface EventReplayOptions {
  readonly feed: EventFeed;
  readonly clock: Clock;
  /** What is kept of the latest events, in characters of their JSON and a little more for each. */
  readonly maxLength: number;
  /** How long events are kept up with once nobody listens: a client that was cut off comes back. */
  readonly lingerMs: number;
}

/** What an event takes in a stream beside its JSON. */
const overhead = 100;

/** The latest events, so that a stream that was cut off goes on where it was. */
export function createEventReplay({ feed, clock, maxLength, lingerMs }: EventReplayOptions): EventReplay {
  const listeners = new Set<{ readonly tell: (numbered: NumberedEvent) => void }>();
  const kept = new Map<number, NumberedEvent>();
  let run = "";
  let last = 0;
  let length = 0;
  let unsubscribe: (() => void) | undefined;
  let cancelStop = (): void => {};

  const lengthOf = ({ event }: NumberedEvent): number => event.json.length + overhead;
  const take = (event: ApplicationEvent): void => {
    last += 1;
    const numbered = { id: `${run}-${last}`, event };
    kept.set(last, numbered);
    length += lengthOf(numbered);
    for (const [number, oldest] of kept) {
      if (length <= maxLength) break;
      kept.delete(number);
      length -= lengthOf(oldest);
    }
    for (const { tell } of [...listeners]) tell(numbered);
  };
  /** What happens until the next start is not seen here, so that no id of this run holds any more. */
  const stop = (): void => {
    cancelStop();
    unsubscribe?.();
    unsubscribe = undefined;
    kept.clear();
    length = 0;
    run = "";
  };
  const start = (): void => {
    cancelStop();
    if (unsubscribe !== undefined) return;
    run = randomBytes(4).toString("hex");
    last = 0;
    unsubscribe = feed.subscribe(take);
  };

  return {
    subscribe(tell) {
      const entry = { tell };
      listeners.add(entry);
      start();
      return () => {
        listeners.delete(entry);
        if (listeners.size > 0) return;
        cancelStop();
        cancelStop = clock.after(lingerMs, stop);
      };
    },
    after(id) {
      const [, ofRun, digits = ""] = /^([0-9a-f]{8})-(\d{1,15})$/.exec(id) ?? [];
      const number = Number(digits);
      const isWhole = ofRun === run && run !== "" && number <= last && last - number <= kept.size;
      return isWhole ? [...kept].flatMap(([of, numbered]) => (of > number ? [numbered] : [])) : undefined;
    },
    close: stop,
  };
}
