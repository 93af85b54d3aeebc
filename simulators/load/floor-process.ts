import { createSocket } from "node:dgram";
import { once } from "node:events";
import { identifiers } from "../gwmp.ts";
import * as calls from "./calls.ts";
import { handler, serveCalls } from "./process-calls.ts";
import { cpuTimeUs } from "./shared-time.ts";

// What a server in this runtime cannot do without: receive, parse JSON and base64, acknowledge.

const headerBytes = 12;
const receiveBufferBytes = 4 << 20;
let frames = 0;

function receive(
  bytes: Buffer,
  port: number,
  address: string,
  send: (bytes: Buffer, port: number, to: string) => void,
) {
  const identifier = bytes[3];
  if (identifier !== identifiers.pushData && identifier !== identifiers.pullData) return;
  if (identifier === identifiers.pushData) {
    const body: { rxpk?: readonly { data?: string }[] } = JSON.parse(bytes.toString("utf8", headerBytes));
    for (const { data = "" } of body.rxpk ?? []) {
      if (Buffer.from(data, "base64").length > 0) frames += 1;
    }
  }
  const answer = Buffer.allocUnsafe(4);
  bytes.copy(answer, 0, 0, 3);
  answer[3] = identifier === identifiers.pushData ? identifiers.pushAck : identifiers.pullAck;
  send(answer, port, address);
}

async function open(): Promise<number> {
  const socket = createSocket({
    type: "udp4",
    recvBufferSize: receiveBufferBytes,
    // Addresses are numbers: a look-up costs a turn of the event loop for each datagram.
    lookup: (host, _options, done) => done(null, host, 4),
  });
  socket.on("message", (bytes, { port, address }) => {
    receive(bytes, port, address, (answer, to, host) => socket.send(answer, to, host));
  });
  const listening = once(socket, "listening");
  socket.bind(0, "127.0.0.1");
  await listening;
  return socket.address().port;
}

serveCalls([
  handler(calls.openFloor, async () => ({ port: await open() })),
  handler(calls.readFloor, () => ({ frames, cpuUs: cpuTimeUs(), residentBytes: process.memoryUsage.rss() })),
]);
