import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { StruckFault } from "./truth.ts";

/** Running programs that make a server of the one or the other kind, on free ports of the loopback interface. */
export interface Installation {
  readonly apiUrl: string;
  /** Of each server that takes frames. */
  readonly udpPorts: readonly number[];
  readonly brokers: readonly Broker[];
  /** What can be done to it. */
  readonly faults: readonly Fault[];
  /** Faults that cannot be tried here, each with the reason. */
  readonly impossible: readonly string[];
  /** An administrator's API key. */
  token(): Promise<string>;
  /** Until everything answers; rejects after a minute. */
  untilReady(): Promise<void>;
  /** How often programs ended that nobody had ended. */
  unasked(): number;
  /** Ends every program. */
  close(): Promise<void>;
}

/** Where events are to be had; past what stands between it and the server. */
export interface Broker {
  readonly name: string;
  readonly url: string;
  /** It knows applications by their own logins, which the API makes. */
  readonly asksForLogin: boolean;
}

export interface Fault extends Pick<StruckFault, "kind" | "mayLose" | "server"> {
  readonly text: string;
  /** `share`, 0 to 1, decides what is left open. Resolves when the blow has been dealt and nothing holds it on. */
  strike(share: number): Promise<void>;
}

export interface SetOptions {
  /** For data and logs. */
  readonly folder: string;
}

export async function temporaryFolder(): Promise<{ readonly folder: string; remove(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), "upchirp-chaos-"));
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) };
}
