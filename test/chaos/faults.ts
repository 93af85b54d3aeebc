import { readdir, readFile } from "node:fs/promises";
import type { Installation } from "./installation.ts";
import { pause } from "./program.ts";
import type { MayLose } from "./truth.ts";

export interface Fault {
  readonly text: string;
  readonly mayLose: MayLose;
  /** `share`, 0 to 1, decides what is left open. Resolves when the blow has been dealt and nothing holds it on. */
  strike(installation: Installation, share: number): Promise<void>;
}

const between = (from: number, to: number, share: number): number => from + (to - from) * share;

const definitions = {
  "server-kill": {
    text: "kill -9 of the server",
    mayLose: "uncommitted",
    strike: ({ server }) => server.kill("SIGKILL"),
  },
  "server-kill-twice": {
    text: "kill -9 of the server, and again while it starts",
    mayLose: "uncommitted",
    async strike({ server }, share) {
      await server.kill("SIGKILL");
      await pause(between(150, 3000, share));
      await server.kill("SIGKILL");
    },
  },
  "server-stop": {
    text: "SIGTERM to the server",
    mayLose: "unacknowledged",
    strike: ({ server }) => server.kill("SIGTERM"),
  },
  "server-freeze": {
    text: "the server frozen (SIGSTOP)",
    mayLose: "unacknowledged",
    strike: ({ server }, share) => freeze([server.pid()], between(200, 6000, share)),
  },
  "postgres-kill": {
    text: "kill -9 of PostgreSQL",
    mayLose: "uncommitted",
    async strike({ postgresPid, server }) {
      const ended = server.unasked() + 1;
      signal(await present(postgresPid), "SIGKILL");
      // A server whose own database has ended ends as well, and is started again.
      while (server.unasked() < ended) await pause(20);
    },
  },
  "postgres-freeze": {
    text: "PostgreSQL frozen (SIGSTOP)",
    mayLose: "nothing",
    async strike({ postgresPid }, share) {
      const pids = await familyOf(await present(postgresPid));
      await freeze(pids, between(200, 6000, share));
    },
  },
  "broker-kill": {
    text: "kill -9 of the MQTT broker",
    mayLose: "nothing",
    strike: ({ broker }) => broker.kill("SIGKILL"),
  },
  "broker-stop": {
    text: "SIGTERM to the MQTT broker",
    mayLose: "nothing",
    strike: ({ broker }) => broker.kill("SIGTERM"),
  },
  "broker-freeze": {
    text: "the MQTT broker frozen (SIGSTOP)",
    mayLose: "nothing",
    strike: ({ broker }, share) => freeze([broker.pid()], between(200, 6000, share)),
  },
  "broker-cut": {
    text: "the connection to the MQTT broker cut with an acknowledgement on its way",
    mayLose: "nothing",
    strike: ({ brokerPath }) => brokerPath.cutAfter("application/"),
  },
} satisfies Readonly<Record<string, Fault>>;

export type FaultKind = keyof typeof definitions;
export const faults: Readonly<Record<FaultKind, Fault>> = definitions;

const isKnown = (name: string): name is FaultKind => Object.hasOwn(faults, name);
export const faultKinds: readonly FaultKind[] = Object.keys(faults).filter(isKnown);

async function present(pid: () => Promise<number | undefined>): Promise<number> {
  for (let tries = 0; tries < 100; tries += 1) {
    const found = await pid();
    if (found !== undefined) return found;
    await pause(100);
  }
  throw new Error("PostgreSQL does not run");
}

function signal(pid: number, name: "SIGKILL" | "SIGSTOP" | "SIGCONT"): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended in this moment.
  }
}

async function freeze(pids: readonly number[], forMs: number): Promise<void> {
  for (const pid of pids) signal(pid, "SIGSTOP");
  await pause(forMs);
  for (const pid of pids) signal(pid, "SIGCONT");
}

/** The process and its children (proc(5): the fourth field of stat is the parent). */
async function familyOf(parent: number): Promise<readonly number[]> {
  const family = [parent];
  for (const entry of await readdir("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    const text = await readFile(`/proc/${entry}/stat`, "utf8").catch(() => "");
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    if (Number(fields[1]) === parent) family.push(Number(entry));
  }
  return family;
}
