import type { Clock } from "../clock.ts";
import type { Log } from "../log.ts";
import type { Metrics } from "../metrics.ts";

/** What a state store tells of itself in numbers. */
export type StoreMetrics = Pick<Metrics, "storeConflicts" | "storeFaults" | "storeCommitSeconds">;

/** Tells how long those wait who may not act before what they commit is durable. */
export interface CommitWatch {
  /** Gives what `end` wants. */
  begin(): number;
  end(beganAtUs: number): void;
}

export interface CommitWatchOptions {
  readonly clock: Pick<Clock, "monotonicUs">;
  readonly metrics: Pick<StoreMetrics, "storeCommitSeconds"> | undefined;
  readonly log: Log | undefined;
}

/** A device listens one second after its frame at the earliest; copies of it, the gateway and its network need theirs of that. */
const slowUs = 250_000;
const betweenLinesUs = 60_000_000;

/** Slow commits are told in the log, in one line a minute at most. */
export function createCommitWatch({ clock, metrics, log }: CommitWatchOptions): CommitWatch {
  let saidAtUs = Number.NEGATIVE_INFINITY;
  let slowCommits = 0;
  let slowestUs = 0;
  return {
    begin: () => clock.monotonicUs(),
    end(beganAtUs) {
      const nowUs = clock.monotonicUs();
      const tookUs = nowUs - beganAtUs;
      metrics?.storeCommitSeconds.observe(tookUs / 1_000_000);
      if (tookUs < slowUs) return;
      slowCommits += 1;
      slowestUs = Math.max(slowestUs, tookUs);
      if (nowUs - saidAtUs < betweenLinesUs) return;
      log?.warn(
        { slowCommits, slowestMs: Math.round(slowestUs / 1000) },
        "the state store is slow: answers may miss their windows; see upchirp doctor",
      );
      saidAtUs = nowUs;
      slowCommits = 0;
      slowestUs = 0;
    },
  };
}
