import type { DevEui } from "../lorawan/ids.ts";
import type { Clock } from "../platform/clock.ts";
import type { Log } from "../platform/log.ts";
import type { Metrics } from "../platform/metrics.ts";
import type { EventKeeper } from "./batch-outlet.ts";
import type { ApplicationEvent } from "./ports.ts";

/** One of a device in this time tells as much as all of them: what a client repeats for ever must not push out what happened. */
const spacingMs = 10_000;
const maxDevices = 10_000;
/** While the database is away; further ones are left out. */
const maxWaiting = 100;

/** Keeps the answers to refused commands in the history, for whoever asks later what became of one. Nobody waits for it. */
export function createRefusedCommands({
  keeper,
  clock,
  log,
  metrics,
}: {
  readonly keeper: Pick<EventKeeper, "keep">;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}) {
  const lastUs = new Map<DevEui, number>();
  let working = Promise.resolve();
  let waiting = 0;

  const isSoon = (devEui: DevEui): boolean => {
    const nowUs = clock.monotonicUs();
    const last = lastUs.get(devEui);
    if (last !== undefined && nowUs - last < spacingMs * 1000) return true;
    lastUs.delete(devEui);
    lastUs.set(devEui, nowUs);
    const [oldest] = lastUs.keys();
    if (lastUs.size > maxDevices && oldest !== undefined) lastUs.delete(oldest);
    return false;
  };
  const leaveOut = (): void => metrics.historyLeftOut.inc({ what: "events", reason: "refusal" });

  return {
    keep(event: ApplicationEvent): void {
      if (isSoon(event.devEui)) return;
      if (waiting >= maxWaiting) {
        leaveOut();
        return;
      }
      waiting += 1;
      working = working
        .then(() => keeper.keep([event]))
        .catch(error => {
          leaveOut();
          log.warn({ err: error, devEui: event.devEui }, "a refused command is missing in the history");
        })
        .then(() => {
          waiting -= 1;
        });
    },
    /** Resolves when those that came are kept, or left out. */
    close: (): Promise<void> => working,
  };
}
