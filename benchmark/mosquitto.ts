import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { delimiter, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

export interface Broker {
  readonly url: string;
  stop(): Promise<void>;
}

const places = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/usr/local/sbin"];

/** Path of the installed Mosquitto, if there is one. */
export const findMosquitto = (): string | undefined =>
  places.map(folder => join(folder, "mosquitto")).find(path => existsSync(path));

/** A Mosquitto of its own on loopback, without bounds on what waits for a subscriber: what is lost is lost elsewhere. */
export async function startMosquitto(program: string, folder: string): Promise<Broker> {
  const port = await freePort();
  const config = join(folder, "mosquitto.conf");
  const lines = [
    `listener ${port} 127.0.0.1`,
    "allow_anonymous true",
    "persistence false",
    "set_tcp_nodelay true",
    "max_queued_messages 0",
    "max_inflight_messages 0",
  ];
  writeFileSync(config, `${lines.join("\n")}\n`);
  const child = spawn(program, ["-c", config], { stdio: "ignore" });
  const exited = once(child, "exit");
  await untilReachable(port);
  return {
    url: `mqtt://127.0.0.1:${port}`,
    async stop() {
      child.kill();
      await exited;
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("there is no free port");
  return address.port;
}

async function untilReachable(port: number): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const reached = await new Promise<boolean>(resolve => {
      const socket = connect(port, "127.0.0.1", () => resolve(true));
      socket.once("error", () => resolve(false));
      socket.once("connect", () => socket.destroy());
    });
    if (reached) return;
    await pause(25);
  }
  throw new Error("Mosquitto does not answer");
}
