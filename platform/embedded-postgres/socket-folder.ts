import { chmod, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EmbeddedPostgresError } from "../errors.ts";

/** What sockaddr_un holds without its final NUL: 108 bytes on Linux, 104 on macOS. */
const longestSocketPath = process.platform === "linux" ? 107 : 103;

export interface SocketFolder {
  readonly folder: string;
  remove(): Promise<void>;
  /** A folder inside the data folder may be another process's, too. */
  removeIfTemporary(): Promise<void>;
}

const fits = (folder: string, port: number): boolean =>
  Buffer.byteLength(join(folder, `.s.PGSQL.${port}`)) <= longestSocketPath;

/** A folder that only this user can enter: in the data folder, or among the temporary files when that path is too long. */
export async function makeSocketFolder(dataFolder: string, port: number): Promise<SocketFolder> {
  const inside = join(dataFolder, "postgres-socket");
  if (fits(inside, port)) {
    await mkdir(inside, { recursive: true, mode: 0o700 });
    await chmod(inside, 0o700);
    const remove = () => rm(inside, { recursive: true, force: true });
    return { folder: inside, remove, removeIfTemporary: async () => undefined };
  }
  const start = [tmpdir(), "/tmp"]
    .map(parent => join(parent, "upchirp-postgres-"))
    .find(path => fits(`${path}XXXXXX`, port));
  if (start === undefined) {
    throw new EmbeddedPostgresError("postgres_start", `${tmpdir()} is too long a path for a Unix socket; set TMPDIR`);
  }
  const folder = await mkdtemp(start);
  const remove = () => rm(folder, { recursive: true, force: true });
  return { folder, remove, removeIfTemporary: remove };
}
