import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";

export interface ProgramOptions {
  readonly command: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** Another account to run it under. */
  readonly ids?: { readonly uid: number; readonly gid: number };
  /** Gets what each life of the program prints. */
  readonly logFile: string;
  /** Resolves when it does its work. */
  ready(): Promise<boolean>;
}

/** A program that is started again whenever it ends, as a service manager does. */
export interface Program {
  /** Of the process that runs now. */
  pid(): number;
  /** How often it ended otherwise than by `kill`. */
  unasked(): number;
  /** Ends it, and gives up to ten seconds to it for anything but SIGKILL; it is then started again. */
  kill(signal: "SIGKILL" | "SIGTERM"): Promise<void>;
  /** Until it does its work; rejects when it does not within a minute. */
  untilReady(): Promise<void>;
  stop(): Promise<void>;
}

/** Something did not come back in time. */
export class NotReady extends Error {}

const restartMs = 100;
const readyWithinMs = 60_000;
const endsWithinMs = 20_000;

export const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms));

export function startProgram(options: ProgramOptions): Program {
  let stopping = false;
  let asked = false;
  let unasked = 0;
  let child = launch(options);
  let exited = follow(child);
  // Whatever ends this process: nothing that it started may outlive it.
  const killChild = (): void => void child.kill("SIGKILL");
  process.once("exit", killChild);

  function follow(started: ChildProcess): Promise<void> {
    return new Promise(resolve => {
      started.once("exit", () => {
        if (!stopping && !asked) unasked += 1;
        asked = false;
        resolve();
        if (!stopping) setTimeout(again, restartMs);
      });
    });
  }

  function again(): void {
    if (stopping) return;
    child = launch(options);
    exited = follow(child);
  }

  const end = async (signal: NodeJS.Signals): Promise<void> => {
    // It has just ended by itself, and starts again anyway.
    if (child.exitCode !== null || child.signalCode !== null) return;
    asked = true;
    const ended = exited;
    const harder = setTimeout(() => child.kill("SIGKILL"), endsWithinMs);
    child.kill(signal);
    await ended;
    clearTimeout(harder);
  };

  return {
    pid: () => child.pid ?? 0,
    unasked: () => unasked,
    kill: end,
    async untilReady() {
      const until = performance.now() + readyWithinMs;
      while (!(await options.ready())) {
        if (performance.now() > until) throw new NotReady(`a program is not ready after a minute: ${options.logFile}`);
        await pause(50);
      }
    },
    async stop() {
      stopping = true;
      await end("SIGTERM");
      process.off("exit", killChild);
    },
  };
}

function launch({ command, environment, ids, logFile }: ProgramOptions): ChildProcess {
  const [program = "", ...args] = command;
  const log = openSync(logFile, "a");
  try {
    return spawn(program, args, { stdio: ["ignore", log, log], env: { ...process.env, ...environment }, ...ids });
  } finally {
    closeSync(log);
  }
}
