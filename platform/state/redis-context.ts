import type { CommitWatch, StoreMetrics } from "./commit-watch.ts";
import type { Retry } from "./redis-client.ts";
import type { Losses } from "./redis-losses.ts";
import type { Notices } from "./redis-notices.ts";
import type { Keys } from "./redis-records.ts";
import type { RedisClient } from "./redis-scripts.ts";

/** What the parts of the store share. */
export interface RedisContext {
  readonly client: RedisClient;
  readonly keys: Keys;
  readonly retry: Retry;
  readonly notices: Notices;
  readonly losses: Losses;
  readonly metrics: StoreMetrics | undefined;
  readonly watch: CommitWatch;
  /** Unique for ever: letters and digits alone. */
  readonly newToken: () => string;
  /** Tidies up later; what fails is left for the next reader. */
  readonly behind: (work: () => Promise<unknown>) => void;
}
