import type { Clock } from "../platform/clock.ts";
import type { Peers } from "../platform/peers/peers.ts";

/** Whether other network servers work for the same installation. */
export interface Neighbours {
  /**
   * A guess, for what the versioned commits of devices prove: true when none was heard of for a while. A new one makes itself
   * heard before it takes frames.
   */
  isAlone(): boolean;
  /** Tells the others that this one is gone. */
  close(): Promise<void>;
}

const topics = { here: "network-server-here", gone: "network-server-gone" };
const tellEveryMs = 1_000;
/** So many messages may be lost. */
const heardForMs = 4 * tellEveryMs;

export function createNeighbours(peers: Peers, clock: Clock): Neighbours {
  if (!peers.isShared) return { isAlone: () => true, close: async () => {} };
  const heardAtUs = new Map<string, number>();
  // Whoever is there answers within that time.
  const isSureFromUs = clock.monotonicUs() + heardForMs * 1000;
  let cancel = (): void => {};
  const tell = (): void => {
    const longAgoUs = clock.monotonicUs() - heardForMs * 1000;
    for (const [instance, atUs] of heardAtUs) if (atUs < longAgoUs) heardAtUs.delete(instance);
    void peers.tellAll(topics.here, "");
    cancel = clock.after(tellEveryMs, tell);
  };
  const unsubscribe = [
    peers.onTold(topics.here, (_, from) => heardAtUs.set(from, clock.monotonicUs())),
    peers.onTold(topics.gone, (_, from) => heardAtUs.delete(from)),
  ];
  tell();

  return {
    isAlone: () => heardAtUs.size === 0 && clock.monotonicUs() >= isSureFromUs,
    async close() {
      cancel();
      for (const end of unsubscribe) end();
      await peers.tellAll(topics.gone, "");
    },
  };
}
