import { createSocket, type SocketOptions as DgramOptions, type Socket } from "node:dgram";
import { isIP } from "node:net";
import { MalformedValue } from "../../../lorawan/errors.ts";
import { listenFault } from "../../../platform/errors.ts";
import type { Log } from "../../../platform/log.ts";
import type { SourceAddress } from "../source-rule.ts";
import type { DatagramPort } from "./datagram-port.ts";

export interface SocketOptions {
  /** An IP address; `::` hears IPv4 too. */
  readonly bind: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly log: Log;
}

export interface UdpSocket extends DatagramPort {
  readonly port: number;
}

/** Bursts of a busy network wait here instead of being lost while the process does something else. */
const receiveBufferBytes = 4 * 1024 * 1024;

/**
 * Binds the socket that gateways send to. Rejects with PortTaken when another program has it, with MalformedValue when
 * `bind` is no address of this machine, and with the system's error otherwise.
 */
export async function openUdpSocket({ bind, port, log }: SocketOptions): Promise<UdpSocket> {
  const family = isIP(bind);
  if (family === 0) throw notAnAddress(bind);
  const socket = createSocket({ type: family === 6 ? "udp6" : "udp4", lookup: literalAddress });
  await bound(socket, bind, port);
  enlargeReceiveBuffer(socket, log);
  socket.on("error", error => log.warn({ err: error }, "a datagram could not be sent"));
  let open = true;
  let waiting: (readonly [Uint8Array, SourceAddress])[] = [];
  const send = (bytes: Uint8Array, to: SourceAddress): void => {
    // A forged source may have port 0, which no datagram can be sent to.
    if (open && to.port !== 0) socket.send(bytes, to.port, to.address);
  };
  const sendWaiting = (): void => {
    const datagrams = waiting;
    waiting = [];
    for (const [bytes, to] of datagrams) send(bytes, to);
  };
  return {
    port: socket.address().port,
    send,
    sendSoon(bytes, to) {
      if (waiting.length === 0) setImmediate(sendWaiting);
      waiting.push([bytes, to]);
    },
    onMessage(listener) {
      socket.on("message", listener);
    },
    async close() {
      if (!open) return;
      sendWaiting();
      open = false;
      await new Promise<void>(resolve => socket.close(resolve));
    },
  };
}

/** The default look-up costs a turn of the event loop for every datagram, though gateways come with addresses. */
const literalAddress: NonNullable<DgramOptions["lookup"]> = (hostname, _options, callback) => {
  const family = isIP(hostname);
  callback(family === 0 ? new Error(`${hostname} is no IP address`) : null, hostname, family);
};

async function bound(socket: Socket, bind: string, port: number): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once("error", reject);
      socket.bind({ address: bind, port, exclusive: true }, () => {
        socket.off("error", reject);
        resolve();
      });
    });
  } catch (error) {
    socket.close();
    throw listenError(error, bind, port);
  }
}

function listenError(error: unknown, bind: string, port: number): unknown {
  if (error instanceof Error && "code" in error && error.code === "EADDRNOTAVAIL") return notAnAddress(bind);
  return listenFault(error, "Semtech UDP gateways", port, "--udp-port (networkServer.udp.port)");
}

const notAnAddress = (bind: string): MalformedValue =>
  new MalformedValue("networkServer.udp.bind must be an IP address of this machine, for example 0.0.0.0", { bind });

function enlargeReceiveBuffer(socket: Socket, log: Log): void {
  try {
    socket.setRecvBufferSize(receiveBufferBytes);
  } catch (error) {
    log.info({ err: error }, "the system keeps the UDP receive buffer small; bursts of gateway traffic may be lost");
  }
}
