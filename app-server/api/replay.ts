import { randomBytes } from "node:crypto";
import type { Clock } from "../../platform/clock.ts";
import type { LiveItem, LiveStream, Numbered } from "./live-stream.ts";

export interface Replay<Item extends LiveItem> {
  /** Tells of items from now on, until the function that it gives is called. */
  subscribe(listener: (numbered: Numbered<Item>) => void): () => void;
  /** What came after the item with this id; undefined when some of it is not known any more, or never was here. */
  after(id: string): readonly Numbered<Item>[] | undefined;
  /** The id of the latest item, or of the start when there was none yet; only while somebody is subscribed. */
  position(): string;
  close(): void;
}

export interface ReplayOptions<Item extends LiveItem> {
  readonly feed: { subscribe(listener: (item: Item) => void): () => void };
  readonly clock: Clock;
  /** What is kept of the latest items, in characters of their JSON and a little more for each. */
  readonly maxLength: number;
  /** How long items are kept up with once nobody listens: a client that was cut off comes back. */
  readonly lingerMs: number;
}

/** What an item takes in a stream beside its JSON. */
const overhead = 100;

/** The latest items of a feed, so that a stream that was cut off goes on where it was. */
export function createReplay<Item extends LiveItem>(options: ReplayOptions<Item>): Replay<Item> {
  const { feed, clock, maxLength, lingerMs } = options;
  const listeners = new Set<{ readonly tell: (numbered: Numbered<Item>) => void }>();
  const kept = new Map<number, Numbered<Item>>();
  let run = "";
  let last = 0;
  let length = 0;
  let unsubscribe: (() => void) | undefined;
  let cancelStop = (): void => {};

  const position = (): string => `${run}-${last}`;
  const lengthOf = ({ item }: Numbered): number => item.json.length + overhead;
  const take = (item: Item): void => {
    last += 1;
    const numbered = { id: position(), item };
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
    position,
    close: stop,
  };
}

/**
 * Sends to the stream what is wanted of what came after the item with the id `lastId`, or says that some of it is not known
 * any more; then what comes, until the function that it gives is called.
 */
export function followReplay<Item extends LiveItem>(
  replay: Replay<Item>,
  stream: LiveStream,
  lastId: string | undefined,
  isWanted: (item: Item) => boolean,
): () => void {
  const send = (numbered: Numbered<Item>): void => {
    if (isWanted(numbered.item)) stream.send(numbered);
  };
  if (lastId !== undefined && lastId !== "") {
    const missed = replay.after(lastId);
    if (missed === undefined)
      stream.gap("events_unknown", "Events since then are not known here any more; some are missing.");
    for (const numbered of missed ?? []) send(numbered);
  }
  return replay.subscribe(send);
}
