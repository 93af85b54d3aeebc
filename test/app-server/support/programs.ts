import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";

/** The first of these that is there; in CI one of them must be. */
export function programAt(name: string, ...paths: readonly string[]): string | undefined {
  const found = paths.find(path => existsSync(path));
  if (found === undefined && process.env.CI === "true") throw new Error(`in CI: ${name} is not installed`);
  return found;
}

/** In memory where that is: on a busy disk it takes seconds to make the system tables of a database. */
export const quickFolder = (): string => (existsSync("/dev/shm") ? "/dev/shm" : tmpdir());

export interface Program {
  /** SIGTERM, and SIGKILL when that does not end it. */
  stop(): Promise<void>;
}

const patienceMs = 55_000;

/** A server in a process of its own, started when its port answers. With `inGroup` what it has started itself ends with it. */
export async function startProgram(
  path: string,
  args: readonly string[],
  port: number,
  env: Readonly<Record<string, string>> = {},
  inGroup = false,
): Promise<Program> {
  const child = spawn(path, args, { stdio: "ignore", env: { ...process.env, ...env }, detached: inGroup });
  const kill = (signal: NodeJS.Signals): void => {
    if (child.pid === undefined) return;
    try {
      process.kill(inGroup ? -child.pid : child.pid, signal);
    } catch {
      // It has ended by itself.
    }
  };
  const endAt = Date.now() + patienceMs;
  while (!(await answers(port))) {
    if (child.exitCode !== null || Date.now() > endAt) {
      kill("SIGKILL");
      throw new Error(`${path} did not come up`);
    }
    await new Promise(resolve => setTimeout(resolve, 20));
  }
  return { stop: () => ended(child, kill) };
}

async function ended(child: ChildProcess, kill: (signal: NodeJS.Signals) => void): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  kill("SIGTERM");
  const timer = setTimeout(() => kill("SIGKILL"), 5000);
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
