import { Worker } from "node:worker_threads";
import type { HistoryIntake, TakenEvents } from "../app-server/history/intake.ts";
import type { ApplicationEvent } from "../app-server/ports.ts";
import { SqlError } from "../platform/errors.ts";
import type { Log } from "../platform/log.ts";
import type { HistoryAnswer, HistoryCall, HistoryFault, HistoryRequest, HistoryWorkerSetup } from "./history-worker.ts";

export interface HistoryThread extends HistoryIntake {
  /** Ends the thread once what it was asked for is done. */
  close(): Promise<void>;
}

// From sources the thread's program is TypeScript, in the published package JavaScript.
const workerFile = new URL(
  import.meta.url.endsWith(".ts") ? "./history-worker.ts" : "./history-worker.js",
  import.meta.url,
);
/** Of what a batch leaves behind; the process's own are for thousands of uplinks under way. */
const youngMegabytes = 16;

interface Waiting {
  resolve(taken: TakenEvents | undefined): void;
  reject(reason: Error): void;
}

/**
 * The history's intake in a thread of its own: what it computes and waits for there holds up no frame. The thread begins with the
 * first call, and anew with the next one after it has died; calls that it had then reject, and may be made again.
 */
export function createHistoryThread(setup: HistoryWorkerSetup, log: Log, program: URL = workerFile): HistoryThread {
  const waiting = new Map<number, Waiting>();
  let thread: Worker | undefined;
  let lastId = 0;

  function begin(): Worker {
    const begun = new Worker(program, {
      workerData: setup,
      resourceLimits: { maxYoungGenerationSizeMb: youngMegabytes },
    });
    begun.on("message", (answer: HistoryAnswer) => {
      const { id } = answer;
      const call = waiting.get(id);
      waiting.delete(id);
      if ("fault" in answer) call?.reject(errorOf(answer.fault));
      else call?.resolve(answer.taken);
    });
    begun.on("error", error => log.error({ err: error }, "the thread of the history has ended; it begins again"));
    begun.on("exit", () => {
      if (thread === begun) thread = undefined;
      const error = new SqlError("sql_unavailable", "the thread of the history has ended");
      for (const call of waiting.values()) call.reject(error);
      waiting.clear();
    });
    return begun;
  }

  function ask(call: (id: number) => HistoryCall): Promise<TakenEvents | undefined> {
    thread ??= begin();
    lastId += 1;
    const id = lastId;
    const { promise, resolve, reject } = Promise.withResolvers<TakenEvents | undefined>();
    waiting.set(id, { resolve, reject });
    thread.postMessage(call(id) satisfies HistoryRequest);
    return promise;
  }

  return {
    async events(given) {
      const taken = await ask(id => ({ id, events: given.map(withoutBody) }));
      if (taken === undefined) throw new Error("the thread of the history has answered something else");
      return taken;
    },
    async frames(given) {
      await ask(id => ({ id, frames: given }));
    },
    async close() {
      const ending = thread;
      if (ending === undefined) return;
      const ended = new Promise(resolve => ending.once("exit", resolve));
      ending.postMessage("close" satisfies HistoryRequest);
      await ended;
    },
  };
}

/** The text says the same, and is copied as one. */
const withoutBody = ({ kind, tenantId, applicationId, devEui, json }: ApplicationEvent): ApplicationEvent => ({
  kind,
  tenantId,
  applicationId,
  devEui,
  json,
});

const errorOf = ({ code, message }: HistoryFault): Error =>
  code === undefined ? new Error(message) : new SqlError(code, message);
