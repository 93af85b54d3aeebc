import type { Clock } from "../platform/clock.ts";
import type { Log } from "../platform/log.ts";

/** What the process gives to the installation that runs in it. */
export interface Surroundings {
  readonly log: Log;
  readonly clock: Clock;
  readonly version: string;
  /** The database has ended by itself: the process cannot go on. */
  readonly onFatal: (reason: string) => void;
}
