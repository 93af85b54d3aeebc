import { Worker } from "node:worker_threads";
import type { Clock } from "../clock.ts";
import type { ScriptDialect } from "./dialect.ts";
import type { ScriptAnswer, ScriptCall, ScriptLimits } from "./script-host.ts";
import type { WorkerBatch, WorkerCalls, WorkerResults, WorkerSetup } from "./worker.ts";

export interface PoolOptions {
  readonly clock: Clock;
  readonly workers: number;
  /** Calls that may wait; further ones fail at once. */
  readonly maxWaiting: number;
  readonly limits: ScriptLimits;
  readonly dialect: ScriptDialect;
  /** How long a call may leave its worker without an answer beyond the time limit, before the worker is replaced. */
  readonly graceMs: number;
  /** A script that overran this often in a row rests, so that it cannot eat the workers' time for ever. */
  readonly overrunsBeforeRest: number;
  readonly restMs: number;
}

interface Job extends ScriptCall {
  readonly id: number;
  readonly resolve: (answer: ScriptAnswer) => void;
  /** Times that its worker went away under it. */
  losses: number;
}

interface PoolWorker {
  readonly thread: Worker;
  readonly progress: Int32Array;
  readonly inFlight: Map<number, Job>;
  seen: number;
  ticksSeen: number;
}

const maxBatch = 64;
const ticksBeforeReplacing = 4;
// From sources the worker is TypeScript, in the published package JavaScript.
const workerFile = new URL(import.meta.url.endsWith(".ts") ? "./worker.ts" : "./worker.js", import.meta.url);

