import type { Clock } from "../platform/clock.ts";

/**
 * Runs `action` once the monotonic clock has reached `timeUs`, never before: timers of the system count whole
 * milliseconds and may wake early. The returned function cancels it.
 */
export function atTime(clock: Clock, timeUs: number, action: () => void): () => void {
  // Clocks count whole microseconds; a fraction would never be reached.
  const dueUs = Math.ceil(timeUs);
  let cancel = (): void => {};
  const arm = (): void => {
    cancel = clock.after(Math.max(0, (dueUs - clock.monotonicUs()) / 1000), () => {
      if (clock.monotonicUs() < dueUs) arm();
      else action();
    });
  };
  arm();
  return () => cancel();
}
