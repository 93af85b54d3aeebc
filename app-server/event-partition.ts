import type { Log } from "../platform/log.ts";
import type { AppendedEvents, EventPosition, LoggedEvent, StateStore } from "../platform/state/store.ts";
import { type DecodeEvent, EventEntry } from "./event-entry.ts";
import { type Delivery, EventLane } from "./event-lane.ts";
import type { LoopShare } from "./loop-share.ts";
import type { Pauses } from "./pauses.ts";

export type EventStore = Pick<StateStore, "readEvents" | "onEvents" | "cursor" | "setCursor" | "trimEvents">;

/** Where the events of a partition go. */
export interface Outlet {
  /** Under this name the position is saved. Without one there is none: it begins where the foremost of the others is. */
  readonly consumerName?: string;
  submit(delivery: Delivery): void;
  /** Events of a partition that it may have at once. */
  readonly window?: number;
  /** For one that gathers what it has: resolves when it is written down. No position is saved before that. */
  flush?(): Promise<void>;
}

export interface PartitionOptions {
  readonly store: EventStore;
  readonly outlets: readonly Outlet[];
  /** False when another process may deliver the events of this partition. */
  readonly isHeld: (partition: number) => boolean;
  readonly decode: DecodeEvent;
  readonly share: LoopShare;
  readonly pauses: Pauses;
  readonly log: Log;
}

const readFaultPauseMs = 1000;
const drainPauseMs = 10;
/** A lane that is further behind than this has fallen behind. What waits for it lives long enough to be old to the garbage collector. */
const maxRecent = 16;

/**
 * One partition of the event log on its way to every outlet: a lane for each, with a position of its own. Outlets that
 * keep pace share one reading and one decoding; one that has fallen behind reads for itself.
 */
export class EventPartition {
  readonly #options: PartitionOptions;
  readonly #partition: number;
  readonly #lanes: readonly EventLane[];
  readonly #recent = new RecentEntries();
  readonly #saved = new Map<EventLane, EventPosition>();
  #trimmed: EventPosition = "";
  /** Where the log ended when it was last read to its end, if nothing has been heard since. */
  #end: EventPosition | undefined;
  #wakes = 0;
  #reading = false;
  #closed = false;

  /** Finds out where every outlet got to; reads nothing yet. */
  static async open(partition: number, options: PartitionOptions): Promise<EventPartition> {
    const starts = await Promise.all(
      options.outlets.map(({ consumerName }) =>
        consumerName === undefined ? undefined : options.store.cursor(consumerName, partition),
      ),
    );
    return new EventPartition(partition, starts, options);
  }

