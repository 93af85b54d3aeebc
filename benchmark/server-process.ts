import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Role } from "../compose/roles.ts";

/** A server, or a part of it, in a process of its own. */
export interface ServerProcess {
  /** With the network-server role. */
  readonly udpPort?: number;
  readonly httpUrl: string;
  /** From the start of the process to its readiness. */
  readonly startMs: number;
  stop(): Promise<void>;
}

export interface ServerProcessOptions {
  readonly configFile: string;
  /** None is all. */
  readonly roles: readonly Role[];
  /** Where the process leaves a CPU profile when it ends. */
  readonly profileFolder?: string;
}

const program = fileURLToPath(new URL("../bin/upchirp.js", import.meta.url));
/** As `npm start` and the files in deploy/ have it. */
const nodeOptions = ["--max-semi-space-size=64"];
/** Nothing is kept of what a long run logs. */
const keptOutput = 100_000;

/** Starts `upchirp start` and waits until it is ready. Rejects with what it printed. */
export async function startServer({ configFile, roles, profileFolder }: ServerProcessOptions): Promise<ServerProcess> {
  const beganAtMs = performance.now();
  const profiling = profileFolder === undefined ? [] : ["--cpu-prof", "--cpu-prof-dir", profileFolder];
  const roleOptions = roles.flatMap(role => ["--role", role]);
  const child = spawn(
    process.execPath,
    [...nodeOptions, ...profiling, program, "start", "--config", configFile, ...roleOptions],
    {
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  let output = "";
  const exited = once(child, "exit");
  await new Promise<void>((resolve, reject) => {
    child.stdout.on("data", (chunk: Buffer) => {
      if (output.length < keptOutput) output += chunk.toString();
      // The ports come in the same piece of text, or in the next.
      if (/ is ready[\s\S]*http:\/\/localhost:\d+/.test(output)) resolve();
    });
    child.once("exit", code => reject(new Error(`the server ended with ${code}:\n${output}`)));
  });
  const startMs = performance.now() - beganAtMs;
  const [, udp] = /UDP (\d+)/.exec(output) ?? [];
  const [, http] = /http:\/\/localhost:(\d+)/.exec(output) ?? [];
  return {
    ...(udp !== undefined && { udpPort: Number(udp) }),
    httpUrl: `http://127.0.0.1:${http}`,
    startMs,
    async stop() {
      child.kill();
      await exited;
    },
  };
}
