import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { userInfo } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { freePort } from "./mosquitto.ts";
import { programAt, quickFolder, startProgram } from "./programs.ts";

export const mariadb = programAt(
  "mariadb-server",
  "/usr/sbin/mariadbd",
  "/usr/local/sbin/mariadbd",
  "/usr/local/bin/mariadbd",
);

/** A MariaDB of its own on loopback, with the user root and no password. */
export async function startMariadb(more: readonly string[] = []) {
  const folder = await mkdtemp(join(quickFolder(), "upchirp-mariadb-"));
  const small = [
    "--no-defaults",
    `--datadir=${join(folder, "data")}`,
    `--user=${userInfo().username}`,
    "--innodb-buffer-pool-size=8M",
    "--innodb-log-file-size=4M",
    "--skip-name-resolve",
  ];
  await promisify(execFile)("mariadb-install-db", [
    ...small,
    "--auth-root-authentication-method=normal",
    "--skip-test-db",
  ]);
  const port = await freePort();
  const server = await startProgram(
    mariadb ?? "",
    [
      ...small,
      `--port=${port}`,
      "--bind-address=127.0.0.1",
      `--socket=${join(folder, "socket")}`,
      `--pid-file=${join(folder, "pid")}`,
      "--innodb-flush-log-at-trx-commit=0",
      "--innodb-fast-shutdown=2",
      "--performance-schema=off",
      "--skip-log-bin",
      ...more,
    ],
    port,
  );
  return {
    port,
    async close(): Promise<void> {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
