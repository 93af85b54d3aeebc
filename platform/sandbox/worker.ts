import { parentPort, workerData } from "node:worker_threads";
import type { ScriptDialect } from "./dialect.ts";
import { type ScriptAnswer, ScriptHost, type ScriptLimits } from "./script-host.ts";

/** A batch of calls for one worker thread; scripts are sent once a batch. */
export interface WorkerBatch {
  readonly scripts: Readonly<Record<string, string>>;
  readonly jobs: readonly WorkerJob[];
}

interface WorkerJob {
  /** 1 to 2^31-1. */
  readonly id: number;
  readonly key: string;
  readonly operation: string;
  readonly inputJson: string;
}

export type WorkerResults = readonly { readonly id: number; readonly answer: ScriptAnswer }[];

export interface WorkerSetup {
  readonly limits: ScriptLimits;
  readonly dialect: ScriptDialect;
  /** One Int32: the job under way, so that the pool knows whom to blame. */
  readonly progress: SharedArrayBuffer;
}

/** Results are sent at the end of a batch, or after this long, so that one slow script does not hold up others. */
const flushAfterMs = 5;

async function runBatch(host: ScriptHost, progress: Int32Array, batch: WorkerBatch): Promise<void> {
  let results: { id: number; answer: ScriptAnswer }[] = [];
  let startedMs = performance.now();
  for (const { id, key, operation, inputJson } of batch.jobs) {
    Atomics.store(progress, 0, id);
    const answer = await host.run({ key, script: batch.scripts[key] ?? "", operation, inputJson });
    results.push({ id, answer });
    if (performance.now() - startedMs < flushAfterMs) continue;
    parentPort?.postMessage(results satisfies WorkerResults);
    results = [];
    startedMs = performance.now();
  }
  Atomics.store(progress, 0, 0);
  if (results.length > 0) parentPort?.postMessage(results satisfies WorkerResults);
}

if (parentPort !== null) {
  const { limits, dialect, progress }: WorkerSetup = workerData;
  const host = new ScriptHost(limits, dialect);
  const current = new Int32Array(progress);
  let chain = Promise.resolve();
  parentPort.on("message", (batch: WorkerBatch) => {
    chain = chain.then(() => runBatch(host, current, batch));
  });
}
