import { type IClientOptions, Store } from "mqtt";
import { PassingMap } from "../../platform/passing-map.ts";

type PacketStore = NonNullable<IClientOptions["outgoingStore"]>;
type Packet = Parameters<PacketStore["put"]>[0];
type Take = Parameters<PacketStore["get"]>[1];

/**
 * Packets that the broker has not acknowledged, in the order in which they were sent: they go out again in it, and say so
 * (MQTT 3.1.1, 3.3.1.1). In memory.
 */
export function createInFlightStore(): PacketStore {
  const packets = new PassingMap<number | undefined, Packet>();
  const give = (packet: Packet | undefined, take: Take): PacketStore => {
    if (packet === undefined) take(new Error("no such packet is in flight"));
    else take(undefined, packet);
    return store;
  };
  const store: PacketStore = {
    put(packet, done) {
      packets.set(packet.messageId, packet);
      done();
      return store;
    },
    get: ({ messageId }, take) => give(packets.get(messageId), take),
    del({ messageId }, take) {
      const packet = packets.get(messageId);
      packets.delete(messageId);
      return give(packet, take);
    },
    createStream() {
      const those = new Store();
      for (const packet of packets.values()) those.put(sentBefore(packet), () => undefined);
      return those.createStream();
    },
    close: done => done(),
  };
  return store;
}

const sentBefore = (packet: Packet): Packet => (packet.cmd === "publish" ? { ...packet, dup: true } : packet);
