import type { EventFilter, HistoryScope } from "./history-ports.ts";
import type { ApplicationEvent } from "./ports.ts";

/** An event as the history took it. */
export interface JournalEvent {
  /** Events are numbered in the order in which they were kept, whichever process kept them. */
  readonly number: number;
  /** The same for every delivery of the event, and of no other. */
  readonly key: string;
  readonly event: ApplicationEvent;
}

/** What one transaction kept: every event with a number after `after` and up to `upTo`. Numbers may be left out. */
export interface KeptEvents {
  readonly after: number;
  readonly upTo: number;
  readonly events: readonly JournalEvent[];
}

/** What the history has, by now or since before. */
export interface SettledEvent {
  readonly key: string;
  readonly event: ApplicationEvent;
}

export type JournalNews =
  | ({ readonly kind: "kept" } & KeptEvents)
  /** An event that the history has not taken for a while, or does not take. It may come with a number later. */
  | { readonly kind: "early"; readonly key: string; readonly event: ApplicationEvent };

export interface JournalSpan {
  readonly after: number;
  readonly upTo: number;
}

export type JournalFilter = Pick<EventFilter, "tenants" | "applications" | "applicationId" | "devEui" | "kinds">;

/** Events of the history in the order of their numbers. Each rejects with SqlError. */
export interface EventJournal {
  /** `id` tells numbers of this database from those of another; `last` was given last, and everything up to it can be read. */
  state(): Promise<{ readonly id: string; readonly last: number }>;
  /** The first so many, in order. */
  read(span: JournalSpan, filter: JournalFilter, limit: number): Promise<readonly JournalEvent[]>;
  /** Events in this scope up to this number may be gone by now. */
  floor(scope: HistoryScope): Promise<number>;
}
