import { eventLoopWatch } from "../../platform/busy-share.ts";
import type { Clock } from "../../platform/clock.ts";
import type { FrameStream } from "../../platform/frames/frame-feed.ts";
import type { Log } from "../../platform/log.ts";
import type { Metrics } from "../../platform/metrics.ts";
import type { Sql } from "../../platform/sql.ts";
import type { HistoryLimits } from "../history-ports.ts";
import { createFrameKeeper, type FrameKeeper } from "./frame-keeper.ts";
import { createFrameWriter } from "./frame-writer.ts";
import { createKnownLimits } from "./limits.ts";
import { bothOf, createPartitions, frameTables, sumTables } from "./partitions.ts";
import { countFrames } from "./sums.ts";

export interface FrameHistoryOptions {
  readonly config: HistoryLimits;
  readonly sql: Sql;
  readonly stream: FrameStream;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** Keeps the frames of a stream, those of tenants that want none left out. */
export function startFrameHistory(options: FrameHistoryOptions): FrameKeeper {
  const { config, sql, clock } = options;
  const limits = createKnownLimits(sql, clock, config);
  const isKept = ({ subject }: { readonly subject?: { readonly tenantId: string } }): boolean =>
    limits.of(subject?.tenantId).frameDays > 0;
  const partitions = bothOf(createPartitions(sql, frameTables), createPartitions(sql, sumTables));
  const writer = createFrameWriter(sql, partitions, countFrames, isKept);
  return createFrameKeeper({
    ...options,
    busyShare: eventLoopWatch(),
    writer: {
      async write(frames) {
        await limits.refresh();
        await writer.write(frames);
      },
    },
  });
}
