import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Program, programAt, startProgram } from "./programs.ts";

const java = programAt("java", "/usr/bin/java", "/usr/local/bin/java");

/** Where `test/support/jars/fetch.sh` has put the jars of a server. */
const jarsOf = (name: string): string =>
  fileURLToPath(new URL(`../../../node_modules/.cache/upchirp/${name}`, import.meta.url));

/** Why a server of jars cannot run here, or undefined; in CI it must run. */
export function whyNoJars(name: string): string | undefined {
  const folder = jarsOf(name);
  const isThere = java !== undefined && existsSync(folder) && readdirSync(folder).some(file => file.endsWith(".jar"));
  if (!isThere && process.env.CI === "true") throw new Error(`in CI: ${name} is not installed`);
  return isThere ? undefined : "not installed";
}

/** A server of jars with little memory. `main` is a class, or a file of source. */
export const startJava = (
  name: string,
  main: string,
  args: readonly string[],
  port: number,
  memoryMb: number,
  options: readonly string[] = [],
): Promise<Program> => {
  const small = [`-Xmx${memoryMb}m`, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"];
  return startProgram(java ?? "", [...small, ...options, "-cp", join(jarsOf(name), "*"), main, ...args], port);
};
