import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { delimiter, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

// Mosquitto and Redis as child processes on free ports of loopback.

export interface ChildServer {
  readonly url: string;
  stop(): Promise<void>;
}

/** A program that a measurement needs is not installed. */
export class ProgramMissing extends Error {}

const places = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/usr/local/sbin"];

function pathOf(program: string): string {
  const found = places.map(folder => join(folder, program)).find(path => existsSync(path));
  if (found === undefined) throw new ProgramMissing(`${program} is not installed, and this measurement needs it`);
  return found;
}

/** Without bounds on what waits for a subscriber: what is lost is lost elsewhere. Throws ProgramMissing. */
export function startMosquitto(folder: string): Promise<ChildServer> {
  return start("mqtt", pathOf("mosquitto"), port => {
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
    return ["-c", config];
  });
}

/** Keeps what it is given as an installation would have it, with a flush to the disk every second. Throws ProgramMissing. */
export function startRedis(folder: string): Promise<ChildServer> {
  return start("redis", pathOf("redis-server"), port => [
    ...["--port", String(port), "--bind", "127.0.0.1", "--dir", folder, "--save", ""],
    ...["--appendonly", "yes", "--appendfsync", "everysec", "--auto-aof-rewrite-min-size", "512mb"],
    ...["--maxmemory-policy", "noeviction"],
  ]);
}

async function start(
  scheme: string,
  program: string,
  argumentsFor: (port: number) => readonly string[],
): Promise<ChildServer> {
  const port = await freePort();
  const child = spawn(program, argumentsFor(port), { stdio: "ignore" });
  const exited = once(child, "exit");
  const stop = async (): Promise<void> => {
    child.kill();
    await exited;
  };
  if (await isReachable(port)) return { url: `${scheme}://127.0.0.1:${port}`, stop };
  await stop();
  throw new Error(`${program} does not answer`);
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

async function isReachable(port: number): Promise<boolean> {
  for (let attempt = 0; attempt < 400; attempt += 1) {
    const reached = await new Promise<boolean>(resolve => {
      const socket = connect(port, "127.0.0.1", () => resolve(true));
      socket.once("error", () => resolve(false));
      socket.once("connect", () => socket.destroy());
    });
    if (reached) return true;
    await pause(25);
  }
  return false;
}
