import type { SourceAddress } from "../../network-server/gateway/source-rule.ts";
import type { DatagramPort } from "../../network-server/gateway/udp/datagram-port.ts";

/** One end of a network without loss or delay, seen from a gateway. */
export interface VirtualPeer {
  readonly source: SourceAddress;
  /** Everything that the server has sent to this address, oldest first. */
  readonly received: Uint8Array[];
  send(bytes: Uint8Array): void;
}

export interface VirtualNetwork {
  readonly server: DatagramPort;
  peer(address: string, port: number): VirtualPeer;
  /** Datagrams that the server sent, to anybody. */
  sentByServer(): number;
}

export function createVirtualNetwork(): VirtualNetwork {
  const peers = new Map<string, VirtualPeer>();
  let deliver: (bytes: Uint8Array, from: SourceAddress) => void = () => {};
  let sent = 0;
  const send = (bytes: Uint8Array, to: SourceAddress): void => {
    sent += 1;
    peers.get(`${to.address} ${to.port}`)?.received.push(bytes);
  };
  return {
    server: {
      send,
      sendSoon: send,
      onMessage(listener) {
        deliver = listener;
      },
      async close() {
        deliver = () => {};
      },
    },
    peer(address, port) {
      const source = { address, port };
      const peer: VirtualPeer = { source, received: [], send: bytes => deliver(bytes, source) };
      peers.set(`${address} ${port}`, peer);
      return peer;
    },
    sentByServer: () => sent,
  };
}
