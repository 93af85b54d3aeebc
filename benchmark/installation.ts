import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { configSchema } from "../compose/config.ts";
import { loadConfig } from "../platform/config.ts";
import type { Population } from "../simulators/load/population.ts";
import { type Broker, findMosquitto, startMosquitto } from "./mosquitto.ts";
import { provision } from "./provision.ts";
import { type ServerProcess, startServer } from "./server-process.ts";

/** A server of its own with everything it needs, in a temporary folder. */
export interface Installation {
  readonly server: ServerProcess;
  readonly broker: Broker;
  readonly provisionSeconds: number;
  /** Ends the processes and takes the folder away. */
  close(): Promise<void>;
}

export interface InstallationOptions {
  readonly population: Population;
  readonly gateways: number;
  readonly enforceDutyCycle: boolean;
  readonly progress: (text: string) => void;
}

/** No channels beside the default ones: devices are then as the network wants them, and no command disturbs the run. */
const configurationOf = (folder: string, brokerUrl: string, { enforceDutyCycle }: InstallationOptions): string => `
dataFolder = ${JSON.stringify(join(folder, "data"))}
[log]
level = "warn"
[http]
bind = "127.0.0.1"
port = 0
[networkServer]
enforceDutyCycle = ${enforceDutyCycle}
deviceCacheSize = 200000
[networkServer.udp]
bind = "127.0.0.1"
port = 0
[[networkServer.regions]]
id = "eu868"
region = "EU868"
extraChannels = []
[appServer.mqtt.broker]
enabled = false
[appServer.mqtt.external]
url = ${JSON.stringify(brokerUrl)}
`;

export class MosquittoMissing extends Error {}

export async function openInstallation(options: InstallationOptions): Promise<Installation> {
  const mosquitto = findMosquitto();
  if (mosquitto === undefined) throw new MosquittoMissing("Mosquitto is not installed");
  const folder = mkdtempSync(join(tmpdir(), "upchirp-bench-"));
  const cleanUps: (() => Promise<void> | void)[] = [() => rmSync(folder, { recursive: true, force: true })];
  const close = async (): Promise<void> => {
    for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
  };
  try {
    const broker = await startMosquitto(mosquitto, folder);
    cleanUps.push(() => broker.stop());
    const configFile = join(folder, "upchirp.toml");
    writeFileSync(configFile, configurationOf(folder, broker.url, options));
    const config = loadConfig(configSchema, { file: configFile, env: {}, overrides: [] });
    const beganAtMs = performance.now();
    await provision({ ...options, config });
    const provisionSeconds = (performance.now() - beganAtMs) / 1000;
    const server = await startServer(configFile);
    cleanUps.push(() => server.stop());
    return { server, broker, provisionSeconds, close };
  } catch (error) {
    await close();
    throw error;
  }
}
