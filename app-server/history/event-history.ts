import type { Clock } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import type { Metrics } from "../../platform/metrics.ts";
import type { Peers } from "../../platform/peers/peers.ts";
import type { Sql } from "../../platform/sql.ts";
import type { HistoryLimits } from "../history-ports.ts";
import { createEventKeeper, type EventKeeperOptions } from "./event-keeper.ts";
import type { HistoryIntake } from "./intake.ts";
import { createKnownLimits } from "./limits.ts";
import { createPartitions, eventTables, frameTables, sumTables } from "./partitions.ts";
import { createSweep } from "./retention.ts";

export interface EventHistoryOptions {
  readonly config: HistoryLimits;
  readonly sql: Sql;
  readonly intake: HistoryIntake;
  readonly peers: Peers;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly onKept: EventKeeperOptions["onKept"];
}

export interface EventHistory {
  readonly keeper: ReturnType<typeof createEventKeeper>;
  /** Resolves when nothing is deleted any more. */
  close(): Promise<void>;
}

const sweepIntervalMs = 600_000;
/** One server of an installation sweeps at a time. */
const sweepHoldsMs = 590_000;

/** Keeps events, and sees to it that what nobody keeps any more goes. */
export function startEventHistory(options: EventHistoryOptions): EventHistory {
  const { config, sql, intake, peers, clock, log, metrics, onKept } = options;
  const limits = createKnownLimits(sql, clock, config);
  const sweep = createSweep({
    sql,
    clock,
    limits,
    events: createPartitions(sql, eventTables),
    frames: createPartitions(sql, frameTables),
    sums: createPartitions(sql, sumTables),
  });
  let sweeping = Promise.resolve();
  let cancel = (): void => {};
  const sweepNow = async (): Promise<void> => {
    try {
      if (peers.isShared && (await peers.claim("history-sweep", sweepHoldsMs)) !== peers.instance) return;
      await sweep();
    } catch (error) {
      log.warn({ err: error }, "what the history need not keep is not deleted now; trying again");
    }
  };
  const plan = (delayMs: number): void => {
    cancel = clock.after(delayMs, () => {
      sweeping = sweepNow();
      void sweeping.then(() => plan(sweepIntervalMs));
    });
  };
  plan(0);
  return {
    keeper: createEventKeeper({ intake, metrics, onKept }),
    async close() {
      cancel();
      await sweeping;
      cancel();
    },
  };
}
