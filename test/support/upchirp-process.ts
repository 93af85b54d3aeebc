import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";

const checkout = fileURLToPath(new URL("../../bin/upchirp.js", import.meta.url));

export interface UpchirpProcess {
  readonly child: ChildProcess;
  readonly dataFolder: string;
  readonly apiUrl: string;
  /** 0 without the network-server role. */
  readonly udpPort: number;
  /** 0 without a broker inside. */
  readonly mqttPort: number;
  /** The command line's API key. */
  token(): string;
  /** Everything on standard output and standard error so far. */
  output(): string;
  /** Resolves with the exit code, or null when a signal ended the process. */
  readonly exited: Promise<number | null>;
}

/** A folder that is gone after the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "upchirp-test-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Takes what has to be done in the end. */
export type Later = (end: () => Promise<void>) => void;

/** Runs the command line as a user does; ended after the test, or when `later` has it. */
export function runUpchirp(args: readonly string[], program = checkout, later: Later = onTestFinished) {
  const child = spawn(process.execPath, [program, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let text = "";
  const waiting = new Set<() => void>();
  const take = (chunk: Buffer): void => {
    text += chunk.toString();
    for (const check of waiting) check();
  };
  child.stdout.on("data", take);
  child.stderr.on("data", take);
  const exited = new Promise<number | null>(resolve => child.once("exit", resolve));
  later(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
    await exited;
  });
  /** Resolves when the output matches; rejects when the process ends before. */
  const seen = (pattern: RegExp): Promise<RegExpExecArray> =>
    new Promise((resolve, reject) => {
      const check = (): void => {
        const match = pattern.exec(text);
        if (!match) return;
        waiting.delete(check);
        resolve(match);
      };
      waiting.add(check);
      check();
      void exited.then(code => reject(new Error(`ended with ${code} before ${pattern} was seen:\n${text}`)));
    });
  return { child, exited, seen, output: () => text };
}

/** Starts a server on free ports of the loopback interface and waits until it says that it is ready. */
export async function startUpchirp(
  dataFolder: string,
  args: readonly string[] = [],
  program = checkout,
  later: Later = onTestFinished,
): Promise<UpchirpProcess> {
  const run = runUpchirp(
    [
      "start",
      ...["--data", dataFolder, "--udp-port", "0", "--http-port", "0", "--mqtt-port", "0"],
      ...["--set", "networkServer.udp.bind=127.0.0.1", "--set", "http.bind=127.0.0.1"],
      ...["--set", "appServer.mqtt.broker.bind=127.0.0.1"],
      ...args,
    ],
    program,
    later,
  );
  const [ready] = await run.seen(/is ready[\s\S]*\n\n/);
  const portOf = (pattern: RegExp): number => Number(pattern.exec(ready)?.[1] ?? 0);
  return {
    child: run.child,
    exited: run.exited,
    output: run.output,
    dataFolder,
    apiUrl: `http://127.0.0.1:${portOf(/http:\/\/localhost:(\d+)/)}`,
    udpPort: portOf(/UDP (\d+)/),
    mqttPort: portOf(/MQTT {6}TCP (\d+)/),
    token: () => readFileSync(join(dataFolder, "command-line-token"), "utf8").trim(),
  };
}
