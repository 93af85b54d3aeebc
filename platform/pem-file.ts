import { readFileSync } from "node:fs";
import { ConfigError } from "./errors.ts";

/** The text of a PEM file that this option names. Throws ConfigError. */
export function readPem(option: string, path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError(`${option}: ${reason}`);
  }
}
