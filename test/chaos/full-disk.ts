import { execFileSync } from "node:child_process";
import { open, rm } from "node:fs/promises";
import { join } from "node:path";
import { sendSignal } from "./blows.ts";
import type { Fault } from "./installation.ts";
import { pause } from "./program.ts";

/** A file system of its own on a folder, small enough to be filled. */
export interface SmallDisk {
  readonly faults: readonly Fault[];
  readonly impossible: readonly string[];
  remove(): Promise<void>;
}

interface Users {
  /** A database uses room again that it had before. It needs more when it may give nothing up: this one takes nothing off it. */
  readonly consumerPid: () => number;
  readonly apiUrl: string;
}

/** Room for what ten minutes leave in the history, and for the log of its database, which may grow to 256 MB. */
const size = "1g";
const chunk = Buffer.alloc(1 << 20);
const felt = { withinMs: 20_000, lookEveryMs: 200 };

export async function createSmallDisk(folder: string, users: Users): Promise<SmallDisk> {
  const reason = mount(folder);
  if (reason !== undefined) return { faults: [], impossible: [`disk-full: ${reason}`], remove: async () => {} };
  const unmount = (): void => void execFileSync("umount", ["--lazy", folder], { stdio: "ignore" });
  process.once("exit", unmount);
  return {
    faults: [
      {
        kind: "disk-full",
        text: "no room on the disk of the data folder, while the broker is frozen",
        mayLose: "uncommitted",
        strike: share => fillUntilFelt(join(folder, "filler"), users, share),
      },
    ],
    impossible: [],
    async remove() {
      process.off("exit", unmount);
      unmount();
    },
  };
}

/** Until the server says that its store refuses, and up to three seconds more. */
async function fillUntilFelt(filler: string, { consumerPid, apiUrl }: Users, share: number): Promise<void> {
  const before = await storeFaults(apiUrl);
  const pid = consumerPid();
  sendSignal(pid, "SIGSTOP");
  try {
    await fill(filler);
    const untilMs = performance.now() + felt.withinMs;
    while ((await storeFaults(apiUrl)) === before && performance.now() < untilMs) await pause(felt.lookEveryMs);
    await pause(3000 * share);
  } finally {
    await rm(filler, { force: true });
    sendSignal(pid, "SIGCONT");
  }
}

async function storeFaults(apiUrl: string): Promise<number | undefined> {
  const answer = await fetch(`${apiUrl}/metrics`).catch(() => undefined);
  const [, count] = /^upchirp_store_faults_total (\d+)$/m.exec((await answer?.text()) ?? "") ?? [];
  return count === undefined ? undefined : Number(count);
}

/** Undefined when it has been done. */
function mount(folder: string): string | undefined {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return "only root can mount a small file system";
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${size},mode=0700`, "tmpfs", folder], { stdio: "ignore" });
    return undefined;
  } catch {
    return "a small file system cannot be mounted here";
  }
}

/** Down to the last byte: what a mebibyte does not fit into, smaller pieces fill. */
async function fill(path: string): Promise<void> {
  const file = await open(path, "w");
  try {
    for (let bytes = chunk.length; bytes > 0; ) {
      try {
        const { bytesWritten } = await file.write(chunk, 0, bytes);
        if (bytesWritten === 0) return;
      } catch (error) {
        if (!(error instanceof Error && "code" in error && error.code === "ENOSPC")) throw error;
        bytes = bytes >> 1;
      }
    }
  } finally {
    await file.close();
  }
}
