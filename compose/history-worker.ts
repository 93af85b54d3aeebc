import os from "node:os";
import { parentPort, workerData } from "node:worker_threads";
import { createHistoryIntake, type TakenEvents } from "../app-server/history/intake.ts";
import type { HistoryLimits } from "../app-server/history-ports.ts";
import type { ApplicationEvent } from "../app-server/ports.ts";
import { systemClock } from "../platform/clock.ts";
import { SqlError, type SqlErrorCode } from "../platform/errors.ts";
import { createLog } from "../platform/log.ts";
import { createPostgres, type PostgresConnection } from "../platform/postgres.ts";

/** What the thread needs to know. */
export interface HistoryWorkerSetup {
  readonly connection: PostgresConnection;
  readonly limits: HistoryLimits;
}

export type HistoryCall =
  | { readonly id: number; readonly events: readonly ApplicationEvent[] }
  | { readonly id: number; readonly frames: readonly string[] };

/** `close` is answered by the thread's end. */
export type HistoryRequest = HistoryCall | "close";

export type HistoryAnswer =
  | { readonly id: number; readonly taken?: TakenEvents }
  | { readonly id: number; readonly fault: HistoryFault };

/** An error as a message can carry it. */
export interface HistoryFault {
  readonly message: string;
  /** Of a SqlError. */
  readonly code?: SqlErrorCode;
}

/** Events and frames at a time, of which each has one transaction under way, and one for the limits. */
const connections = 3;
/** As PostgreSQL inside: where processors are short, what answers devices in time comes before. */
const niceness = 5;
const lowestPriority = os.constants.priority.PRIORITY_LOW;

const faultOf = (error: unknown): HistoryFault =>
  error instanceof SqlError ? { message: error.message, code: error.code } : { message: String(error) };

/** On Linux it is the priority of this thread alone; elsewhere it would be that of the whole process. */
function comeAfterOthers(): void {
  if (process.platform !== "linux") return;
  try {
    os.setPriority(Math.min(lowestPriority, os.getPriority() + niceness));
  } catch {
    // Where a sandbox forbids it, the thread is as urgent as the others.
  }
}

function serve({ connection, limits }: HistoryWorkerSetup): void {
  comeAfterOthers();
  // Whoever asked is told of what goes wrong, and has a log.
  const log = createLog({ level: "silent" });
  const sql = createPostgres({ connection, log, clock: systemClock, maxConnections: connections });
  const intake = createHistoryIntake(sql, systemClock, limits);
  const answered = async (call: HistoryCall): Promise<HistoryAnswer> => {
    const { id } = call;
    try {
      if ("events" in call) return { id, taken: await intake.events(call.events) };
      await intake.frames(call.frames);
      return { id };
    } catch (error) {
      return { id, fault: faultOf(error) };
    }
  };
  parentPort?.on("message", async (request: HistoryRequest) => {
    if (request !== "close") {
      parentPort?.postMessage(await answered(request));
      return;
    }
    await sql.close();
    parentPort?.close();
  });
}

serve(workerData);
