import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline, Transform } from "node:stream";

const headerBytes = 16;
const replyBytes = 36;
/** What a server may send at once, 48 MB, with room for what is around it. */
const maxMessageBytes = 50_000_000;
const opReply = 1;
const opMsg = 2013;

/**
 * Looks at what a server sends, message by message, and throws Error for what none would: a reply with millions of documents in it,
 * for example, which the client would count out, holding up everything else.
 */
export function createReplyCheck(): (chunk: Buffer) => void {
  let head = Buffer.alloc(0);
  /** Of a message whose head is known. */
  let toSkip = 0;
  return chunk => {
    let rest = chunk;
    while (rest.length > 0) {
      if (toSkip > 0) {
        const skipped = Math.min(toSkip, rest.length);
        toSkip -= skipped;
        rest = rest.subarray(skipped);
        continue;
      }
      const missing = rest.subarray(0, replyBytes - head.length);
      const known = Buffer.concat([head, missing]);
      const length = known.length < 4 ? replyBytes : known.readInt32LE(0);
      if (length < headerBytes || length > maxMessageBytes) throw new Error("this is no MongoDB");
      const wanted = Math.min(replyBytes, length);
      if (known.length < wanted) {
        head = known;
        return;
      }
      const opCode = known.readInt32LE(12);
      if (opCode !== opMsg && opCode !== opReply) throw new Error("this is no MongoDB");
      if (opCode === opReply && (length < replyBytes || known.readInt32LE(32) !== 1))
        throw new Error("this is no MongoDB");
      rest = rest.subarray(wanted - head.length);
      head = Buffer.alloc(0);
      toSkip = length - wanted;
    }
  };
}

export interface Relay {
  /** For an address of the client. */
  readonly place: string;
  close(): Promise<void>;
}

/**
 * Between a client, which can be given no connection of ours, and a server: each of its connections goes to one that `open` makes,
 * and what comes back is looked at first. Nobody else of this machine can use it, where there are Unix sockets.
 */
export async function startRelay(open: () => Socket, failed: (error: Error) => void): Promise<Relay> {
  const folder = await mkdtemp(join(tmpdir(), "upchirp-mongodb-"));
  const sockets = new Set<Socket>();
  const server = createServer(client => {
    const upstream = open();
    if (upstream.destroyed) {
      upstream.once("error", failed);
      client.destroy();
      return;
    }
    const check = createReplyCheck();
    const checked = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        try {
          check(chunk);
          done(null, chunk);
        } catch (error) {
          done(error instanceof Error ? error : new Error("this is no MongoDB"));
        }
      },
    });
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.once("close", () => sockets.delete(socket));
    }
    // The other's end is no fault of the server.
    pipeline(upstream, checked, client, error => error && failed(error));
    pipeline(client, upstream, () => undefined);
  });
  if (process.platform === "win32") server.listen(0, "127.0.0.1");
  else server.listen(join(folder, "mongodb.sock"));
  await once(server, "listening");
  const address = server.address();
  return {
    place: typeof address === "string" ? encodeURIComponent(address) : `127.0.0.1:${address?.port}`,
    async close() {
      server.close();
      for (const socket of sockets) socket.destroy();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
