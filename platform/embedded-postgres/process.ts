import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Clock } from "../clock.ts";
import { EmbeddedPostgresError } from "../errors.ts";
import type { Log } from "../log.ts";
import type { Account } from "./account.ts";
import { postmasterPid, sendSignal } from "./owner.ts";

type Environment = Readonly<Record<string, string>>;

/** Nothing else of our environment: it may hold secrets. */
const environmentOf = (environment: Environment): Record<string, string> => ({
  PATH: process.env.PATH ?? "/usr/bin:/bin",
  LC_ALL: "C",
  ...environment,
});

/**
 * Starts the server and waits for it. Standard input is a pipe that the starting process never writes to: its end comes
 * when that process closes it or dies, in whatever way, and then a fast shutdown is asked for, later an immediate one.
 * The server's processes hold a lock on the cluster, which other containers see where they do not see process ids. Where
 * processors are short they come after the process that answers devices in time.
 */
const guardScript = `
trap '' HUP INT TERM
exec 3<&0 </dev/null 9>>"$1/upchirp.lock"
stale=$2
if command -v flock >/dev/null && ! flock -w 3 9 2>/dev/null && ! flock -n 9; then
  echo 'another PostgreSQL, perhaps in another container, runs on this data folder' >&2
  exit 75
fi
if [ "$stale" = stale ]; then rm -f "$1/postmaster.pid"; fi
shift 2
if command -v nice >/dev/null; then set -- nice -n 5 "$@"; fi
"$@" 3<&- &
server=$!
(
  read -r line <&3
  kill -INT $server
  waited=0
  while [ $waited -lt 30 ] && kill -0 $server; do
    sleep 1
    waited=$((waited + 1))
  done
  kill -QUIT $server
) >/dev/null 2>&1 9>&- &
guard=$!
wait $server
code=$?
kill -KILL $guard
exit $code
`;

const fastStopMs = 25_000;
const immediateStopMs = 5_000;
const keptLines = 20;

/** Runs a program to its end and gives what it printed. Throws EmbeddedPostgresError with it. */
export async function runProgram(
  account: Account,
  command: readonly string[],
  environment: Environment,
): Promise<string> {
  const [program = "", ...rest] = [...account.prefix, ...command];
  const child = spawn(program, rest, {
    stdio: ["ignore", "pipe", "pipe"],
    env: environmentOf(environment),
    cwd: "/",
    ...account.ids,
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", chunk => (output += chunk));
  const code = await new Promise<number | string>(resolve => {
    child.once("error", error => resolve(error.message));
    child.once("close", (exitCode, signal) => resolve(exitCode ?? signal ?? "unknown"));
  });
  if (code === 0) return output;
  throw new EmbeddedPostgresError("postgres_start", `${command[0]} failed (${code}): ${output.trim()}`);
}

export interface ServerOptions {
  readonly account: Account;
  readonly command: readonly string[];
  readonly cluster: string;
  /** postmaster.pid names a process that is no server; it is removed once the cluster's lock is held. */
  readonly staleLock: boolean;
  readonly environment: Environment;
  readonly log: Log;
  readonly clock: Clock;
}

/** A running server: a fast shutdown first, and harder ones when that takes too long. */
export class ServerProcess {
  readonly #options: ServerOptions;
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  readonly #lastLines: string[] = [];
  #exitReason: string | undefined;
  #stopping = false;
  #onUnexpectedExit: (reason: string) => void = () => undefined;

  constructor(options: ServerOptions) {
    this.#options = options;
    const guard = ["sh", "-c", guardScript, "sh", options.cluster, options.staleLock ? "stale" : "fresh"];
    const [program = "", ...rest] = [...options.account.prefix, ...guard, ...options.command];
    const child = spawn(program, rest, {
      stdio: ["pipe", "ignore", "pipe"],
      env: environmentOf(options.environment),
      cwd: "/",
      // Its own group: a Ctrl-C at the terminal is for us, and the database must outlive our own stop.
      detached: true,
      ...options.account.ids,
    });
    this.#child = child;
    child.stdin?.on("error", () => undefined);
    if (child.stderr !== null) createInterface(child.stderr).on("line", line => this.#print(line));
    this.#ended = new Promise(resolve => {
      const end = (reason: string): void => {
        this.#exitReason = [reason, ...this.#lastLines].join("\n");
        if (!this.#stopping) this.#onUnexpectedExit(this.#exitReason);
        resolve();
      };
      child.once("error", error => end(error.message));
      child.once("close", (code, signal) => end(`ended with ${signal ?? code}`));
    });
  }

  /** Undefined while it runs; otherwise how it ended, with its last messages. */
  readonly exitReason = (): string | undefined => this.#exitReason;

  onUnexpectedExit(listener: (reason: string) => void): void {
    this.#onUnexpectedExit = listener;
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    const { cluster, clock, log } = this.#options;
    const signalServer = async (signal: "SIGQUIT" | "SIGKILL"): Promise<void> => {
      const pid = await postmasterPid(cluster);
      log.warn({ signal }, "PostgreSQL does not stop in time");
      if (pid !== undefined) sendSignal(pid, signal);
    };
    const cancels = [
      clock.after(fastStopMs, () => void signalServer("SIGQUIT")),
      clock.after(fastStopMs + immediateStopMs, () => void signalServer("SIGKILL")),
    ];
    this.#child.stdin?.end();
    await this.#ended;
    for (const cancel of cancels) cancel();
  }

  #print(line: string): void {
    this.#lastLines.push(line);
    if (this.#lastLines.length > keptLines) this.#lastLines.shift();
    // FATAL is the end of one connection, told to its client.
    if (line.startsWith("PANIC:")) this.#options.log.error(line);
    else this.#options.log.debug(line);
  }
}

export const startServer = (options: ServerOptions): ServerProcess => new ServerProcess(options);
