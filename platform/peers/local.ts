import type { Clock } from "../clock.ts";
import type { Log } from "../log.ts";
import { createMailbox, type Letter, type Mailbox } from "./mailbox.ts";
import type { Peers } from "./peers.ts";

/** Processes of one installation that are really one. */
export interface LocalPeers {
  /** `isShared` is for tests that put several instances of a role into one process. */
  join(options?: { readonly isShared?: boolean; readonly log?: Log }): Peers;
}

export function createLocalPeers(clock: Clock): LocalPeers {
  const mailboxes = new Map<string, Mailbox>();
  const claims = new Map<string, { readonly holder: string; readonly untilUs: number }>();
  let joined = 0;

  const post = async (to: string, letter: Letter): Promise<number> => {
    const mailbox = mailboxes.get(to);
    if (mailbox === undefined) return 0;
    queueMicrotask(() => mailbox.deliver(letter));
    return 1;
  };
  const claim = (instance: string, name: string, holdsMs: number): string => {
    const nowUs = clock.monotonicUs();
    for (const [known, { untilUs }] of claims) if (untilUs <= nowUs) claims.delete(known);
    const holder = claims.get(name)?.holder ?? instance;
    if (!claims.has(name)) claims.set(name, { holder, untilUs: nowUs + holdsMs * 1000 });
    return holder;
  };

  return {
    join({ isShared = false, log } = {}) {
      joined += 1;
      const instance = `local-${joined}`;
      const mailbox = createMailbox({ instance, clock, log, post });
      mailboxes.set(instance, mailbox);
      return {
        ...mailbox,
        instance,
        isShared,
        claim: async (name, holdsMs) => claim(instance, name, holdsMs),
        async tellAll(topic, message) {
          const others = [...mailboxes.keys()].filter(other => other !== instance);
          await Promise.all(others.map(other => mailbox.tell(other, topic, message)));
        },
        async close() {
          mailboxes.delete(instance);
          mailbox.close();
        },
      };
    },
  };
}
