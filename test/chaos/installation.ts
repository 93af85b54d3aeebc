import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { postmasterPid } from "../../platform/embedded-postgres/owner.ts";
import { freePort } from "../app-server/support/mosquitto.ts";
import { type CuttingProxy, startCuttingProxy } from "../support/cutting-proxy.ts";
import { type Program, startProgram } from "./program.ts";

/** A server with everything that it needs, in a folder of its own and on free ports of the loopback interface. */
export interface Installation {
  readonly folder: string;
  readonly apiUrl: string;
  readonly udpPort: number;
  /** Of the broker itself, past the proxy. */
  readonly brokerUrl: string;
  readonly server: Program;
  readonly broker: Program;
  /** Between the server and the broker. */
  readonly brokerPath: CuttingProxy;
  token(): Promise<string>;
  postgresPid(): Promise<number | undefined>;
  untilReady(): Promise<void>;
  /** Ends everything; the folder stays if it is to be looked at. */
  close(keepFolder: boolean): Promise<void>;
}

const upchirp = fileURLToPath(new URL("../../bin/upchirp.js", import.meta.url));
/** Debian keeps servers where a user's search path does not look. */
const searchPath = [process.env.PATH ?? "", "/usr/sbin", "/usr/local/sbin"].join(":");

/** Everything in one process but the broker, which is Mosquitto. */
export async function startEmbeddedSet(): Promise<Installation> {
  const folder = await mkdtemp(join(tmpdir(), "upchirp-chaos-"));
  const dataFolder = join(folder, "data");
  const [httpPort, brokerPort, udpPort] = [await freePort(), await freePort(), await freeUdpPort()];
  const broker = await startBroker(folder, brokerPort);
  const brokerPath = await startCuttingProxy(brokerPort);
  const apiUrl = `http://127.0.0.1:${httpPort}`;
  const server = startProgram({
    command: [
      process.execPath,
      upchirp,
      "start",
      ...["--data", dataFolder, "--udp-port", `${udpPort}`, "--http-port", `${httpPort}`, "--log-level", "info"],
      ...["networkServer.udp.bind=127.0.0.1", "http.bind=127.0.0.1", "appServer.mqtt.broker.enabled=false"].flatMap(
        set,
      ),
      ...[`appServer.mqtt.external.url=mqtt://127.0.0.1:${brokerPath.port}`].flatMap(set),
      // Gateways of this load answer more than Europe's rules let one transmit.
      ...set("networkServer.enforceDutyCycle=false"),
    ],
    logFile: join(folder, "server.log"),
    ready: () => answers(`${apiUrl}/readyz`),
  });
  const cluster = join(dataFolder, "postgres", "postgres");
  return {
    folder,
    apiUrl,
    udpPort,
    brokerUrl: `mqtt://127.0.0.1:${brokerPort}`,
    server,
    broker,
    brokerPath,
    token: async () => (await readFile(join(dataFolder, "command-line-token"), "utf8")).trim(),
    postgresPid: () => postmasterPid(cluster),
    async untilReady() {
      await Promise.all([server.untilReady(), broker.untilReady()]);
    },
    async close(keepFolder) {
      await server.stop();
      await brokerPath.close();
      await broker.stop();
      if (!keepFolder) await rm(folder, { recursive: true, force: true });
    },
  };
}

const set = (assignment: string): readonly string[] => ["--set", assignment];

/**
 * Sessions and subscriptions are saved as they change, and nothing waits inside for a place among the unacknowledged: what
 * the broker has acknowledged is in the subscriber's socket when it dies.
 */
async function startBroker(folder: string, port: number): Promise<Program> {
  const place = join(folder, "broker");
  await mkdir(place);
  const file = join(folder, "mosquitto.conf");
  const lines = [
    `listener ${port} 127.0.0.1`,
    "allow_anonymous true",
    "user root",
    "persistence true",
    `persistence_location ${place}/`,
    "autosave_on_changes true",
    "autosave_interval 1",
    "max_inflight_messages 0",
    "max_queued_messages 0",
  ];
  await writeFile(file, `${lines.join("\n")}\n`);
  return startProgram({
    command: ["mosquitto", "-c", file],
    environment: { PATH: searchPath },
    logFile: join(folder, "broker.log"),
    ready: () => reachable(port),
  });
}

async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(2000) });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}

const reachable = (port: number): Promise<boolean> =>
  new Promise(resolve => {
    const socket = connect(port, "127.0.0.1", () => resolve(true));
    socket.on("error", () => resolve(false));
    socket.on("connect", () => socket.destroy());
  });

async function freeUdpPort(): Promise<number> {
  const socket = createSocket("udp4");
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  const { port } = socket.address();
  socket.close();
  await once(socket, "close");
  return port;
}
