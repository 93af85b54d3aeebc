import { parentPort, workerData } from "node:worker_threads";
import type { ScriptDialect } from "./dialect.ts";
import { type ScriptAnswer, type ScriptCall, ScriptHost, type ScriptLimits } from "./script-host.ts";

/** A batch of calls for one worker thread. Lists of plain values, because objects cost the most when a message is copied. */
export type WorkerBatch = readonly WorkerCalls[];

/** Calls of one script's function: `ids[n]` goes with `inputs[n]`. */
export interface WorkerCalls {
  readonly key: string;
  readonly script: string;
  readonly operation: string;
  /** 1 to 2^31-1. */
  readonly ids: readonly number[];
  /** JSON. */
  readonly inputs: readonly string[];
}

/** `ids[n]` goes with `jsons[n]`. */
export interface WorkerResults {
  readonly ids: readonly number[];
  readonly jsons: readonly string[];
  readonly failures: readonly { readonly id: number; readonly answer: ScriptAnswer }[];
}

export interface WorkerSetup {
  readonly limits: ScriptLimits;
  readonly dialect: ScriptDialect;
  /** One Int32: the job under way, so that the pool knows whom to blame. */
  readonly progress: SharedArrayBuffer;
}

/** Results are sent at the end of a batch, or after this long, so that one slow script does not hold up others. */
const flushAfterMs = 5;

async function runBatch(host: ScriptHost, progress: Int32Array, batch: WorkerBatch): Promise<void> {
  let results = new Results();
  for (const [id, call] of inTurn(batch)) {
    Atomics.store(progress, 0, id);
    results.add(id, await host.run(call));
    if (performance.now() - results.startedMs < flushAfterMs) continue;
    results.send();
    results = new Results();
  }
  Atomics.store(progress, 0, 0);
  results.send();
}

/** One call of each script in turn, so that a slow one does not make the others wait for all of its calls. */
function* inTurn(batch: WorkerBatch): Generator<[id: number, call: ScriptCall]> {
  const longest = Math.max(...batch.map(({ ids }) => ids.length));
  for (let turn = 0; turn < longest; turn += 1) {
    for (const { key, script, operation, ids, inputs } of batch) {
      const [id, inputJson] = [ids[turn], inputs[turn]];
      if (id !== undefined && inputJson !== undefined) yield [id, { key, script, operation, inputJson }];
    }
  }
}

class Results implements WorkerResults {
  readonly startedMs = performance.now();
  readonly ids: number[] = [];
  readonly jsons: string[] = [];
  readonly failures: { id: number; answer: ScriptAnswer }[] = [];

  add(id: number, answer: ScriptAnswer): void {
    if (answer.kind === "failed") this.failures.push({ id, answer });
    else {
      this.ids.push(id);
      this.jsons.push(answer.json);
    }
  }

  send(): void {
    const { ids, jsons, failures } = this;
    if (ids.length + failures.length > 0) parentPort?.postMessage({ ids, jsons, failures } satisfies WorkerResults);
  }
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
