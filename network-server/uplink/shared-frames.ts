import type { Clock } from "../../platform/clock.ts";
import type { Peers } from "../../platform/peers/peers.ts";
import type { Reception } from "../gateway/types.ts";
import { parseReception, toReceptionRecord } from "../reception-record.ts";
import type { Collection } from "./dedup.ts";

/**
 * Frames that gateways of several network servers hear. One of the servers takes each frame, and the others bring it their
 * copies, so that there is one event with all of them and one answer through the best gateway of all.
 */
export interface SharedFrames {
  /**
   * False: another server has taken this transmission and gets its copies from now on. For frames that no compare-and-set
   * decides upon; `holdsMs` is how long copies of one transmission may differ.
   */
  take(collection: Collection, holdsMs: number): Promise<boolean>;
  /** Ends the collection here; false when that server is not there any more. */
  handOver(collection: Collection, instance: string): Promise<boolean>;
  /** Copies that other servers bring. */
  onCopy(listener: (reception: Reception) => void): void;
}

const topic = "frame-copy";

export function createSharedFrames(peers: Peers, clock: Clock): SharedFrames {
  const bring = (instance: string, copy: Reception): Promise<boolean> =>
    peers.tell(instance, topic, JSON.stringify(toReceptionRecord(copy, peers.instance)));

  async function handOver(collection: Collection, instance: string): Promise<boolean> {
    const brought: Promise<boolean>[] = [];
    collection.pass(copy => brought.push(bring(instance, copy)));
    return (await Promise.all(brought)).some(arrived => arrived);
  }

  return {
    handOver,
    async take(collection, holdsMs) {
      if (!peers.isShared) return true;
      const frame = Buffer.from(collection.first.phyPayload).toString("base64");
      const taker = await peers.claim(`frame:${frame}`, holdsMs);
      if (taker === peers.instance) return true;
      await handOver(collection, taker);
      return false;
    },
    onCopy(listener) {
      peers.onTold(topic, text => {
        const reception = parseReception(text, peers.instance, clock);
        if (reception) listener(reception);
      });
    },
  };
}