/** Worker threads that run scripts. Calls are taken in turn from the scripts that have any, and sent in batches. */
export class WorkerPool {
  readonly #options: PoolOptions;
  readonly #workers: PoolWorker[] = [];
  /** By key, in the order of their turns. */
  readonly #waiting = new Map<string, Job[]>();
  readonly #overruns = new Map<string, { count: number; restsUntilUs: number }>();
  #waitingCount = 0;
  #nextId = 1;
  #dispatchPlanned = false;
  #stopWatching: (() => void) | undefined;
  #closed = false;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  run(call: ScriptCall): Promise<ScriptAnswer> {
    if (this.#closed) return Promise.resolve(failure("the sandbox is closed"));
    if (this.#waitingCount >= this.#options.maxWaiting) return Promise.resolve(failure("too many calls are waiting"));
    const overruns = this.#overruns.get(call.key);
    if (overruns !== undefined && overruns.restsUntilUs > this.#options.clock.monotonicUs()) {
      const message = `the script is suspended for ${this.#options.restMs / 1000} s because it keeps running too long`;
      return Promise.resolve(failure(message));
    }
    return new Promise(resolve => {
      const id = this.#nextId;
      this.#nextId = id === 0x7fffffff ? 1 : id + 1;
      this.#enqueue({ ...call, id, resolve, losses: 0 });
      this.#planDispatch();
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#stopWatching?.();
    const jobs = [...this.#waiting.values(), ...this.#workers.map(worker => [...worker.inFlight.values()])].flat();
    this.#waiting.clear();
    this.#waitingCount = 0;
    const threads = this.#workers.splice(0).map(worker => worker.thread);
    for (const job of jobs) job.resolve(failure("the sandbox is closed"));
    await Promise.all(threads.map(thread => thread.terminate()));
  }

  #enqueue(job: Job): void {
    const jobs = this.#waiting.get(job.key);
    if (jobs === undefined) this.#waiting.set(job.key, [job]);
    else jobs.push(job);
    this.#waitingCount += 1;
  }

  /** Calls of one turn of the event loop go out together. */
  #planDispatch(): void {
    if (this.#dispatchPlanned) return;
    this.#dispatchPlanned = true;
    setImmediate(() => {
      this.#dispatchPlanned = false;
      this.#dispatch();
    });
  }

  #dispatch(): void {
    if (this.#closed) return;
    while (this.#waitingCount > 0) {
      const idle = this.#workers.find(worker => worker.inFlight.size === 0) ?? this.#addWorker();
      if (idle === undefined) break;
      this.#send(idle, this.#take(Math.min(maxBatch, Math.ceil(this.#waitingCount / this.#options.workers))));
    }
    this.#watch();
  }

  /** One job of each script in turn. */
  #take(count: number): Job[] {
    const taken: Job[] = [];
    while (taken.length < count) {
      const [turn] = this.#waiting;
      if (turn === undefined) break;
      const [key, jobs] = turn;
      const job = jobs.shift();
      this.#waiting.delete(key);
      if (jobs.length > 0) this.#waiting.set(key, jobs);
      if (job !== undefined) taken.push(job);
    }
    this.#waitingCount -= taken.length;
    return taken;
  }

  #send(worker: PoolWorker, jobs: readonly Job[]): void {
    for (const job of jobs) worker.inFlight.set(job.id, job);
    worker.thread.postMessage(batchOf(jobs));
  }

  #addWorker(): PoolWorker | undefined {
    if (this.#workers.length >= this.#options.workers) return undefined;
    const progress = new SharedArrayBuffer(4);
    const { limits, dialect } = this.#options;
    const setup: WorkerSetup = { limits, dialect, progress };
    // Nothing of the process's environment or flags reaches the thread.
    const thread = new Worker(workerFile, { workerData: setup, env: {}, execArgv: [], stdout: true, stderr: true });
    const worker: PoolWorker = {
      thread,
      progress: new Int32Array(progress),
      inFlight: new Map(),
      seen: 0,
      ticksSeen: 0,
    };
    thread.unref();
    // The interpreter prints when it aborts; that is no line of our log.
    thread.stdout.resume();
    thread.stderr.resume();
    thread.on("message", (results: WorkerResults) => this.#answered(worker, results));
    thread.on("error", () => this.#replace(worker));
    thread.on("exit", () => this.#replace(worker));
    this.#workers.push(worker);
    return worker;
  }

  #answered(worker: PoolWorker, { ids, jsons, failures }: WorkerResults): void {
    const settle = (id: number, answer: ScriptAnswer) => {
      const job = worker.inFlight.get(id);
      worker.inFlight.delete(id);
      if (job !== undefined) this.#settle(job, answer);
    };
    for (const [index, id] of ids.entries()) settle(id, { kind: "returned", json: jsons[index] ?? "" });
    for (const { id, answer } of failures) settle(id, answer);
    if (worker.inFlight.size === 0) this.#dispatch();
  }

  #settle(job: Job, answer: ScriptAnswer): void {
    if (answer.kind === "failed" && answer.overran) this.#countOverrun(job.key);
    else this.#overruns.delete(job.key);
    job.resolve(answer);
  }

  #countOverrun(key: string): void {
    const count = (this.#overruns.get(key)?.count ?? 0) + 1;
    const rests = count >= this.#options.overrunsBeforeRest;
    const restsUntilUs = rests ? this.#options.clock.monotonicUs() + this.#options.restMs * 1000 : 0;
    this.#overruns.set(key, { count: rests ? 0 : count, restsUntilUs });
  }

  /** A call that built-in code of the interpreter keeps from being interrupted shows as the same job tick after tick. */
  #watch(): void {
    const busy = this.#workers.some(worker => worker.inFlight.size > 0);
    if (!busy || this.#stopWatching !== undefined || this.#closed) return;
    const tickMs = (this.#options.limits.timeMs + this.#options.graceMs) / ticksBeforeReplacing;
    this.#stopWatching = this.#options.clock.after(tickMs, () => {
      this.#stopWatching = undefined;
      for (const worker of [...this.#workers]) this.#tick(worker);
      this.#watch();
    });
  }

  #tick(worker: PoolWorker): void {
    const current = Atomics.load(worker.progress, 0);
    const same = current !== 0 && current === worker.seen;
    worker.ticksSeen = same ? worker.ticksSeen + 1 : 0;
    worker.seen = current;
    if (worker.ticksSeen < ticksBeforeReplacing) return;
    void worker.thread.terminate();
    this.#replace(worker);
  }

  /** The job that was running fails; the others have done nothing wrong and run again elsewhere. */
  #replace(worker: PoolWorker): void {
    const index = this.#workers.indexOf(worker);
    if (index < 0) return;
    this.#workers.splice(index, 1);
    const culprit = Atomics.load(worker.progress, 0);
    for (const job of worker.inFlight.values()) {
      job.losses += 1;
      if (job.id === culprit || job.losses > 2) {
        this.#settle(job, {
          kind: "failed",
          message: "the script did not come to an end and was killed",
          overran: true,
        });
      } else {
        this.#enqueue(job);
      }
    }
    this.#planDispatch();
  }
}

function batchOf(jobs: readonly Job[]): WorkerBatch {
  const calls = new Map<string, { ids: number[]; inputs: string[] } & Omit<WorkerCalls, "ids" | "inputs">>();
  for (const { id, key, script, operation, inputJson } of jobs) {
    const name = `${operation} ${key}`;
    const known = calls.get(name) ?? { key, script, operation, ids: [], inputs: [] };
    known.ids.push(id);
    known.inputs.push(inputJson);
    calls.set(name, known);
  }
  return [...calls.values()];
}

const failure = (message: string): ScriptAnswer => ({ kind: "failed", message, overran: false });
