import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { EmbeddedPostgresError } from "../errors.ts";

/** What sockaddr_un holds without its final NUL: 108 bytes on Linux, 104 on macOS. */
const longestSocketPath = process.platform === "linux" ? 107 : 103;

const fits = (start: string, port: number): boolean =>
  Buffer.byteLength(`${start}XXXXXX/.s.PGSQL.${port}`) <= longestSocketPath;

const names = ["postgres-socket-", "upchirp-postgres-"];

/**
 * A new folder that only this user can enter: in the data folder, or among the temporary files when that path is too
 * long. Its name is new each time, so that nobody reaches the server of an earlier start by mistake.
 */
export async function makeSocketFolder(dataFolder: string, port: number): Promise<string> {
  const [inside = "", outside = ""] = names;
  const starts = [join(dataFolder, inside), join(tmpdir(), outside), join("/tmp", outside)];
  const start = starts.find(path => fits(path, port));
  if (start !== undefined) return mkdtemp(start);
  throw new EmbeddedPostgresError("postgres_start", `${tmpdir()} is too long a path for a Unix socket; set TMPDIR`);
}

/** Removes only what was made here, since the path may come from a file. */
export async function removeSocketFolder(folder: string): Promise<void> {
  if (names.some(name => basename(folder).startsWith(name))) await rm(folder, { recursive: true, force: true });
}
