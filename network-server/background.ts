import type { Clock } from "../platform/clock.ts";
import type { Log } from "../platform/log.ts";
import type { Metrics } from "../platform/metrics.ts";
import { createUnderWay } from "../platform/under-way.ts";

export interface Background {
  readonly run: (work: () => Promise<void>) => void;
  /** False: so much is under way that more would only wait, and take memory. */
  hasRoom(): boolean;
  /** Resolves once nothing is under way. */
  idle(): Promise<void>;
}

export interface BackgroundOptions {
  readonly clock: Pick<Clock, "monotonicUs">;
  readonly log: Log;
  readonly metrics: Pick<Metrics, "storeFaults">;
  /** Pieces of work under way from which on there is no room for new ones. */
  readonly room?: number;
}

/** Two seconds of 10,000 frames: as long as a disk may stand still, or Redis take to come back under less. */
const defaultRoom = 20_000;

const betweenLinesUs = 1_000_000;

/**
 * Work that nobody waits for but a stop. What fails is counted; the log gets a line a second at most, because a store that
 * refuses refuses every frame, and a disk that is full should not be filled with that.
 */
export function createBackground({ clock, log, metrics, room = defaultRoom }: BackgroundOptions): Background {
  const underWay = createUnderWay();
  let saidAtUs = Number.NEGATIVE_INFINITY;
  let unsaid = 0;
  const complain = (error: unknown): void => {
    metrics.storeFaults.inc();
    if (clock.monotonicUs() - saidAtUs < betweenLinesUs) {
      unsaid += 1;
      return;
    }
    saidAtUs = clock.monotonicUs();
    log.error({ err: error, ...(unsaid > 0 && { alsoBefore: unsaid }) }, "a frame was not processed to its end");
    unsaid = 0;
  };
  return {
    run(work) {
      underWay.begin();
      void work().catch(complain).finally(underWay.end);
    },
    hasRoom: () => underWay.count < room,
    idle: underWay.idle,
  };
}
