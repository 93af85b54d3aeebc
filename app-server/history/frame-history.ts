import { eventLoopWatch } from "../../platform/busy-share.ts";
import type { Clock } from "../../platform/clock.ts";
import type { FrameStream } from "../../platform/frames/frame-feed.ts";
import type { Log } from "../../platform/log.ts";
import type { Metrics } from "../../platform/metrics.ts";
import { createFrameKeeper, type FrameKeeper } from "./frame-keeper.ts";
import type { HistoryIntake } from "./intake.ts";

export interface FrameHistoryOptions {
  readonly intake: HistoryIntake;
  readonly stream: FrameStream;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** Keeps the frames of a stream, those of tenants that want none left out. */
export const startFrameHistory = (options: FrameHistoryOptions): FrameKeeper =>
  createFrameKeeper({ ...options, busyShare: eventLoopWatch() });
