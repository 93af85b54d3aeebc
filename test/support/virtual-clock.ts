import type { Clock } from "../../platform/clock.ts";

export interface VirtualClock extends Clock {
  /** Lets the time pass: timers run in their order, and what each sets off in promises is done before the next. */
  advance(durationMs: number): Promise<void>;
  /** Lets promises that need no time settle. */
  settle(): Promise<void>;
}

interface Timer {
  readonly atUs: number;
  readonly order: number;
  readonly action: () => void;
}

/** A clock that stands still until a test moves it. Nothing under it may wait for real input or output. */
export function createVirtualClock(startMs = Date.UTC(2026, 0, 1)): VirtualClock {
  let nowUs = 0;
  let order = 0;
  const timers = new Set<Timer>();

  const next = (): Timer | undefined => {
    let first: Timer | undefined;
    for (const timer of timers) {
      if (!first || timer.atUs < first.atUs || (timer.atUs === first.atUs && timer.order < first.order)) first = timer;
    }
    return first;
  };

  // Promise chains of any length end before a macrotask begins; two turns cover those that start new macrotasks.
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 2; turn += 1) await new Promise(resolve => setImmediate(resolve));
  };

  return {
    nowMs: () => startMs + Math.floor(nowUs / 1000),
    monotonicUs: () => nowUs,
    after(delayMs, action) {
      order += 1;
      const timer: Timer = { atUs: nowUs + Math.max(0, Math.round(delayMs * 1000)), order, action };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    settle,
    async advance(durationMs) {
      const untilUs = nowUs + Math.round(durationMs * 1000);
      await settle();
      for (let timer = next(); timer && timer.atUs <= untilUs; timer = next()) {
        timers.delete(timer);
        nowUs = timer.atUs;
        timer.action();
        await settle();
      }
      nowUs = untilUs;
    },
  };
}
