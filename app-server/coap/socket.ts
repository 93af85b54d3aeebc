import { createSocket } from "node:dgram";
import { once } from "node:events";
import { listenFault } from "../../platform/errors.ts";
import type { Log } from "../../platform/log.ts";
import type { Endpoint } from "./observers.ts";

/** Where datagrams come from and go to. */
export interface DatagramSocket {
  readonly port: number;
  /** Hands it over; whether it arrives is never known. */
  send(bytes: Buffer, to: Endpoint): void;
  /** One listener. */
  onMessage(listener: (bytes: Buffer, from: Endpoint) => void): void;
  /** Resolves when the port is free again. */
  close(): Promise<void>;
}

/** Of `127.0.0.1:5683` or `[::1]:5683`. */
export function addressOf(listen: string): { readonly address: string; readonly port: number } {
  const at = listen.lastIndexOf(":");
  return { address: listen.slice(0, at).replace(/^\[(.*)\]$/, "$1"), port: Number(listen.slice(at + 1)) };
}

/** Throws an UpchirpError when the address cannot be used. */
export async function openDatagramSocket(listen: string, log: Log): Promise<DatagramSocket> {
  const { address, port } = addressOf(listen);
  const socket = createSocket(address.includes(":") ? { type: "udp6", ipv6Only: true } : { type: "udp4" });
  socket.bind(port, address);
  try {
    await once(socket, "listening");
  } catch (error) {
    throw listenFault(error, "CoAP", port, "appServer.coap.listen");
  }
  socket.on("error", error => log.warn({ err: error }, "the CoAP socket failed; it goes on"));
  return {
    port: socket.address().port,
    send: (bytes, to) => socket.send(bytes, to.port, to.address, () => undefined),
    onMessage: listener => void socket.on("message", listener),
    close: () => new Promise(resolve => void socket.close(() => resolve())),
  };
}
