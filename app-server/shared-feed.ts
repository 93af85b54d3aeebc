import Type from "typebox";
import { Compile } from "typebox/compile";
import type { Clock } from "../platform/clock.ts";
import type { Peers } from "../platform/peers/peers.ts";
import type { ApplicationEvent, EventFeed } from "./ports.ts";

const topics = { wanted: "feed-wanted", event: "feed-event" };
/** Who listens says so this often, and is told for three times as long. */
const wantedEveryMs = 3_000;

const eventSchema = Compile(
  Type.Object({
    kind: Type.Unsafe<ApplicationEvent["kind"]>(Type.String()),
    tenantId: Type.Unsafe<ApplicationEvent["tenantId"]>(Type.String()),
    applicationId: Type.Unsafe<ApplicationEvent["applicationId"]>(Type.String()),
    devEui: Type.Unsafe<ApplicationEvent["devEui"]>(Type.String()),
    json: Type.String(),
  }),
);

/**
 * The live feed of every process that delivers events, for listeners in any of them. Events are carried to other processes
 * only while somebody listens there.
 */
export function createSharedFeed(local: EventFeed, peers: Peers, clock: Clock): EventFeed {
  if (!peers.isShared) return local;
  const listeners = new Set<{ readonly tell: (event: ApplicationEvent) => void }>();
  const wantedUntilUs = new Map<string, number>();
  let unsubscribe: (() => void) | undefined;
  let cancel = (): void => {};

  const tellHere = (event: ApplicationEvent): void => {
    for (const { tell } of [...listeners]) tell(event);
  };
  /** The local feed decodes for whoever listens to it, so that nobody does without need. */
  const update = (): void => {
    for (const [instance, untilUs] of wantedUntilUs) if (untilUs < clock.monotonicUs()) wantedUntilUs.delete(instance);
    const isWanted = listeners.size + wantedUntilUs.size > 0;
    if (isWanted) unsubscribe ??= local.subscribe(carry);
    else unsubscribe = unsubscribe?.() ?? undefined;
  };
  const carry = (event: ApplicationEvent): void => {
    tellHere(event);
    if (wantedUntilUs.size === 0) return;
    const { body: _body, ...told } = event;
    const text = JSON.stringify(told);
    for (const [instance, untilUs] of wantedUntilUs) {
      if (untilUs < clock.monotonicUs()) update();
      else void peers.tell(instance, topics.event, text);
    }
  };
  const ask = (): void => {
    cancel();
    if (listeners.size === 0) return;
    void peers.tellAll(topics.wanted, "");
    cancel = clock.after(wantedEveryMs, ask);
  };
  peers.onTold(topics.wanted, (_, from) => {
    wantedUntilUs.set(from, clock.monotonicUs() + 3 * wantedEveryMs * 1000);
    update();
  });
  peers.onTold(topics.event, text => {
    const event: unknown = JSON.parse(text);
    if (eventSchema.Check(event)) tellHere(event);
  });

  return {
    subscribe(tell) {
      const entry = { tell };
      listeners.add(entry);
      update();
      if (listeners.size === 1) ask();
      return () => {
        listeners.delete(entry);
        update();
      };
    },
  };
}
