import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type JetStreamClient, jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { freePort } from "./mosquitto.ts";
import { type Program, programAt, startProgram } from "./programs.ts";

const program = programAt("nats-server", "/usr/sbin/nats-server", "/usr/bin/nats-server", "/usr/local/bin/nats-server");
export const natsLogin = { user: "upchirp", pass: "secret of theirs" };

/** Why tests with NATS cannot run here, or undefined. */
export const whyNoNats: string | undefined = program === undefined ? "not installed" : undefined;

/** With a stream `up` of all below it, which is kept on the disk. */
export async function startNats() {
  const folder = await mkdtemp(join(tmpdir(), "upchirp-nats-"));
  const port = await freePort();
  const args = [
    "-a",
    "127.0.0.1",
    "-p",
    `${port}`,
    "-js",
    "-sd",
    folder,
    "--user",
    natsLogin.user,
    "--pass",
    natsLogin.pass,
  ];
  let server: Program | undefined;
  let connection: NatsConnection | undefined;
  const start = async (): Promise<JetStreamClient> => {
    server = await startProgram(program ?? "", args, port);
    connection = await connect({ servers: `127.0.0.1:${port}`, ...natsLogin, reconnect: false });
    const manager = await jetstreamManager(connection);
    await manager.streams.add({ name: "up", subjects: ["up.>"], max_msg_size: 4000 });
    return jetstream(connection);
  };
  const stop = async (): Promise<void> => {
    await connection?.close();
    await server?.stop();
  };
  return {
    port,
    start,
    stop,
    async close(): Promise<void> {
      await stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