  private constructor(partition: number, starts: readonly (EventPosition | undefined)[], options: PartitionOptions) {
    this.#partition = partition;
    this.#options = options;
    const foremost = starts.toSorted().findLast(start => start !== undefined) ?? "";
    this.#lanes = options.outlets.map(({ consumerName, window, submit, flush }, index) => {
      const start = starts[index] ?? foremost;
      const isHeld = () => options.isHeld(partition);
      const most = () => this.#lanes.reduce((so, { accepted }) => Math.max(so, accepted), 0);
      return new EventLane({
        consumerName,
        window,
        start,
        isHeld,
        submit,
        flush,
        foremost: most,
        onRoom: () => this.#read(),
      });
    });
    for (const lane of this.#lanes) this.#saved.set(lane, lane.safeUpTo);
  }

  /** There may be something to read, or there is this. */
  wake(appended?: AppendedEvents): void {
    this.#wakes += 1;
    this.#end = undefined;
    if (appended && this.#recent.add(appended.after, this.#entriesOf(appended.events))) {
      this.#end = appended.events.at(-1)?.position;
    }
    for (const lane of this.#lanes) lane.behind = true;
    this.#read();
  }

  /** Nothing more is begun. */
  close(): void {
    this.#closed = true;
    for (const lane of this.#lanes) lane.close();
  }

  /** Nothing more is begun; resolves when what was begun has ended, with every outlet's position saved. */
  async release(): Promise<void> {
    this.close();
    const { pauses } = this.#options;
    while (this.#lanes.some(({ inFlight }) => inFlight > 0) && !pauses.ended) await pauses.pause(drainPauseMs);
    try {
      await this.flush();
    } finally {
      await this.save();
    }
  }

  /** Whether this outlet has every event that was in the log when it was last read. */
  isCaughtUp(outletName: string): boolean {
    return this.#lanes.some(({ consumerName, isCaughtUp }) => consumerName === outletName && isCaughtUp);
  }

  /** Has written down what outlets gather. */
  async flush(): Promise<void> {
    await Promise.all(this.#lanes.map(lane => lane.flush()));
  }

  /** Saves how far each outlet got, and drops what all of them have: a crash before repeats events, and misses none. */
  async save(): Promise<void> {
    const { store } = this.#options;
    const [slowest = ""] = this.#lanes.map(lane => lane.safeUpTo).sort();
    const writes = this.#lanes.map(async lane => {
      const { consumerName, safeUpTo } = lane;
      // The trimmed log itself says it for the slowest: what is left begins after its position.
      if (consumerName === undefined || safeUpTo === slowest || safeUpTo === this.#saved.get(lane)) return;
      await store.setCursor(consumerName, this.#partition, safeUpTo);
      this.#saved.set(lane, safeUpTo);
    });
    if (slowest > this.#trimmed) writes.push(this.#trim(slowest));
    await Promise.all(writes);
  }

  async #trim(position: EventPosition): Promise<void> {
    await this.#options.store.trimEvents(this.#partition, position);
    this.#trimmed = position;
  }

  #read(): void {
    if (this.#reading || this.#closed) return;
    this.#reading = true;
    void this.#readForAll();
  }

  async #readForAll(): Promise<void> {
    const { share, pauses, log } = this.#options;
    for (let lane = this.#hungry(); lane !== undefined; lane = this.#hungry()) {
      if (share.spent) await new Promise<void>(resolve => share.later(resolve));
      const { readUpTo, room } = lane;
      try {
        const known = this.#recent.after(readUpTo, room);
        this.#give(readUpTo, known.length > 0 ? known : await this.#next(readUpTo, room));
      } catch (error) {
        log.warn({ err: error, partition: this.#partition }, "reading the event log failed; trying again");
        await pauses.pause(readFaultPauseMs);
      }
    }
    this.#reading = false;
  }

  /** To every lane that has come to the position before them and has room. */
  #give(position: EventPosition, entries: readonly EventEntry[]): void {
    for (const lane of this.#lanes) {
      const { room } = lane;
      if (lane.readUpTo !== position || room === 0) continue;
      for (const entry of entries.length <= room ? entries : entries.slice(0, room)) lane.accept(entry);
      lane.behind = lane.readUpTo !== this.#end;
    }
    this.#recent.forgetReadBy(this.#lanes);
  }

  #hungry(): EventLane | undefined {
    return this.#closed ? undefined : this.#lanes.find(lane => lane.behind && lane.room > 0);
  }

  async #next(readUpTo: EventPosition, room: number): Promise<readonly EventEntry[]> {
    const wakes = this.#wakes;
    const entries = this.#entriesOf(await this.#options.store.readEvents(this.#partition, readUpTo, room));
    // What was committed while the answer was on its way may be missing in it.
    if (entries.length < room && wakes === this.#wakes) this.#end = entries.at(-1)?.position ?? readUpTo;
    this.#recent.add(readUpTo, entries);
    return entries;
  }

  #entriesOf(records: readonly LoggedEvent[]): readonly EventEntry[] {
    return records.map(record => new EventEntry(record, this.#options.decode));
  }
}

/** Entries in the order of the log that some lane, which keeps pace with the others, has yet to read. */
class RecentEntries {
  readonly #entries: EventEntry[] = [];
  /** The position that the first of them follows. */
  #start: EventPosition = "";

  after(position: EventPosition, limit: number): readonly EventEntry[] {
    if (position === this.#start) return this.#entries.slice(0, limit);
    const index = this.#entries.findIndex(entry => entry.position === position);
    return index < 0 ? [] : this.#entries.slice(index + 1, index + 1 + limit);
  }

  /** False for what does not follow: what a lane that has fallen behind reads is of use to itself alone. */
  add(start: EventPosition, entries: readonly EventEntry[]): boolean {
    const last = this.#entries.at(-1);
    if (last === undefined) this.#start = start;
    else if (last.position !== start) return false;
    this.#entries.push(...entries);
    if (this.#entries.length > maxRecent) this.#forget(this.#entries.length - maxRecent);
    return true;
  }

  forgetReadBy(lanes: readonly EventLane[]): void {
    const last = this.#entries.at(-1)?.position;
    const isNeeded = ({ position }: EventEntry) =>
      lanes.some(({ readUpTo }) => readUpTo >= this.#start && readUpTo < position);
    const needed = lanes.every(({ readUpTo }) => readUpTo === last) ? -1 : this.#entries.findIndex(isNeeded);
    this.#forget(needed < 0 ? this.#entries.length : needed);
  }

  #forget(count: number): void {
    this.#start = this.#entries[count - 1]?.position ?? this.#start;
    this.#entries.splice(0, count);
  }
}
