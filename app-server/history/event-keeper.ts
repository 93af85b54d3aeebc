import type { Clock } from "../../platform/clock.ts";
import type { Metrics } from "../../platform/metrics.ts";
import type { ApplicationEvent } from "../ports.ts";
import { eventRow } from "./event-row.ts";
import type { EventWriter } from "./event-writer.ts";
import type { KnownLimits } from "./limits.ts";

const dayMs = 86_400_000;
/** The clock of a machine that was set wrong must not make partitions for centuries to come. */
const longestAheadMs = 7 * dayMs;

export interface EventKeeperOptions {
  readonly writer: EventWriter;
  readonly limits: KnownLimits;
  readonly clock: Clock;
  readonly metrics: Metrics;
}

/** Takes events into the history: each once, however often it comes. Those that nobody would keep are counted and left out. */
export function createEventKeeper({ writer, limits, clock, metrics }: EventKeeperOptions) {
  return {
    async keep(events: readonly ApplicationEvent[]): Promise<void> {
      await limits.refresh();
      const [oldestMs, newestMs] = [clock.nowMs() - limits.longest.eventDays * dayMs, clock.nowMs() + longestAheadMs];
      const read = events.map(eventRow).filter(row => row !== undefined);
      const rows = read.filter(({ atMs }) => atMs >= oldestMs && atMs <= newestMs);
      metrics.historyRows.inc({ what: "events" }, await writer.write(rows));
      const leftOut = { malformed: events.length - read.length, time: read.length - rows.length };
      for (const [reason, count] of Object.entries(leftOut)) {
        if (count > 0) metrics.historyLeftOut.inc({ what: "events", reason }, count);
      }
    },
  };
}
