import { hkdfSync, randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { UpchirpError } from "../lorawan/errors.ts";

/** One of the installation's key-encryption keys; 32 bytes that everything stored encrypted is derived from. */
export interface MasterKey {
  /** 8 hex digits; stands beside what was encrypted, so that older keys are found after a rotation. */
  readonly id: string;
  readonly key: Uint8Array;
}

/** The key for new data and those that older data still needs. */
export interface MasterKeys {
  readonly current: MasterKey;
  readonly older: readonly MasterKey[];
}

export class KeyFileError extends UpchirpError {
  readonly code = "key_file";
}

const line = /^([0-9a-f]{8}):([0-9a-f]{64})$/;

/**
 * Text form of master keys, in a file or an environment variable: `id:key` in hex, newest first, separated by line ends or
 * commas. Throws KeyFileError without repeating any of the text.
 */
export function parseMasterKeys(text: string, source: string): MasterKeys {
  const entries = text
    .split("\n")
    .filter(entry => !entry.startsWith("#"))
    .flatMap(entry => entry.split(","))
    .map(entry => entry.trim())
    .filter(entry => entry !== "");
  const keys = entries.map(entry => {
    const match = line.exec(entry);
    if (!match?.[1] || !match[2]) {
      throw new KeyFileError(`${source}: each key is 8 hex digits, a colon and 64 hex digits`, { source });
    }
    return { id: match[1], key: Uint8Array.from(Buffer.from(match[2], "hex")) };
  });
  const [current, ...older] = keys;
  if (!current) throw new KeyFileError(`${source} holds no key`, { source });
  return { current, older };
}

/** Reads the file; makes it with one new key, readable by its owner alone, when it is not there. Throws KeyFileError. */
export function loadOrCreateKeyFile(path: string): MasterKeys {
  if (!existsSync(path)) {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeKeys(path, [newMasterKey()]);
  }
  if (process.platform !== "win32" && (statSync(path).mode & 0o077) !== 0) {
    throw new KeyFileError(`${path} can be read by other users; run: chmod 600 ${path}`, { path });
  }
  return parseMasterKeys(readFileSync(path, "utf8"), path);
}

/** Puts a new key first; the older ones stay for what was encrypted under them. */
export function addMasterKey(path: string): MasterKeys {
  const { current, older } = loadOrCreateKeyFile(path);
  writeKeys(path, [newMasterKey(), current, ...older]);
  return loadOrCreateKeyFile(path);
}

/** A key for one purpose, so that no two uses share one (RFC 5869). */
export const deriveKey = (master: MasterKey, purpose: string, bytes: 16 | 32): Uint8Array =>
  new Uint8Array(hkdfSync("sha256", master.key, "upchirp", purpose, bytes));

const newMasterKey = (): MasterKey => ({ id: randomBytes(4).toString("hex"), key: randomBytes(32) });

// Written beside and renamed: a crash leaves the old file or the new one, never half of it.
function writeKeys(path: string, keys: readonly MasterKey[]): void {
  const header = "# Upchirp key-encryption keys, newest first. Without this file stored device keys cannot be read.\n";
  const text = keys.map(({ id, key }) => `${id}:${Buffer.from(key).toString("hex")}\n`).join("");
  const temporary = `${path}.new`;
  writeFileSync(temporary, header + text, { mode: 0o600, flush: true });
  renameSync(temporary, path);
}
