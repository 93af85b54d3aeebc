import { createRest } from "../../platform/busy-share.ts";
import type { Clock } from "../../platform/clock.ts";
import { SqlError } from "../../platform/errors.ts";
import type { FrameBatch, FrameStream } from "../../platform/frames/frame-feed.ts";
import { frameText } from "../../platform/frames/frame-letter.ts";
import type { Log } from "../../platform/log.ts";
import type { Metrics } from "../../platform/metrics.ts";
import type { HistoryIntake } from "./intake.ts";

export interface FrameKeeperOptions {
  /** Of the network server in this process. */
  readonly stream: FrameStream;
  readonly intake: Pick<HistoryIntake, "frames">;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Frames that wait while the database is slow or away, or the process too busy; 5,000. */
  readonly maxWaiting?: number;
  /** Which share of its time the process was at work since this was last asked, 0 to 1. */
  readonly busyShare?: () => number;
}

export interface FrameKeeper {
  /** Writes what waits, unless the database does not take it now. */
  close(): Promise<void>;
}

/** Few enough that what is computed for them at once does not hold up a downlink. */
const maxBatch = 100;
/** Between two batches the event loop is everybody else's for as long as the one took, or this long where there is time. */
const longestUsualRestMs = 50;
const firstRetryMs = 500;
const longestRetryMs = 10_000;

/** Writes the frames of this process into the history, a batch after the other. Nobody waits for it: too many are left out. */
export function createFrameKeeper(options: FrameKeeperOptions): FrameKeeper {
  const { stream, intake, clock, log, metrics, maxWaiting = 5_000, busyShare = () => 0 } = options;
  /** Texts, of which thousands cost the garbage collector little. */
  const waiting: string[] = [];
  let running: Promise<void> | undefined;
  let isClosed = false;
  let endPause = (): void => {};

  const pause = (delayMs: number): Promise<void> =>
    new Promise(resolve => {
      const cancel = clock.after(delayMs, resolve);
      endPause = () => {
        cancel();
        resolve();
      };
    });
  const rest = createRest(busyShare, pause);
  const leaveOut = (count: number, reason: string): void => {
    if (count > 0) metrics.historyLeftOut.inc({ what: "frames", reason }, count);
  };
  const room = (): number => Math.max(0, maxWaiting - waiting.length);
  const take = ({ frames, leftOut }: FrameBatch): void => {
    const taken = frames.slice(0, room());
    waiting.push(...taken.map(frameText));
    leaveOut(frames.length - taken.length + leftOut, "backlog");
    if (waiting.length === 0) return;
    running ??= run();
  };
  const run = async (): Promise<void> => {
    let retryMs = firstRetryMs;
    while (waiting.length > 0) {
      const batch = waiting.slice(0, maxBatch);
      const startedUs = clock.monotonicUs();
      try {
        await intake.frames(batch);
        metrics.historyRows.inc({ what: "frames" }, batch.length);
        waiting.splice(0, batch.length);
        retryMs = firstRetryMs;
        const tookMs = (clock.monotonicUs() - startedUs) / 1000;
        if (waiting.length > 0 && !isClosed) await rest(Math.min(tookMs, longestUsualRestMs));
      } catch (error) {
        const isRefused = !(error instanceof SqlError) || !error.retryable;
        if (isRefused || isClosed) {
          leaveOut(batch.length, isRefused ? "refused" : "stop");
          waiting.splice(0, batch.length);
          log.error({ err: error }, "frames are missing in the history");
          continue;
        }
        log.warn({ err: error, retryMs }, "frames wait for the history");
        await pause(retryMs);
        retryMs = Math.min(2 * retryMs, longestRetryMs);
      }
    }
    running = undefined;
  };
  const unsubscribe = stream.subscribe({ kind: "all" }, take, room);

  return {
    async close() {
      unsubscribe();
      isClosed = true;
      endPause();
      await running;
    },
  };
}
