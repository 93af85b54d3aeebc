import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { postmasterPid } from "../../platform/embedded-postgres/owner.ts";
import { freePort } from "../app-server/support/mosquitto.ts";
import { startCuttingProxy } from "../support/cutting-proxy.ts";
import { freeUdpPort, startBroker, startUpchirp } from "./backing-programs.ts";
import { cut, familyOf, freeze, kill, killTwice, sendSignal, stop, type Victim, victimOf } from "./blows.ts";
import { createMovableClock } from "./clock-step.ts";
import { createSmallDisk } from "./full-disk.ts";
import type { Installation, SetOptions } from "./installation.ts";
import { NotReady, type Program, pause } from "./program.ts";

/** One server with everything inside, and Mosquitto beside its own broker. */
export async function startEmbeddedSet({ folder }: SetOptions): Promise<Installation> {
  const dataFolder = join(folder, "data");
  await mkdir(dataFolder, { mode: 0o700 });
  const [httpPort, brokerPort, ownBrokerPort] = [await freePort(), await freePort(), await freePort()];
  const udpPort = await freeUdpPort();
  const apiUrl = `http://127.0.0.1:${httpPort}`;
  const disk = await createSmallDisk(dataFolder, { consumerPid: () => broker.pid(), apiUrl });
  const clock = await createMovableClock(folder);
  const broker = await startBroker(folder, brokerPort);
  const brokerPath = await startCuttingProxy(brokerPort);
  const brokerUrl = `appServer.mqtt.external.url=mqtt://127.0.0.1:${brokerPath.port}`;
  const server = startUpchirp({
    ...{ folder, name: "server", httpPort, environment: clock.environment },
    args: [
      ...["--data", dataFolder, "--udp-port", `${udpPort}`, "--mqtt-port", `${ownBrokerPort}`],
      ...["--set", "appServer.mqtt.broker.bind=127.0.0.1", "--set", brokerUrl],
      ...["--set", `appServer.integrations.allowedNetworks=${JSON.stringify(["127.0.0.0/8"])}`],
    ],
  });
  const whole = victimOf("server", "the server", server);
  const postgres = embeddedPostgres(join(dataFolder, "postgres", "postgres"), server);
  const itsBroker = victimOf("broker", "the MQTT broker", broker);
  return {
    apiUrl,
    udpPorts: [udpPort],
    brokers: [
      { name: "Mosquitto", url: `mqtt://127.0.0.1:${brokerPort}`, asksForLogin: false },
      { name: "the broker inside", url: `mqtt://127.0.0.1:${ownBrokerPort}`, asksForLogin: true },
    ],
    faults: [
      kill(whole, "uncommitted"),
      killTwice(whole, "uncommitted"),
      stop(whole, "unacknowledged"),
      freeze(whole, "unacknowledged"),
      kill(postgres, "uncommitted"),
      freeze(postgres, "nothing"),
      kill(itsBroker, "nothing"),
      stop(itsBroker, "nothing"),
      freeze(itsBroker, "nothing"),
      cut("broker", "the MQTT broker", brokerPath, "application/"),
      ...disk.faults,
      ...clock.faults,
    ],
    impossible: [...disk.impossible, ...clock.impossible],
    token: async () => (await readFile(join(dataFolder, "command-line-token"), "utf8")).trim(),
    async untilReady() {
      await Promise.all([server.untilReady(), broker.untilReady()]);
    },
    unasked: () => server.unasked() + broker.unasked(),
    async close() {
      await server.stop();
      await brokerPath.close();
      await broker.stop();
      await disk.remove();
    },
  };
}

const endsWithinMs = 30_000;

/** A server whose own database has ended ends as well, and is started again. */
function embeddedPostgres(cluster: string, server: Program): Victim {
  const pid = async (): Promise<number> => {
    for (let tries = 0; tries < 100; tries += 1) {
      const found = await postmasterPid(cluster);
      if (found !== undefined) return found;
      await pause(100);
    }
    throw new Error("the PostgreSQL of the server does not run");
  };
  return {
    name: "postgres",
    text: "PostgreSQL",
    async kill() {
      const before = server.unasked();
      sendSignal(await pid(), "SIGKILL");
      for (let waitedMs = 0; server.unasked() === before; waitedMs += 20) {
        if (waitedMs > endsWithinMs) throw new NotReady("the server has not ended with its PostgreSQL");
        await pause(20);
      }
    },
    pids: async () => familyOf(await pid()),
  };
}
