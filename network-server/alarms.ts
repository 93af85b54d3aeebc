import type { DevEui } from "../lorawan/ids.ts";
import type { Clock } from "../platform/clock.ts";

/**
 * Reminders of this process to look at a device again, exact to the millisecond. They die with the process; the wake-up
 * time in the state store stands behind them.
 */
export interface Alarms {
  /** Replaces the one that the device had. */
  set(devEui: DevEui, atMs: number): void;
  onDue(listener: (devEui: DevEui) => void): void;
  /** None goes off from now on. */
  stop(): void;
}

export function createAlarms(clock: Clock): Alarms {
  const cancels = new Map<DevEui, () => void>();
  let notify = (_devEui: DevEui): void => {};
  let stopped = false;

  return {
    set(devEui, atMs) {
      cancels.get(devEui)?.();
      if (stopped) return;
      const cancel = clock.after(Math.max(0, atMs - clock.nowMs()), () => {
        cancels.delete(devEui);
        notify(devEui);
      });
      cancels.set(devEui, cancel);
    },
    onDue(listener) {
      notify = listener;
    },
    stop() {
      stopped = true;
      for (const cancel of cancels.values()) cancel();
      cancels.clear();
    },
  };
}
