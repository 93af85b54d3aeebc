import Type from "typebox";
import { Compile } from "typebox/compile";
import type { Clock } from "../platform/clock.ts";
import type { Peers } from "../platform/peers/peers.ts";
import type { JournalNews } from "./journal-ports.ts";
import type { ApplicationEvent, Feed } from "./ports.ts";

/** Who listens says so this often, and is told for three times as long. */
const wantedEveryMs = 3_000;

const eventSchema = Type.Object({
  kind: Type.Unsafe<ApplicationEvent["kind"]>(Type.String()),
  tenantId: Type.Unsafe<ApplicationEvent["tenantId"]>(Type.String()),
  applicationId: Type.Unsafe<ApplicationEvent["applicationId"]>(Type.String()),
  devEui: Type.Unsafe<ApplicationEvent["devEui"]>(Type.String()),
  json: Type.String(),
});
const eventCheck = Compile(eventSchema);
const newsCheck = Compile(
  Type.Union([
    Type.Object({
      kind: Type.Literal("kept"),
      after: Type.Integer(),
      upTo: Type.Integer(),
      events: Type.Array(Type.Object({ number: Type.Integer(), key: Type.String(), event: eventSchema })),
    }),
    Type.Object({ kind: Type.Literal("early"), key: Type.String(), event: eventSchema }),
  ]),
);

/** How items travel from one process to another. */
interface Carriage<Item> {
  readonly topics: { readonly wanted: string; readonly item: string };
  readonly write: (item: Item) => string;
  /** What comes from another process, or undefined for what is none. */
  readonly read: (value: unknown) => Item | undefined;
}

/** The JSON says it all. */
const withoutBody = ({ body: _body, ...event }: ApplicationEvent): ApplicationEvent => event;

export const eventCarriage: Carriage<ApplicationEvent> = {
  topics: { wanted: "feed-wanted", item: "feed-event" },
  write: event => JSON.stringify(withoutBody(event)),
  read: value => (eventCheck.Check(value) ? value : undefined),
};
export const newsCarriage: Carriage<JournalNews> = {
  topics: { wanted: "journal-wanted", item: "journal-news" },
  write: news =>
    JSON.stringify(
      news.kind === "early"
        ? { ...news, event: withoutBody(news.event) }
        : { ...news, events: news.events.map(({ event, ...kept }) => ({ ...kept, event: withoutBody(event) })) },
    ),
  read: value => (newsCheck.Check(value) ? value : undefined),
};

/**
 * The live feed of every process that delivers events, for listeners in any of them. Events are carried to other processes
 * only while somebody listens there.
 */
export function createSharedFeed<Item>(
  local: Feed<Item>,
  { topics, write, read }: Carriage<Item>,
  { peers, clock }: { readonly peers: Peers; readonly clock: Clock },
): Feed<Item> {
  if (!peers.isShared) return local;
  const listeners = new Set<{ readonly tell: (item: Item) => void }>();
  const wantedUntilUs = new Map<string, number>();
  let unsubscribe: (() => void) | undefined;
  let cancel = (): void => {};

  const tellHere = (item: Item): void => {
    for (const { tell } of [...listeners]) tell(item);
  };
  /** The local feed decodes for whoever listens to it, so that nobody does without need. */
  const update = (): void => {
    for (const [instance, untilUs] of wantedUntilUs) if (untilUs < clock.monotonicUs()) wantedUntilUs.delete(instance);
    const isWanted = listeners.size + wantedUntilUs.size > 0;
    if (isWanted) unsubscribe ??= local.subscribe(carry);
    else {
      unsubscribe?.();
      unsubscribe = undefined;
    }
  };
  const carry = (item: Item): void => {
    tellHere(item);
    if (wantedUntilUs.size === 0) return;
    const text = write(item);
    for (const [instance, untilUs] of wantedUntilUs) {
      if (untilUs < clock.monotonicUs()) update();
      else void peers.tell(instance, topics.item, text);
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
  peers.onTold(topics.item, text => {
    const item = read(JSON.parse(text));
    if (item !== undefined) tellHere(item);
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
