import type { SinkKind } from "../../app-server/integration/sinks/kind.ts";
import type { Received } from "../contracts/sink.ts";

/** A real server that a sink sends to, and what came out of it, in order. */
export interface OutageReceiver {
  readonly settings: Readonly<Record<string, unknown>>;
  readonly secrets: Readonly<Record<string, unknown>>;
  stop(): Promise<void>;
  start(): Promise<void>;
  /** Gives what came since it was last asked. */
  read(): Promise<readonly Received[]>;
  /** How many events the server says it has, where `read` does not ask the server itself. */
  holds?(): Promise<number>;
  close(): Promise<void>;
}

export interface OutageSink {
  readonly kind: SinkKind;
  readonly open: () => Promise<OutageReceiver>;
  /** Why its server cannot run here, or undefined. */
  readonly whyNot: string | undefined;
}
