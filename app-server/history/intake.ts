import type { Clock } from "../../platform/clock.ts";
import { frameOfText } from "../../platform/frames/frame-letter.ts";
import type { FrameRecord } from "../../platform/frames/frame-record.ts";
import type { Sql } from "../../platform/sql.ts";
import type { HistoryLimits } from "../history-ports.ts";
import type { JournalSpan } from "../journal-ports.ts";
import type { ApplicationEvent } from "../ports.ts";
import { type EventRow, eventRow, journalKey } from "./event-row.ts";
import { createEventWriter } from "./event-writer.ts";
import { createFrameWriter } from "./frame-writer.ts";
import { createKnownLimits } from "./limits.ts";
import { bothOf, createPartitions, eventTables, frameTables, sumTables } from "./partitions.ts";
import { countEvents, countFrames } from "./sums.ts";

/** Takes into the history what is given, each event and frame once, however often it comes. */
export interface HistoryIntake {
  /** Resolves when every event is kept that the history takes. Rejects with SqlError, and none is kept then. */
  events(given: readonly ApplicationEvent[]): Promise<TakenEvents>;
  /** Resolves when the frames are kept, each a text of `frameText`. Rejects with SqlError, and none is kept then. */
  frames(given: readonly string[]): Promise<void>;
}

/** What one transaction did. */
export interface TakenEvents extends JournalSpan {
  /** What the history has, by now or since before. */
  readonly settled: readonly SettledPlace[];
  /** Those that are no events of the contract. */
  readonly malformed: number;
  /** Those of a time that nobody keeps. */
  readonly outOfTime: number;
}

export interface SettledPlace {
  /** Among those that were given. */
  readonly place: number;
  /** See JournalEvent. */
  readonly key: string;
  /** In the journal, of one that was new. */
  readonly number?: number;
}

function readFrame(text: string): FrameRecord {
  const frame = frameOfText(text);
  if (frame === undefined) throw new Error("a frame for the history cannot be read");
  return frame;
}

const dayMs = 86_400_000;
/** The clock of a machine that was set wrong must not make partitions for centuries to come. */
const longestAheadMs = 7 * dayMs;

/** @param defaults of tenants that have no limits of their own. */
export function createHistoryIntake(sql: Sql, clock: Clock, defaults: HistoryLimits): HistoryIntake {
  const limits = createKnownLimits(sql, clock, defaults);
  const sums = createPartitions(sql, sumTables);
  const eventWriter = createEventWriter(sql, bothOf(createPartitions(sql, eventTables), sums), countEvents);
  const isKept = ({ subject }: { readonly subject?: { readonly tenantId: string } }): boolean =>
    limits.of(subject?.tenantId).frameDays > 0;
  const frameWriter = createFrameWriter(sql, bothOf(createPartitions(sql, frameTables), sums), countFrames, isKept);

  return {
    async events(given) {
      await limits.refresh();
      const oldestMs = clock.nowMs() - limits.longest.eventDays * dayMs;
      const newestMs = clock.nowMs() + longestAheadMs;
      const places = new Map<EventRow, number>();
      for (const [place, event] of given.entries()) {
        const row = eventRow(event);
        if (row !== undefined) places.set(row, place);
      }
      const rows = [...places.keys()].filter(({ atMs }) => atMs >= oldestMs && atMs <= newestMs);
      const { after, upTo, rows: kept } = await eventWriter.write(rows);
      const numbers = new Map(kept.map(({ row, number }) => [row, number]));
      const settled = rows.map((row): SettledPlace => {
        const number = numbers.get(row);
        return { place: places.get(row) ?? -1, key: journalKey(row), ...(number !== undefined && { number }) };
      });
      return { after, upTo, settled, malformed: given.length - places.size, outOfTime: places.size - rows.length };
    },
    async frames(given) {
      await limits.refresh();
      await frameWriter.write(given.map(readFrame));
    },
  };
}
