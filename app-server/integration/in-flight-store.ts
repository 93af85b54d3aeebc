import { type IClientOptions, Store } from "mqtt";
import { PassingMap } from "../../platform/passing-map.ts";

type PacketStore = NonNullable<IClientOptions["outgoingStore"]>;
type Packet = Parameters<PacketStore["put"]>[0];

/** Packets that the broker has not acknowledged, in the order in which they were sent: they go out again in it. In memory. */
export function createInFlightStore(): PacketStore {
  const packets = new PassingMap<number | undefined, Packet>();
  const store: PacketStore = {
    put(packet, done) {
      packets.set(packet.messageId, packet);
      done();
      return store;
    },
    get({ messageId }, done) {
      const packet = packets.get(messageId);
      if (packet === undefined) done(new Error("no such packet is in flight"));
      else done(undefined, packet);
      return store;
    },
    del({ messageId }, done) {
      const packet = packets.get(messageId);
      packets.delete(messageId);
      if (packet === undefined) done(new Error("no such packet is in flight"));
      else done(undefined, packet);
      return store;
    },
    createStream() {
      const those = new Store();
      for (const packet of packets.values()) those.put(packet, () => undefined);
      return those.createStream();
    },
    close: done => done(),
  };
  return store;
}
