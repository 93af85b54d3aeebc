import { createSocket } from "node:dgram";
import type { Clock } from "../platform/clock.ts";
import { createRandom } from "./random.ts";

/** A path for datagrams to one server and back. */
export interface DatagramPort {
  send(bytes: Uint8Array): void;
  /** One listener; datagrams before it is set are lost. */
  onMessage(listener: (bytes: Uint8Array) => void): void;
  close(): void;
}

export interface UdpAddress {
  readonly host: string;
  readonly port: number;
}

/** A socket of its own on a free port. An address that does not answer is like a lossy network: nothing happens. */
export function openUdpPort(server: UdpAddress): DatagramPort {
  const socket = createSocket({ type: server.host.includes(":") ? "udp6" : "udp4", recvBufferSize: 1 << 20 });
  let closed = false;
  let unsent = 0;
  let listener: (bytes: Uint8Array) => void = () => {};
  socket.on("message", bytes => listener(bytes));
  // Connection refused and the like are what a gateway sees of a server that is down.
  socket.on("error", () => {});
  return {
    send(bytes) {
      if (closed) return;
      unsent += 1;
      socket.send(bytes, server.port, server.host, () => {
        unsent -= 1;
        if (closed && unsent === 0) socket.close();
      });
    },
    onMessage(added) {
      listener = added;
    },
    close() {
      if (closed) return;
      closed = true;
      listener = () => {};
      // What was handed over before is still sent: the host's name is looked up first.
      if (unsent === 0) socket.close();
    },
  };
}

/** Two ends in memory: what one sends the other gets in the next turn of the promise queue, in order. */
export function createDatagramPair(): readonly [DatagramPort, DatagramPort] {
  const listeners: ((bytes: Uint8Array) => void)[] = [() => {}, () => {}];
  let closed = false;
  const end = (own: 0 | 1): DatagramPort => ({
    send(bytes) {
      const copy = Uint8Array.from(bytes);
      queueMicrotask(() => {
        if (!closed) listeners[1 - own]?.(copy);
      });
    },
    onMessage(listener) {
      listeners[own] = listener;
    },
    close() {
      closed = true;
    },
  });
  return [end(0), end(1)];
}

export interface NetworkFaults {
  readonly seed: number;
  /** Probabilities for each datagram, in both directions. */
  readonly loss?: number;
  readonly duplication?: number;
  /** Each datagram is late by a random time up to this. */
  readonly maxDelayMs?: number;
}

/** A port over a network that loses, doubles and delays, the same way for the same seed. */
export function withNetworkFaults(port: DatagramPort, clock: Clock, faults: NetworkFaults): DatagramPort {
  const { seed, loss = 0, duplication = 0, maxDelayMs = 0 } = faults;
  const random = createRandom(seed);
  let closed = false;
  const carry = (deliver: () => void): void => {
    if (random.chance(loss)) return;
    const copies = random.chance(duplication) ? 2 : 1;
    for (let copy = 0; copy < copies; copy += 1) {
      const delayMs = random.next() * maxDelayMs;
      if (maxDelayMs === 0) deliver();
      else clock.after(delayMs, () => closed || deliver());
    }
  };
  return {
    send: bytes => carry(() => port.send(bytes)),
    onMessage: listener => port.onMessage(bytes => carry(() => listener(bytes))),
    close() {
      closed = true;
      port.close();
    },
  };
}
