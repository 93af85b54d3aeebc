import type { Clock } from "../clock.ts";
import type { Log } from "../log.ts";
import type { PeerAnswer, Peers } from "./peers.ts";

/** One message between processes, as it travels. */
export interface Letter {
  readonly from: string;
  /** `told`, or a question and its answer, which belong together by their number. */
  readonly kind: "told" | "asked" | "answered";
  readonly number: number;
  readonly topic: string;
  readonly message: string;
}

export interface MailboxOptions {
  readonly instance: string;
  readonly clock: Clock;
  readonly log: Log | undefined;
  /** How many got it; undefined when that is not known. Never rejects. */
  readonly post: (to: string, letter: Letter) => Promise<number | undefined>;
}

export interface Mailbox extends Pick<Peers, "ask" | "tell" | "onTold" | "onAsked"> {
  deliver(letter: Letter): void;
  /** Questions that wait are not answered any more. */
  close(): void;
}

/** Questions and answers over letters that may get lost: the same whatever carries them. */
export function createMailbox({ instance, clock, log, post }: MailboxOptions): Mailbox {
  const told = new Map<string, Set<(message: string, from: string) => void>>();
  const asked = new Map<string, (message: string, from: string) => Promise<string>>();
  const waiting = new Map<number, (answer: PeerAnswer) => void>();
  let questions = 0;

  const answer = async ({ from, number, topic, message }: Letter): Promise<void> => {
    try {
      const reply = await asked.get(topic)?.(message, from);
      if (reply !== undefined) await post(from, { from: instance, kind: "answered", number, topic, message: reply });
    } catch (error) {
      log?.warn({ err: error, topic, from }, "a question of another process could not be answered");
    }
  };
  const hear = ({ topic, message, from }: Letter): void => {
    for (const listener of told.get(topic) ?? []) {
      try {
        listener(message, from);
      } catch (error) {
        log?.warn({ err: error, topic, from }, "what another process told could not be used");
      }
    }
  };

  return {
    deliver(letter) {
      if (letter.kind === "told") hear(letter);
      else if (letter.kind === "asked") void answer(letter);
      else waiting.get(letter.number)?.({ kind: "answered", message: letter.message });
    },
    async ask(to, topic, message, timeoutMs) {
      questions += 1;
      const number = questions;
      const { promise, resolve } = Promise.withResolvers<PeerAnswer>();
      waiting.set(number, resolve);
      const cancel = clock.after(timeoutMs, () => resolve({ kind: "silent" }));
      const reached = await post(to, { from: instance, kind: "asked", number, topic, message });
      if (reached === 0) resolve({ kind: "absent" });
      if (reached === undefined) resolve({ kind: "silent" });
      try {
        return await promise;
      } finally {
        cancel();
        waiting.delete(number);
      }
    },
    tell: async (to, topic, message) =>
      ((await post(to, { from: instance, kind: "told", number: 0, topic, message })) ?? 0) > 0,
    onTold(topic, listener) {
      const listeners = told.get(topic) ?? new Set();
      told.set(topic, listeners.add(listener));
      return () => listeners.delete(listener);
    },
    onAsked(topic, answerer) {
      asked.set(topic, answerer);
      return () => asked.delete(topic);
    },
    close() {
      for (const resolve of waiting.values()) resolve({ kind: "silent" });
    },
  };
}
