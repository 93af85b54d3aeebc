import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, type MqttClient } from "mqtt";
import { freePort } from "./mosquitto.ts";

const path = `${process.env.PATH}:/usr/sbin:/usr/local/sbin`;

/** A Mosquitto whose sessions survive a stop, and a subscriber with such a session to everything. */
export async function startLastingMosquitto(settings: readonly string[] = [], acl: readonly string[] = []) {
  const folder = await mkdtemp(join(tmpdir(), "upchirp-mosquitto-"));
  const port = await freePort();
  const config = join(folder, "mosquitto.conf");
  execFileSync("mosquitto_passwd", ["-b", "-c", join(folder, "passwords"), "server", "secret of theirs"], {
    env: { PATH: path },
    stdio: "ignore",
  });
  const lines = [
    `listener ${port} 127.0.0.1`,
    "allow_anonymous false",
    `password_file ${join(folder, "passwords")}`,
    "persistence true",
    `persistence_location ${folder}/`,
    "max_queued_messages 0",
    "log_dest stderr",
    // As root it would turn into somebody who cannot write here.
    "user root",
    `acl_file ${join(folder, "acl")}`,
    ...settings,
  ];
  await writeFile(join(folder, "acl"), ["user server", "topic readwrite #", ...acl, ""].join("\n"));
  await writeFile(config, `${lines.join("\n")}\n`);
  const messages: { readonly topic: string; readonly text: string }[] = [];
  const login = { username: "server", password: "secret of theirs", reconnectPeriod: 0 } as const;
  let child: ChildProcess | undefined;
  let subscriber: MqttClient | undefined;

  const start = async (): Promise<void> => {
    child = spawn("mosquitto", ["-c", config], { env: { PATH: path }, stdio: ["ignore", "ignore", "pipe"] });
    for await (const chunk of child.stderr?.iterator({ destroyOnReturn: false }) ?? []) {
      if (String(chunk).includes("running")) break;
    }
    child.stderr?.resume();
    subscriber = connect(`mqtt://127.0.0.1:${port}`, { ...login, clean: false, clientId: "subscriber" });
    // What the session kept comes right behind the answer to the connection.
    subscriber.on("message", (topic, payload) => messages.push({ topic, text: payload.toString() }));
    const client = subscriber;
    await new Promise<void>(resolve => client.once("connect", () => resolve()));
    await subscriber.subscribeAsync("#", { qos: 1 });
  };
  const stop = async (): Promise<void> => {
    subscriber?.end(true);
    if (child === undefined || child.exitCode !== null) return;
    const gone = once(child, "exit");
    child.kill();
    await gone;
  };
  await start();
  return {
    port,
    login,
    messages,
    start,
    stop,
    publish: async (topic: string, body: string): Promise<void> => {
      await subscriber?.publishAsync(topic, body, { qos: 1 });
    },
    async close(): Promise<void> {
      await stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
