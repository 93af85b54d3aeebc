import type { Clock } from "../platform/clock.ts";

/**
 * Runs `action` once the monotonic clock has reached `timeUs`, never before: timers of the system count whole
 * milliseconds and may wake early. The returned function cancels it.
 */
export function atTime(clock: Clock, timeUs: number, action: () => void): () => void {
  let cancel = (): void => {};
  const arm = (): void => {
    cancel = clock.after(Math.max(0, (timeUs - clock.monotonicUs()) / 1000), () => {
      if (clock.monotonicUs() < timeUs) arm();
      else action();
    });
  };
  arm();
  return () => cancel();
}
