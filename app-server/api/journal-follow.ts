import type { Log } from "../../platform/log.ts";
import type { EventJournal, JournalEvent, JournalFilter } from "../journal-ports.ts";
import type { ApplicationEvent } from "../ports.ts";
import { createHistoryReaders } from "./history-readers.ts";
import type { JournalReplay, JournalTold } from "./journal-replay.ts";
import type { LiveStream } from "./live-stream.ts";

/** What one stream wants, as its caller may have it now. */
export interface WantedEvents {
  filter(): JournalFilter;
  isWanted(event: ApplicationEvent): boolean;
}

/** A stream on its way through the journal. */
export interface Followed {
  /** The id of where the stream is. */
  position(): string;
  end(): void;
}

export interface JournalFollower {
  /**
   * Sends to the stream what is wanted of what came after the event with the id `lastId`, out of the history where memory has
   * it no more, then what comes; says so first where some of it cannot be there.
   */
  follow(stream: LiveStream, lastId: string | undefined, wanted: WantedEvents): Followed;
}

/** Few enough that a page is nothing for memory. */
const pageSize = 250;
/** Numbers that one query looks through for what a stream wants of them. */
const longestLook = 5_000;
/** Of events told early, whose number comes later. */
const maxEarly = 10_000;

const numberOf = (id: string, ofJournal: string): number | undefined => {
  const [, journal, digits] = /^([0-9a-f]{8})-(\d{1,15})$/.exec(id) ?? [];
  return journal === ofJournal ? Number(digits) : undefined;
};

export function createJournalFollower(replay: JournalReplay, journal: EventJournal, log: Log): JournalFollower {
  const inTurn = createHistoryReaders();
  const read = (span: { readonly after: number; readonly upTo: number }, filter: JournalFilter) =>
    inTurn(() => journal.read(span, filter, pageSize));

  return {
    follow(stream, lastId, wanted) {
      let isOpen = true;
      let isLive = false;
      let at = replay.position;
      let unsubscribe = (): void => {};
      const early = new Set<string>();
      const idOf = (number: number): string => `${replay.id}-${number}`;

      const send = ({ number, key, event }: JournalEvent): void => {
        if (number <= at) return;
        at = number;
        if (!early.delete(key) && wanted.isWanted(event)) stream.send({ id: idOf(number), item: event });
      };
      const sendEarly = (key: string, event: ApplicationEvent): void => {
        if (!wanted.isWanted(event)) return;
        for (const oldest of early) {
          if (early.size < maxEarly) break;
          early.delete(oldest);
        }
        early.add(key);
        // It has no number of its own: who goes on from here gets it again, and knows it by its deduplicationId.
        stream.send({ id: idOf(at), item: event });
      };
      const hear = (told: JournalTold): void => {
        if (told.kind === "kept") send(told.entry);
        else sendEarly(told.key, told.event);
      };
      const goLive = (): void => {
        isLive = true;
        unsubscribe = replay.subscribe(hear);
      };

      /** Page by page as the client takes them, until memory has the rest. */
      const catchUp = async (): Promise<void> => {
        if (at < (await journal.floor(wanted.filter()))) {
          stream.gap(
            "events_expired",
            "Some events since then are older than what the history keeps, and missing here.",
          );
        }
        for (;;) {
          if (!(await stream.room()) || !isOpen) return;
          const recent = replay.after(at);
          if (recent !== undefined) {
            for (const entry of recent) send(entry);
            goLive();
            return;
          }
          const upTo = Math.min(at + longestLook, replay.position);
          const page = await read({ after: at, upTo }, wanted.filter());
          for (const entry of page) {
            if (!(await stream.room()) || !isOpen) return;
            send(entry);
          }
          if (page.length < pageSize) at = Math.max(at, upTo);
        }
      };
      const resume = async (id: string): Promise<void> => {
        try {
          // Another process may have told of it before this one has heard.
          const number = numberOf(id, replay.id);
          const isKnown = number !== undefined && (number <= at || number <= (await journal.state()).last);
          if (isKnown) {
            at = number;
            await catchUp();
          } else if (isOpen) {
            stream.gap("events_unknown", "This is the id of no event here; events since then are missing.");
            goLive();
          }
        } catch (error) {
          log.warn({ err: error }, "a live stream cannot go on, since the history cannot be read");
          stream.end("history_away", "What was missed cannot be read now; connect again.");
        }
      };

      if (lastId === undefined || lastId === "") goLive();
      else void resume(lastId);
      return {
        position: () => idOf(isLive ? Math.max(at, replay.position) : at),
        end() {
          isOpen = false;
          unsubscribe();
        },
      };
    },
  };
}
