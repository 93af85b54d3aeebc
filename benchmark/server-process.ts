import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** A server in a process of its own. */
export interface ServerProcess {
  readonly udpPort: number;
  readonly httpUrl: string;
  /** Absent when the broker inside is off. */
  readonly mqttPort?: number;
  /** From the start of the process to its readiness. */
  readonly startMs: number;
  stop(): Promise<void>;
}

const program = fileURLToPath(new URL("../bin/upchirp.js", import.meta.url));

/** Starts `upchirp start` with a configuration file and waits until it is ready. Rejects with what it printed. */
export async function startServer(configFile: string): Promise<ServerProcess> {
  const beganAtMs = performance.now();
  const child = spawn(process.execPath, [program, "start", "--config", configFile], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  const exited = once(child, "exit");
  const ready = new Promise<void>((resolve, reject) => {
    child.stdout.on("data", (chunk: Buffer) => {
      // Nothing is kept of what a long run logs.
      if (output.length < 100_000) output += chunk.toString();
      if (output.includes(" is ready.")) setImmediate(resolve);
    });
    child.once("exit", code => reject(new Error(`the server ended with ${code}:\n${output}`)));
  });
  await ready;
  const startMs = performance.now() - beganAtMs;
  const [, mqtt] = /MQTT {6}TCP (\d+)/.exec(output) ?? [];
  return {
    udpPort: portIn(output, /UDP (\d+)/),
    httpUrl: `http://127.0.0.1:${portIn(output, /http:\/\/localhost:(\d+)/)}`,
    ...(mqtt !== undefined && { mqttPort: Number(mqtt) }),
    startMs,
    async stop() {
      child.kill();
      await exited;
    },
  };
}

function portIn(output: string, pattern: RegExp): number {
  const [, port] = pattern.exec(output) ?? [];
  if (port === undefined) throw new Error(`the server does not say its ports:\n${output}`);
  return Number(port);
}
