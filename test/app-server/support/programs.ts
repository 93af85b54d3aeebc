import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { connect } from "node:net";

/** The first of these that is there; in CI one of them must be. */
export function programAt(name: string, ...paths: readonly string[]): string | undefined {
  const found = paths.find(path => existsSync(path));
  if (found === undefined && process.env.CI === "true") throw new Error(`in CI: ${name} is not installed`);
  return found;
}

export interface Program {
  /** SIGTERM, and SIGKILL when that does not end it. */
  stop(): Promise<void>;
}

const patienceMs = 55_000;

/** A server in a process of its own, started when its port answers. */
export async function startProgram(
  path: string,
  args: readonly string[],
  port: number,
  env: Readonly<Record<string, string>> = {},
): Promise<Program> {
  const child = spawn(path, args, { stdio: "ignore", env: { ...process.env, ...env } });
  const endAt = Date.now() + patienceMs;
  while (!(await answers(port))) {
    if (child.exitCode !== null || Date.now() > endAt) {
      child.kill("SIGKILL");
      throw new Error(`${path} did not come up`);
    }
    await new Promise(resolve => setTimeout(resolve, 20));
  }
  return { stop: () => ended(child) };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), 5000);
  await gone;
  clearTimeout(timer);
}

const answers = (port: number): Promise<boolean> =>
  new Promise(resolve => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
