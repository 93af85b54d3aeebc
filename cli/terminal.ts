import { text as textOf } from "node:stream/consumers";
import { type Clock, systemClock } from "../platform/clock.ts";

/** The world as commands see it; tests pass one that keeps what is written. */
export interface Terminal {
  write(text: string): void;
  writeError(text: string): void;
  /** Width for tables; undefined when output goes to a file or program, where nothing is cut. */
  readonly columns: number | undefined;
  readonly isTty: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /** Ends commands that go on for long. */
  readonly interrupted: AbortSignal;
  readStandardInput(): Promise<string>;
  setExitCode(code: number): void;
}

export function processTerminal(): Terminal {
  const { stdout, stderr, stdin } = process;
  // `upchirp device list | head` closes the pipe; that is no fault.
  stdout.on("error", (error: NodeJS.ErrnoException) => {
    process.exit(error.code === "EPIPE" ? 0 : 1);
  });
  let interruption: AbortSignal | undefined;
  return {
    write: text => void stdout.write(text),
    writeError: text => void stderr.write(text),
    columns: stdout.isTTY ? stdout.columns : undefined,
    isTty: stdout.isTTY === true,
    env: process.env,
    clock: systemClock,
    // Taken over from the system only for commands that ask; a second Ctrl+C ends those too.
    get interrupted() {
      if (interruption === undefined) {
        const controller = new AbortController();
        interruption = controller.signal;
        for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => controller.abort());
      }
      return interruption;
    },
    readStandardInput: () => textOf(stdin),
    setExitCode: code => {
      process.exitCode = code;
    },
  };
}

/** Names of table columns and the like stand out where colours are wanted (https://no-color.org). */
export function emphasised(terminal: Terminal, text: string): string {
  const isPlain = !terminal.isTty || (terminal.env.NO_COLOR ?? "") !== "" || terminal.env.TERM === "dumb";
  return isPlain ? text : `\u001b[1m${text}\u001b[22m`;
}
