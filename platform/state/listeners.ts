import type { Log } from "../log.ts";
import type { Unsubscribe } from "./store.ts";

export interface Listeners<Value> {
  readonly add: (listener: (value: Value) => void) => Unsubscribe;
  /** Calls every listener; one that throws is logged and does not keep the others from being called. */
  readonly call: (value: Value) => void;
}

export function createListeners<Value>(log?: Log): Listeners<Value> {
  // Wrapped, so that one function added twice is called twice and removed once.
  const listeners = new Set<{ readonly listener: (value: Value) => void }>();
  return {
    add(listener) {
      const entry = { listener };
      listeners.add(entry);
      return () => {
        listeners.delete(entry);
      };
    },
    call(value) {
      for (const { listener } of [...listeners]) {
        try {
          listener(value);
        } catch (error) {
          log?.error({ err: error }, "a listener of the state store failed");
        }
      }
    },
  };
}
