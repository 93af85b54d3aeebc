import type { Metrics } from "../../platform/metrics.ts";
import type { JournalEvent, KeptEvents, SettledEvent } from "../journal-ports.ts";
import type { ApplicationEvent } from "../ports.ts";
import type { HistoryIntake } from "./intake.ts";

export interface EventKeeperOptions {
  readonly intake: Pick<HistoryIntake, "events">;
  readonly metrics: Metrics;
  /** Told of each transaction when it is done, with everything that was in it, new or not. */
  readonly onKept?: ((kept: KeptEvents, settled: readonly SettledEvent[]) => void) | undefined;
}

/** Takes events into the history: each once, however often it comes. Those that nobody would keep are counted and left out. */
export function createEventKeeper({ intake, metrics, onKept }: EventKeeperOptions) {
  return {
    async keep(given: readonly ApplicationEvent[]): Promise<void> {
      const { after, upTo, settled, malformed, outOfTime } = await intake.events(given);
      const kept: JournalEvent[] = [];
      const all: SettledEvent[] = [];
      for (const { place, key, number } of settled) {
        const event = given[place];
        if (event === undefined) continue;
        all.push({ key, event });
        if (number !== undefined) kept.push({ number, key, event });
      }
      metrics.historyRows.inc({ what: "events" }, kept.length);
      if (all.length > 0) onKept?.({ after, upTo, events: kept }, all);
      for (const [reason, count] of Object.entries({ malformed, time: outOfTime })) {
        if (count > 0) metrics.historyLeftOut.inc({ what: "events", reason }, count);
      }
    },
  };
}
