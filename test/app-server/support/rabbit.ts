import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "./mosquitto.ts";
import { type Program, programAt, startProgram } from "./programs.ts";

const program = programAt("rabbitmq-server", "/usr/lib/rabbitmq/bin/rabbitmq-server");
const portMapper = programAt("epmd", "/usr/bin/epmd", "/usr/lib/erlang/bin/epmd");

/** Why tests with RabbitMQ cannot run here, or undefined. */
export const whyNoRabbit: string | undefined = program && portMapper ? undefined : "not installed";

/** On loopback, with AMQP 1.0 on the port of 0-9-1, and ports, folders and a port mapper of its own: seconds to start. */
export async function startRabbit() {
  const folder = await mkdtemp(join(tmpdir(), "upchirp-rabbit-"));
  const [port, distribution, mapper] = [await freePort(), await freePort(), await freePort()];
  await writeFile(join(folder, "plugins"), "[rabbitmq_amqp1_0].");
  const env = {
    HOME: folder,
    ERL_EPMD_ADDRESS: "127.0.0.1",
    ERL_EPMD_PORT: `${mapper}`,
    RABBITMQ_NODENAME: `upchirp${port}@localhost`,
    RABBITMQ_NODE_IP_ADDRESS: "127.0.0.1",
    RABBITMQ_NODE_PORT: `${port}`,
    RABBITMQ_DIST_PORT: `${distribution}`,
    RABBITMQ_MNESIA_BASE: join(folder, "data"),
    RABBITMQ_LOG_BASE: join(folder, "log"),
    RABBITMQ_CONFIG_FILE: join(folder, "none"),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, "plugins"),
    // What a new installation turns on, and these tests do not need, takes a second or two.
    RABBITMQ_FEATURE_FLAGS: "",
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: "-kernel inet_dist_use_interface {127,0,0,1} -mode interactive",
  };
  const started: Program[] = [];
  const close = async (): Promise<void> => {
    for (const one of started.reverse()) await one.stop();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    // One that the server started itself would outlive it.
    started.push(await startProgram(portMapper ?? "", ["-address", "127.0.0.1", "-port", `${mapper}`], mapper));
    started.push(await startProgram(program ?? "", [], port, env, true));
    return { port, close };
  } catch (error) {
    await close();
    throw error;
  }
}
