import { accessSync, constants, existsSync, mkdirSync } from "node:fs";
import { resolve } from "node:path";
import { ConfigError } from "./errors.ts";

/**
 * Makes the folder that everything is kept under, for its owner alone, when it is missing. Throws ConfigError when it
 * cannot be made or this user may not write in it.
 */
export function prepareDataFolder(folder: string): void {
  const path = resolve(folder);
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new ConfigError(`${reasonOf(error, path)}; choose another data folder with --data`);
  }
}

function reasonOf(error: unknown, path: string): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  const isThere = existsSync(path);
  if (code === "EEXIST" || code === "ENOTDIR") return `${path} is not a folder, or below something that is none`;
  if (code === "EACCES" || code === "EPERM") return `this user may not ${isThere ? "write in" : "make"} ${path}`;
  if (code === "EROFS") return `${path} is on a file system that is read-only`;
  if (code === "ENOSPC") return `no room is left on the disk of ${path}`;
  return `${path} cannot be used (${String(code)})`;
}
