import type { Clock } from "../../platform/clock.ts";
import type { Metrics } from "../../platform/metrics.ts";
import type { KeptEvents, SettledEvent } from "../journal-ports.ts";
import type { ApplicationEvent } from "../ports.ts";
import { type EventRow, eventRow, journalKey } from "./event-row.ts";
import type { EventWriter, WrittenRows } from "./event-writer.ts";
import type { KnownLimits } from "./limits.ts";

const dayMs = 86_400_000;
/** The clock of a machine that was set wrong must not make partitions for centuries to come. */
const longestAheadMs = 7 * dayMs;

export interface EventKeeperOptions {
  readonly writer: EventWriter;
  readonly limits: KnownLimits;
  readonly clock: Clock;
  readonly metrics: Metrics;
  /** Told of each transaction when it is done, with everything that was in it, new or not. */
  readonly onKept?: ((kept: KeptEvents, settled: readonly SettledEvent[]) => void) | undefined;
}

/** Takes events into the history: each once, however often it comes. Those that nobody would keep are counted and left out. */
export function createEventKeeper({ writer, limits, clock, metrics, onKept }: EventKeeperOptions) {
  return {
    async keep(events: readonly ApplicationEvent[]): Promise<void> {
      await limits.refresh();
      const [oldestMs, newestMs] = [clock.nowMs() - limits.longest.eventDays * dayMs, clock.nowMs() + longestAheadMs];
      const given = new Map<EventRow, ApplicationEvent>();
      for (const event of events) {
        const row = eventRow(event);
        if (row !== undefined) given.set(row, event);
      }
      const read = [...given.keys()];
      const rows = read.filter(({ atMs }) => atMs >= oldestMs && atMs <= newestMs);
      const written = await writer.write(rows);
      metrics.historyRows.inc({ what: "events" }, written.rows.length);
      if (rows.length > 0) onKept?.(keptOf(written, given), settledOf(rows, given));
      const leftOut = { malformed: events.length - read.length, time: read.length - rows.length };
      for (const [reason, count] of Object.entries(leftOut)) {
        if (count > 0) metrics.historyLeftOut.inc({ what: "events", reason }, count);
      }
    },
  };
}

const keptOf = ({ after, upTo, rows }: WrittenRows, given: ReadonlyMap<EventRow, ApplicationEvent>): KeptEvents => ({
  after,
  upTo,
  events: rows.flatMap(({ row, number }) => {
    const event = given.get(row);
    return event === undefined ? [] : [{ number, key: journalKey(row), event }];
  }),
});

const settledOf = (
  rows: readonly EventRow[],
  given: ReadonlyMap<EventRow, ApplicationEvent>,
): readonly SettledEvent[] =>
  rows.flatMap(row => {
    const event = given.get(row);
    return event === undefined ? [] : [{ key: journalKey(row), event }];
  });
