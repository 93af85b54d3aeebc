import type { ApplicationEvent, EventSink } from "../../../app-server/ports.ts";
import type { DevEui } from "../../../lorawan/ids.ts";

/** Takes events unless it is told to be out, and holds those that it is told to hold. */
export function createSink(name: string) {
  const taken: ApplicationEvent[] = [];
  const held: (() => void)[] = [];
  const state = { out: false, holds: (_event: ApplicationEvent): boolean => false };
  const sink: EventSink = {
    name,
    async deliver(event) {
      if (state.out) throw new Error("out of order");
      if (state.holds(event)) await new Promise<void>(resolve => held.push(resolve));
      taken.push(event);
    },
  };
  const counters = (devEui?: DevEui): number[] =>
    taken.filter(event => devEui === undefined || event.devEui === devEui).map(event => JSON.parse(event.json).fCnt);
  return { sink, state, taken, counters, release: () => held.splice(0).forEach(go => void go()) };
}
