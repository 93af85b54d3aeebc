import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import type { UdpAddress } from "../datagram.ts";
import { gatewayPacket, identifiers, parseServerPacket, type Txpk } from "../gwmp.ts";
import { createPushDataWriter, type PushDataWriter } from "./datagrams.ts";
import { gatewayIdOf, type Population } from "./population.ts";
import { sharedUs } from "./shared-time.ts";

export interface GatewaysOptions {
  /** Gateways are spread over them. */
  readonly servers: readonly UdpAddress[];
  readonly population: Population;
  readonly gateways: number;
  /** A frame to send; late ones are refused as a forwarder does. */
  readonly onDownlink: (gateway: number, phyPayload: Uint8Array, isLate: boolean) => void;
}

export interface Gateways {
  /** @param frame base64, as bytes */
  push(gateway: number, frame: Uint8Array, frameBytes: number, channel: number): void;
  counts(): { readonly datagrams: number; readonly acknowledged: number; readonly downlinks: number };
  resetCounts(): void;
  close(): void;
}

interface Gateway {
  readonly number: number;
  readonly gatewayId: string;
  readonly socket: Socket;
  /** By length of the frame. */
  readonly writers: Map<number, PushDataWriter>;
  token: number;
}

const keepAliveMs = 5_000;
const openingMs = 60_000;
const askAgainMs = 200;
/** Sockets have room for some hundred datagrams. */
const askedAtOnce = 100;
const receiveBufferBytes = 1 << 20;
const wrap = 2 ** 32;

const counterUs = (): number => Math.floor(sharedUs()) % wrap;

/** Packet forwarders with a socket each. Rejects when the server does not answer them. */
export async function openGateways(options: GatewaysOptions): Promise<Gateways> {
  const counts = { datagrams: 0, acknowledged: 0, downlinks: 0 };
  const answering = new Set<string>();
  const receive = (gateway: Gateway, bytes: Buffer): void => {
    // Acknowledgements are counted by their identifier alone: they come as often as datagrams leave.
    if (bytes[3] === identifiers.pushAck) counts.acknowledged += 1;
    else if (bytes[3] === identifiers.pullAck) answering.add(gateway.gatewayId);
    else if (bytes[3] === identifiers.pullResp) {
      counts.downlinks += 1;
      respond(gateway, bytes, options.onDownlink);
    }
  };
  const opened = await Promise.all(Array.from({ length: options.gateways }, (_, number) => open(number, options)));
  for (const gateway of opened) gateway.socket.on("message", bytes => receive(gateway, bytes));
  const keepAlive = (): void => {
    for (const { socket, gatewayId } of opened) socket.send(gatewayPacket(identifiers.pullData, 0, gatewayId));
  };
  const timer = setInterval(keepAlive, keepAliveMs);
  const close = (): void => {
    clearInterval(timer);
    for (const { socket } of opened) socket.close();
  };
  await untilAnswered(opened, answering).catch((error: unknown) => {
    close();
    throw error;
  });
  return {
    push(number, frame, frameBytes, channel) {
      const gateway = opened[number];
      if (gateway === undefined) throw new RangeError(`there is no gateway ${number}`);
      gateway.token = (gateway.token + 1) & 0xffff;
      counts.datagrams += 1;
      gateway.socket.send(writerOf(gateway, frameBytes).write(frame, channel, gateway.token, counterUs()));
    },
    counts: () => ({ ...counts }),
    resetCounts: () => Object.assign(counts, { datagrams: 0, acknowledged: 0, downlinks: 0 }),
    close,
  };
}

function writerOf({ number, gatewayId, writers }: Gateway, frameBytes: number): PushDataWriter {
  const known = writers.get(frameBytes);
  if (known !== undefined) return known;
  // Nearer and farther gateways; each hears as well each time.
  const made = createPushDataWriter({ gatewayId, frameBytes, rssiDbm: -60 - (number % 50), snrDb: 9 - (number % 7) });
  writers.set(frameBytes, made);
  return made;
}

async function open(number: number, { servers, population }: GatewaysOptions): Promise<Gateway> {
  const server = servers[number % servers.length];
  if (server === undefined) throw new RangeError("there is no server");
  const type = server.host.includes(":") ? "udp6" : "udp4";
  const socket = createSocket({ type, recvBufferSize: receiveBufferBytes });
  // Connection refused and the like are what a gateway sees of a server that is down.
  socket.on("error", () => {});
  socket.connect(server.port, server.host);
  await once(socket, "connect");
  return { number, gatewayId: gatewayIdOf(population.seed, number), socket, writers: new Map(), token: 0 };
}

async function untilAnswered(gateways: readonly Gateway[], answering: ReadonlySet<string>): Promise<void> {
  const deadlineUs = sharedUs() + openingMs * 1000;
  for (;;) {
    const silent = gateways.filter(({ gatewayId }) => !answering.has(gatewayId));
    if (silent.length === 0) return;
    if (sharedUs() > deadlineUs) {
      throw new Error(`${silent.length} of ${gateways.length} gateways have no answer from the server`);
    }
    for (const { socket, gatewayId } of silent.slice(0, askedAtOnce)) {
      socket.send(gatewayPacket(identifiers.pullData, 0, gatewayId));
    }
    await new Promise(resolve => setTimeout(resolve, askAgainMs));
  }
}

function respond(
  { number, gatewayId, socket }: Gateway,
  bytes: Uint8Array,
  onDownlink: GatewaysOptions["onDownlink"],
): void {
  const packet = parseServerPacket(bytes);
  if (packet.kind !== "pull-resp") return;
  const late = isLate(packet.txpk);
  const body = { txpk_ack: { error: late ? "TOO_LATE" : "NONE" } };
  socket.send(gatewayPacket(identifiers.txAck, packet.token, gatewayId, body));
  onDownlink(number, Buffer.from(packet.txpk.data, "base64"), late);
}

function isLate({ imme, tmst }: Txpk): boolean {
  if (imme === true || tmst === undefined) return false;
  const aheadUs = (tmst - counterUs() + wrap) % wrap;
  return aheadUs > wrap / 2;
}
