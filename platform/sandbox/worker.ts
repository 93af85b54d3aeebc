import { parentPort, workerData } from "node:worker_threads";
import type { ScriptDialect } from "./dialect.ts";
import type { ScriptAnswer } from "./script-answer.ts";
import { type ScriptCall, ScriptHost, type ScriptLimits } from "./script-host.ts";
import { prepareTypeStripping } from "./type-stripping.ts";

/** A batch of calls for one worker thread. Lists of plain values, because objects cost the most when a message is copied. */
export type WorkerBatch = readonly WorkerCalls[];

/** Calls of one script's function: `ids[n]` goes with `inputs[n]`. */
export interface WorkerCalls extends Omit<ScriptCall, "inputJson"> {
  /** 1 to 2^31-1. */
  readonly ids: readonly number[];
  /** JSON. */
  readonly inputs: readonly string[];
}

/** `ids[n]` goes with `jsons[n]` and `tookMs[n]`; what is no plain result is among `others`. */
export interface WorkerResults {
  readonly ids: readonly number[];
  readonly jsons: readonly string[];
  readonly tookMs: readonly number[];
  readonly others: readonly { readonly id: number; readonly tookMs: number; readonly answer: ScriptAnswer }[];
}

export interface WorkerSetup {
  readonly limits: ScriptLimits;
  readonly dialect: ScriptDialect;
  /** One Int32: the job under way, so that the pool knows whom to blame. */
  readonly progress: SharedArrayBuffer;
}

/** Results are sent at the end of a batch, or after this long, so that one slow script does not hold up others. */
const flushAfterMs = 5;
/** Or when they are this large, so that no message keeps the event loop that reads them. */
const flushAfterCharacters = 128 * 1024;

async function runBatch(host: ScriptHost, progress: Int32Array, batch: WorkerBatch): Promise<void> {
  let results = new Results();
  for (const [id, call] of inTurn(batch)) {
    // What is not under way is not killed for being slow.
    Atomics.store(progress, 0, 0);
    if (call.script.language === "typescript") await prepareTypeStripping();
    Atomics.store(progress, 0, id);
    const startedMs = performance.now();
    results.add(id, await host.run(call), performance.now() - startedMs);
    if (!results.areDue) continue;
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
    for (const { ids, inputs, ...call } of batch) {
      const [id, inputJson] = [ids[turn], inputs[turn]];
      if (id !== undefined && inputJson !== undefined) yield [id, { ...call, inputJson }];
    }
  }
}

class Results implements WorkerResults {
  readonly ids: number[] = [];
  readonly jsons: string[] = [];
  readonly tookMs: number[] = [];
  readonly others: { id: number; tookMs: number; answer: ScriptAnswer }[] = [];
  readonly #startedMs = performance.now();
  #characters = 0;

  get areDue(): boolean {
    return performance.now() - this.#startedMs >= flushAfterMs || this.#characters >= flushAfterCharacters;
  }

  add(id: number, answer: ScriptAnswer, tookMs: number): void {
    if (answer.kind === "failed" || answer.trace !== undefined) this.others.push({ id, tookMs, answer });
    else {
      this.ids.push(id);
      this.jsons.push(answer.json);
      this.tookMs.push(tookMs);
    }
    if (answer.kind === "returned") this.#characters += answer.json.length;
  }

  send(): void {
    const { ids, jsons, tookMs, others } = this;
    if (ids.length + others.length > 0) parentPort?.postMessage({ ids, jsons, tookMs, others } satisfies WorkerResults);
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
