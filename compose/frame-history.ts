import type { HistoryConfig } from "../app-server/config.ts";
import { startFrameHistory } from "../app-server/history/frame-history.ts";
import type { FrameKeeper } from "../app-server/history/frame-keeper.ts";
import type { HistoryIntake } from "../app-server/history/intake.ts";
import type { FrameStream } from "../platform/frames/frame-feed.ts";
import type { Metrics } from "../platform/metrics.ts";
import type { Surroundings } from "./surroundings.ts";

/**
 * Keeps the frames of the network server in this process. They go into the database from here, since they are too many to
 * travel to an application server first.
 */
export function openFrameHistory(
  config: HistoryConfig,
  intake: HistoryIntake,
  stream: FrameStream | undefined,
  surroundings: Pick<Surroundings, "log" | "clock"> & { readonly metrics: Metrics },
): FrameKeeper | undefined {
  if (!config.enabled || stream === undefined) return undefined;
  return startFrameHistory({ intake, stream, ...surroundings });
}
