import { execFile, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const search = [...(process.env.PATH ?? "").split(":"), "/usr/sbin", "/usr/local/sbin"].join(":");

/** Why tests with Mosquitto cannot run here, or undefined. On CI they must run. */
export function mosquittoMissing(): string | undefined {
  try {
    execFileSync("sh", ["-c", "command -v mosquitto && command -v mosquitto_sub && command -v mosquitto_pub"], {
      env: { PATH: search },
      stdio: "ignore",
    });
    return undefined;
  } catch {
    if (process.env.CI === "true") throw new Error("Mosquitto and its clients are needed on CI");
    return "mosquitto, mosquitto_sub and mosquitto_pub are not installed";
  }
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>(resolve => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise<void>(resolve => server.close(() => resolve()));
  if (typeof address !== "object" || address === null) throw new Error("no port");
  return address.port;
}

async function untilReachable(port: number): Promise<void> {
  for (;;) {
    const reached = await new Promise<boolean>(resolve => {
      const socket = connect(port, "127.0.0.1", () => resolve(true));
      socket.on("error", () => resolve(false));
      socket.on("close", () => resolve(false));
      setTimeout(() => socket.destroy(), 200);
    });
    if (reached) return;
    await new Promise(resolve => setTimeout(resolve, 20));
  }
}

/** A Mosquitto on loopback with the login `server` / `secret`. */
export async function startMosquitto(port: number) {
  const folder = mkdtempSync(join(tmpdir(), "upchirp-mosquitto-"));
  const passwords = join(folder, "passwords");
  execFileSync("sh", ["-c", "mosquitto_passwd -b -c passwords server secret && chmod 644 passwords && chmod 755 ."], {
    cwd: folder,
    env: { PATH: search },
    stdio: "ignore",
  });
  const config = join(folder, "mosquitto.conf");
  writeFileSync(
    config,
    `listener ${port} 127.0.0.1\nallow_anonymous false\npassword_file ${passwords}\npersistence false\n`,
  );
  const child = spawn("mosquitto", ["-c", config], { env: { PATH: search }, stdio: "ignore" });
  await untilReachable(port);
  return {
    async stop(): Promise<void> {
      const gone = new Promise<void>(resolve => child.once("exit", () => resolve()));
      child.kill();
      await gone;
      rmSync(folder, { recursive: true });
    },
  };
}

const login = (port: number): string[] => ["-h", "127.0.0.1", "-p", String(port), "-u", "server", "-P", "secret"];

/** What `mosquitto_sub` prints for so many messages: `topic payload`, sorted. */
export async function mosquittoSub(port: number, filter: string, count: number): Promise<readonly string[]> {
  const args = [...login(port), "-t", filter, "-q", "1", "-C", String(count), "-v"];
  const { stdout } = await promisify(execFile)("mosquitto_sub", args, { env: { PATH: search }, timeout: 10_000 });
  return stdout.trim().split("\n").sort();
}

export function mosquittoPub(port: number, topic: string, message: string): void {
  execFileSync("mosquitto_pub", [...login(port), "-t", topic, "-m", message, "-q", "1"], { env: { PATH: search } });
}
