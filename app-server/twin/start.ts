import type { Clock } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import type { Metrics } from "../../platform/metrics.ts";
import type { TwinConfig } from "../config.ts";
import type { TwinKeeper } from "../twin-ports.ts";
import type { DeliveryPolicy } from "./delivery.ts";
import { createTwinDriver, type TwinDriver, type TwinDriverOptions } from "./driver.ts";
import { createReports } from "./reports.ts";

export interface KeptTwins {
  readonly driver: TwinDriver;
  /** Gets every event. */
  readonly keeper: TwinKeeper;
}

/** What looks after twins, unless the configuration leaves them alone. */
export function startTwins(
  config: TwinConfig,
  tools: Pick<TwinDriverOptions, "store" | "directory" | "queue" | "sandbox" | "outlets" | "lookEveryMs">,
  { clock, log, metrics }: { readonly clock: Clock; readonly log: Log; readonly metrics: Metrics },
): KeptTwins | undefined {
  if (!config.enabled) return undefined;
  const policy: DeliveryPolicy = {
    firstRetryMs: config.firstRetrySeconds * 1000,
    longestRetryMs: config.longestRetrySeconds * 1000,
    maxAirtimeMs: config.maxAirtimeMsPerDay,
  };
  const driver = createTwinDriver({ ...tools, policy, clock, log, metrics });
  const keeper = createReports({ store: tools.store, policy, clock, metrics, onChanged: () => driver.wake() });
  return { driver, keeper };
}
