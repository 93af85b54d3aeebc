import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

export interface CuttingProxy {
  readonly port: number;
  /** Passes on the next bytes that contain `text`, waits for the first bytes of an answer, and gives the client none. */
  cutAfter(text: string): Promise<void>;
  /** Passes on bytes that contain `text` but for the `nth` that do: the server never gets those, the client no answer. */
  cutBefore(text: string, nth: number): Promise<void>;
  /** Passes answers on until one has `text`, of which the client gets half, and then nothing more. */
  cutWithin(text: string): Promise<void>;
  close(): Promise<void>;
}

/** Between a client and a server on loopback: loses a request, or the answer to one that the server has carried out. */
export async function startCuttingProxy(serverPort: number): Promise<CuttingProxy> {
  let wanted: { readonly text: string; readonly done: () => void } | undefined;
  let refused: { readonly text: string; left: number; readonly done: () => void } | undefined;
  let halved: { readonly text: string; readonly done: () => void } | undefined;
  const sockets = new Set<Socket>();
  const server = createServer(client => {
    const upstream = connect(serverPort, "127.0.0.1");
    let cutting: (() => void) | undefined;
    const end = (): void => {
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", end);
      socket.on("close", () => {
        sockets.delete(socket);
        end();
      });
    }
    client.on("data", bytes => {
      if (refused !== undefined && bytes.includes(refused.text)) {
        refused.left -= 1;
        if (refused.left === 0) {
          refused.done();
          refused = undefined;
          end();
          return;
        }
      }
      if (wanted !== undefined && bytes.includes(wanted.text)) {
        cutting = wanted.done;
        wanted = undefined;
      }
      upstream.write(bytes);
    });
    upstream.on("data", (bytes: Buffer) => {
      const at = halved === undefined ? -1 : bytes.indexOf(halved.text);
      if (halved !== undefined && at >= 0) {
        client.write(bytes.subarray(0, at + halved.text.length / 2), end);
        halved.done();
        halved = undefined;
        return;
      }
      if (cutting === undefined) {
        client.write(bytes);
        return;
      }
      cutting();
      end();
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the proxy has no port");
  return {
    port: address.port,
    cutAfter: text =>
      new Promise(done => {
        wanted = { text, done };
      }),
    cutBefore: (text, nth) =>
      new Promise(done => {
        refused = { text, left: nth, done };
      }),
    cutWithin: text =>
      new Promise(done => {
        halved = { text, done };
      }),
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
