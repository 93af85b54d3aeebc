import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { freePort } from "./mosquitto.ts";

/**
 * Between a client and a server on loopback, or at the path of a Unix socket, that takes long to start: a server that can be away
 * at once.
 */
export async function startSwitchedProxy(place: number | string) {
  const port = await freePort();
  const sockets = new Set<Socket>();
  let server: Server | undefined;
  const start = async (): Promise<void> => {
    server = createServer(client => {
      const upstream = connect(typeof place === "number" ? { port: place, host: "127.0.0.1" } : { path: place });
      client.pipe(upstream).pipe(client);
      for (const socket of [client, upstream]) {
        sockets.add(socket);
        socket.on("error", () => socket.destroy());
        socket.on("close", () => {
          sockets.delete(socket);
          client.destroy();
          upstream.destroy();
        });
      }
    }).listen(port, "127.0.0.1");
    await once(server, "listening");
  };
  const stop = async (): Promise<void> => {
    const closed = server && once(server, "close");
    server?.close();
    server = undefined;
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  await start();
  return { port, start, stop };
}
