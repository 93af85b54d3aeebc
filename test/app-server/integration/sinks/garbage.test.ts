import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import { amqp1Sink } from "../../../../app-server/integration/sinks/amqp1.ts";
import { cassandraSink } from "../../../../app-server/integration/sinks/cassandra.ts";
import { kafkaSink } from "../../../../app-server/integration/sinks/kafka.ts";
import { mongodbSink } from "../../../../app-server/integration/sinks/mongodb.ts";
import { integrationOf, sinkContext, sinkMessage } from "../../support/sink-context.ts";

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** Answers whatever it is told with these bytes. */
async function startTalker(answerTo: (request: Buffer) => Buffer): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer(socket => {
    sockets.add(socket);
    socket
      .on("error", () => undefined)
      .on("data", (request: Buffer) => {
        socket.write(answerTo(request));
      });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  closers.push(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

/** A length of four bytes before something random. */
const framed = (bytes: Buffer, isLittleEndian: boolean): Buffer => {
  const length = Buffer.alloc(4);
  if (isLittleEndian) length.writeInt32LE(bytes.length + 4);
  else length.writeInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
};

const sinks = [
  {
    sink: kafkaSink,
    settingsOf: (port: number) => ({ brokers: `127.0.0.1:${port}`, topic: "up" }),
    // The number of the request is what an answer begins with.
    shaped: (request: Buffer) => framed(Buffer.concat([request.subarray(8, 12), randomBytes(60)]), false),
  },
  {
    sink: amqp1Sink,
    settingsOf: (port: number) => ({ url: `amqp://127.0.0.1:${port}`, address: "up" }),
    shaped: () =>
      Buffer.concat([
        Buffer.from("AMQP\0\x01\0\0"),
        framed(Buffer.concat([Buffer.from([2, 0, 0, 0]), randomBytes(40)]), false),
      ]),
  },
  {
    sink: mongodbSink,
    settingsOf: (port: number) => ({ hosts: `127.0.0.1:${port}`, database: "iot", tls: false }),
    // Its own number, that of the request, and the kind: what answers OP_QUERY is OP_REPLY, with the number of documents at 32.
    shaped: (request: Buffer) => {
      const head = Buffer.alloc(12);
      request.copy(head, 4, 4, 8);
      head.writeInt32LE(request.readInt32LE(12) === 2004 ? 1 : 2013, 8);
      const rest = randomBytes(60);
      rest.writeInt32LE(0x7fffffff, 16);
      return framed(Buffer.concat([head, rest]), true);
    },
  },
  {
    sink: cassandraSink,
    settingsOf: (port: number) => ({
      contactPoints: `127.0.0.1:${port}`,
      localDataCenter: "one",
      keyspace: "iot",
      tls: false,
    }),
    // READY to STARTUP; then the number of the stream, and as RESULT rows without columns, or anything else.
    shaped: (request: Buffer) => {
      const isStartup = request[4] === 1;
      const rows = Buffer.from("0000000200000000000000007fffffff", "hex");
      const body = isStartup ? Buffer.alloc(0) : randomBytes(1).readUInt8() < 128 ? rows : randomBytes(60);
      const length = Buffer.alloc(4);
      length.writeUInt32BE(body.length);
      const kind = isStartup ? 2 : 8;
      return Buffer.concat([Buffer.from([0x84, 0]), request.subarray(2, 4), Buffer.from([kind]), length, body]);
    },
  },
];

test.each(sinks)(
  "$sink.kind: a server that answers with garbage is unavailable, and nothing else comes of it",
  async ({ sink, settingsOf, shaped }) => {
    for (const answerTo of [() => randomBytes(200), shaped, shaped, shaped]) {
      const settings = settingsOf(await startTalker(answerTo));
      const opened = sink.open({ integration: integrationOf(sink.kind, { settings }), secrets: {} }, sinkContext());
      const abort = new AbortController();
      const outcome = opened
        .deliver([sinkMessage()], abort.signal)
        .then(({ kind }) => kind)
        .catch(() => "unavailable");
      // What waits for the rest of an answer is given up by the engine.
      const late = new Promise(resolve => setTimeout(resolve, 1000, "waits"));
      expect(["unavailable", "waits"]).toContain(await Promise.race([outcome, late]));
      abort.abort();
      await opened.close();
    }
  },
);
