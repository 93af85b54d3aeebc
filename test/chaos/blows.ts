import { readdir, readFile } from "node:fs/promises";
import type { CuttingProxy } from "../support/cutting-proxy.ts";
import type { Fault } from "./installation.ts";
import { type Program, pause } from "./program.ts";
import type { MayLose } from "./truth.ts";

/** A program, or one inside another, as something to be broken. */
export interface Victim {
  /** In the names of faults. */
  readonly name: string;
  /** In sentences. */
  readonly text: string;
  kill(signal: "SIGKILL" | "SIGTERM"): Promise<void>;
  /** Its number, if it is one of several servers that take frames. */
  readonly server?: number;
  /** All its processes. */
  pids(): Promise<readonly number[]>;
}

export const victimOf = (name: string, text: string, program: Program, server?: number): Victim => ({
  name,
  text,
  ...(server !== undefined && { server }),
  kill: program.kill,
  pids: () => familyOf(program.pid()),
});

const ofServer = ({ server }: Victim) => (server === undefined ? {} : { server });
const between = (from: number, to: number, share: number): number => from + (to - from) * share;

export const kill = (victim: Victim, mayLose: MayLose): Fault => ({
  kind: `${victim.name}-kill`,
  text: `kill -9 of ${victim.text}`,
  mayLose,
  ...ofServer(victim),
  strike: () => victim.kill("SIGKILL"),
});

export const killTwice = (victim: Victim, mayLose: MayLose): Fault => ({
  kind: `${victim.name}-kill-twice`,
  text: `kill -9 of ${victim.text}, and again while it starts`,
  mayLose,
  ...ofServer(victim),
  async strike(share) {
    await victim.kill("SIGKILL");
    await pause(between(150, 3000, share));
    await victim.kill("SIGKILL");
  },
});

export const stop = (victim: Victim, mayLose: MayLose): Fault => ({
  kind: `${victim.name}-stop`,
  text: `SIGTERM to ${victim.text}`,
  mayLose,
  ...ofServer(victim),
  strike: () => victim.kill("SIGTERM"),
});

export const freeze = (victim: Victim, mayLose: MayLose): Fault => ({
  kind: `${victim.name}-freeze`,
  text: `${victim.text} frozen (SIGSTOP)`,
  mayLose,
  ...ofServer(victim),
  async strike(share) {
    const pids = await victim.pids();
    for (const pid of pids) sendSignal(pid, "SIGSTOP");
    await pause(between(200, 6000, share));
    for (const pid of pids) sendSignal(pid, "SIGCONT");
  },
});

/** `word` is in the request whose answer is lost. */
export const cut = (name: string, text: string, path: CuttingProxy, word: string): Fault => ({
  kind: `${name}-cut`,
  text: `the connection to ${text} cut with an answer on its way`,
  mayLose: "nothing",
  // Where nothing is asked it does not happen now, and hits the next one who asks.
  strike: () => Promise.race([path.cutAfter(word), pause(2000)]),
});

export function sendSignal(pid: number, name: "SIGKILL" | "SIGSTOP" | "SIGCONT"): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended in this moment.
  }
}

/** The process and its children (proc(5): the fourth field of stat is the parent). */
export async function familyOf(parent: number): Promise<readonly number[]> {
  const family = [parent];
  for (const entry of await readdir("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    const text = await readFile(`/proc/${entry}/stat`, "utf8").catch(() => "");
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    if (Number(fields[1]) === parent) family.push(Number(entry));
  }
  return family;
}
