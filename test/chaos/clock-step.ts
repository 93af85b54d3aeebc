import { existsSync, readdirSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Fault } from "./installation.ts";

/** The wall clock of a program that runs under `environment`; its other clocks go on as ever. */
export interface MovableClock {
  readonly environment: Readonly<Record<string, string>>;
  readonly faults: readonly Fault[];
  readonly impossible: readonly string[];
}

const notInstalled = "libfaketime is not installed";

/** Undefined where the wall clock can be moved. Throws on CI where it cannot. */
export function whyNoClockStep(): string | undefined {
  if (findLibrary() !== undefined) return undefined;
  if (process.env.CI === "true") throw new Error("libfaketime is needed on CI");
  return notInstalled;
}

const steps = ["-3600s", "-60s", "-5s", "+5s", "+60s", "+3600s"];

/** libfaketime, where it is installed, stands between the program and the system's clock (Debian: package faketime). */
export async function createMovableClock(folder: string): Promise<MovableClock> {
  const library = findLibrary();
  if (library === undefined) {
    return { environment: {}, faults: [], impossible: [`clock-step: ${notInstalled}`] };
  }
  const file = join(folder, "clock");
  await writeFile(file, "+0");
  return {
    environment: {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: "1",
      FAKETIME_DONT_FAKE_MONOTONIC: "1",
    },
    faults: [
      {
        kind: "clock-step",
        text: "the wall clock set forward or back, by up to an hour",
        mayLose: "nothing",
        strike: share => writeFile(file, steps[Math.floor(share * steps.length)] ?? "+0"),
      },
    ],
    impossible: [],
  };
}

/** The variant for programs with threads, in the folder of this machine's architecture. */
function findLibrary(): string | undefined {
  const folders = existsSync("/usr/lib") ? readdirSync("/usr/lib").filter(name => name.endsWith("-linux-gnu")) : [];
  return folders.map(name => join("/usr/lib", name, "faketime", "libfaketimeMT.so.1")).find(path => existsSync(path));
}
