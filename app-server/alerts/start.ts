import type { LeaseHolder, Leases } from "../../platform/leases/leases.ts";
import type { Metrics } from "../../platform/metrics.ts";
import type { ApplicationEvent, GatewaySummary } from "../ports.ts";
import { type AlertTools, createEventWatch, type EventWatch, KnownRules, Watched } from "./keeper.ts";
import { createNotifier } from "./notifier.ts";
import { type HeardUpTo, sweepSilence } from "./silence.ts";
import { createSweep } from "./sweep.ts";

export interface AlertWatchOptions extends Omit<AlertTools, "rules" | "watched"> {
  readonly gateways: () => Promise<readonly GatewaySummary[]>;
  readonly outlets: readonly ((event: ApplicationEvent) => Promise<void>)[];
  /** Who holds the first partition looks after what is of no device. */
  readonly leases: Pick<Leases, "isHeld">;
  readonly metrics: Metrics;
  /** How often it looks; 10 s. */
  readonly everyMs?: number;
}

export interface AlertWatch {
  /** Gets every event. */
  readonly keeper: Pick<EventWatch, "keep" | "flush">;
  readonly holder: LeaseHolder;
  /** `hasAll` tells whether the keeper has had every event of a partition. */
  start(hasAll: (partition: number) => boolean): void;
  /** Resolves when nothing is under way. */
  close(): Promise<void>;
}

/** Looks after rules: what events tell, what time brings, and who is to be told. */
export function createAlertWatch(options: AlertWatchOptions): AlertWatch {
  const { store, clock, log, leases, everyMs = 10_000 } = options;
  const tools = { ...options, rules: new KnownRules(), watched: new Watched() };
  const events = createEventWatch(tools);
  const sweep = createSweep(tools);
  const notify = createNotifier(options);
  const held = new Set<number>();
  let hasAll = (_partition: number): boolean => false;
  let closed = false;
  let cancel = (): void => {};
  let working = Promise.resolve();

  const heard = (): HeardUpTo =>
    new Map(
      [...held].flatMap(partition => {
        const upToMs = hasAll(partition) ? clock.nowMs() : events.newestAtMs(partition);
        return upToMs === undefined ? [] : [[partition, upToMs] as const];
      }),
    );
  const look = async (): Promise<void> => {
    try {
      await tools.rules.refresh(store);
      await tools.watched.refresh(store);
      const heardUpTo = heard();
      await events.flush();
      if (leases.isHeld(0)) await sweep();
      await sweepSilence(heardUpTo, tools);
      if (held.size > 0) await notify([...held]);
    } catch (error) {
      log.warn({ err: error }, "alerts cannot be looked after now; trying again");
    }
  };
  const plan = (delayMs: number): void => {
    if (closed) return;
    cancel = clock.after(delayMs, () => {
      working = look().then(() => plan(everyMs));
    });
  };
  const letGo = (partition: number): void => {
    held.delete(partition);
    events.forget(partition);
  };
  return {
    keeper: events,
    holder: {
      acquired: partition => void held.add(partition),
      released: async partition => {
        letGo(partition);
        await working;
      },
      lost: letGo,
    },
    start(tellsWhetherAll) {
      hasAll = tellsWhetherAll;
      plan(0);
    },
    async close() {
      closed = true;
      cancel();
      await working;
      cancel();
    },
  };
}
