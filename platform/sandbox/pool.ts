import { Worker } from "node:worker_threads";
import type { Clock } from "../clock.ts";
import { Conduct } from "./conduct.ts";
import type { ScriptDialect } from "./dialect.ts";
import { FairQueue } from "./fair-queue.ts";
import type { ScriptAnswer } from "./script-answer.ts";
import type { ScriptCall, ScriptLimits } from "./script-host.ts";
import type { WorkerBatch, WorkerCalls, WorkerResults, WorkerSetup } from "./worker.ts";

export interface PoolCall extends ScriptCall {
  /** Whose script it is (a tenant): each owner has the same share of the workers' time when there is not enough. */
  readonly owner: string;
}

export interface Suspension {
  readonly owner: string;
  readonly key: string;
  readonly forMs: number;
}

export interface PoolOptions {
  readonly clock: Clock;
  readonly workers: number;
  /** Calls that may wait; further ones fail at once. */
  readonly maxWaiting: number;
  readonly limits: ScriptLimits;
  readonly dialect: ScriptDialect;
  /** How long a call may leave its worker without an answer beyond the time limit, before the worker is replaced. */
  readonly graceMs: number;
  /** A script that overran this often, with few good calls between, rests, so that it cannot eat time for ever. */
  readonly overrunsBeforeRest: number;
  /** The first time; twice as long each time after that, up to `longestRestMs`. */
  readonly restMs: number;
  readonly longestRestMs: number;
  readonly onSuspended?: (suspension: Suspension) => void;
}

interface Job extends PoolCall {
  readonly id: number;
  readonly resolve: (answer: ScriptAnswer) => void;
  /** What its owner was charged when it left. */
  chargedMs: number;
  /** Times that its worker went away under it. */
  losses: number;
}

interface PoolWorker {
  readonly thread: Worker;
  readonly progress: Int32Array;
  readonly inFlight: Map<number, Job>;
  /** It runs a call that is expected to be slow, alone. */
  isSlow: boolean;
  seen: number;
  ticksSeen: number;
}

const maxBatch = 64;
/** What a batch may be expected to take: who comes in the meantime waits for it. */
const maxBatchMs = 10;
const ticksBeforeReplacing = 4;
// From sources the worker is TypeScript, in the published package JavaScript.
const workerFile = new URL(import.meta.url.endsWith(".ts") ? "./worker.ts" : "./worker.js", import.meta.url);

/**
 * Worker threads that run scripts. Owners have equal shares of their time. Calls are sent in batches; those of scripts that
 * are known to be slow go alone, and never to all workers at once where there are several.
 */
export class WorkerPool {
  readonly #options: PoolOptions;
  readonly #workers: PoolWorker[] = [];
  readonly #quick = new FairQueue<Job>();
  readonly #slow = new FairQueue<Job>();
  readonly #conduct: Conduct;
  /** By how much slow calls have had more of a single worker's time than the others. */
  #slowLeadMs = 0;
  #nextId = 1;
  #dispatchPlanned = false;
  #stopWatching: (() => void) | undefined;
  #closed = false;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#conduct = new Conduct(options);
  }

  run(call: PoolCall): Promise<ScriptAnswer> {
    if (this.#closed) return Promise.resolve(failure("the sandbox is closed"));
    const restMs = this.#conduct.restLeftMs(call.key, this.#nowMs());
    if (restMs > 0) return Promise.resolve(failure(suspended(restMs)));
    if (this.#waitingCount >= this.#options.maxWaiting) return Promise.resolve(failure("too many calls are waiting"));
    return new Promise(resolve => {
      const id = this.#nextId;
      this.#nextId = id === 0x7fffffff ? 1 : id + 1;
      this.#enqueue({ ...call, id, resolve, chargedMs: 0, losses: 0 });
      this.#planDispatch();
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#stopWatching?.();
    const inFlight = this.#workers.flatMap(worker => [...worker.inFlight.values()]);
    const jobs = [...this.#quick.clear(), ...this.#slow.clear(), ...inFlight];
    const threads = this.#workers.splice(0).map(worker => worker.thread);
    for (const job of jobs) job.resolve(failure("the sandbox is closed"));
    await Promise.all(threads.map(thread => thread.terminate()));
  }

  get #waitingCount(): number {
    return this.#quick.size + this.#slow.size;
  }

  #nowMs(): number {
    return this.#options.clock.monotonicUs() / 1000;
  }

  #enqueue(job: Job): void {
    (this.#conduct.isSlow(job, this.#nowMs()) ? this.#slow : this.#quick).add(job);
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
      const takesSlow = this.#takesSlow();
      if (!takesSlow && this.#quick.size === 0) break;
      const idle = this.#workers.find(worker => worker.inFlight.size === 0) ?? this.#addWorker();
      if (idle === undefined) break;
      this.#send(idle, takesSlow ? this.#take(this.#slow, 1) : this.#takeQuick(), takesSlow);
    }
    this.#watch();
  }

  #takesSlow(): boolean {
    if (this.#slow.size === 0) return false;
    const { workers } = this.#options;
    if (workers > 1) return this.#workers.filter(worker => worker.isSlow).length < workers - 1;
    return this.#quick.size === 0 || this.#slowLeadMs <= 0;
  }

  #takeQuick(): Job[] {
    return this.#take(this.#quick, Math.min(maxBatch, Math.ceil(this.#quick.size / this.#options.workers)));
  }

  #take(queue: FairQueue<Job>, count: number): Job[] {
    const taken: Job[] = [];
    let expectedMs = 0;
    while (taken.length < count && expectedMs < maxBatchMs) {
      const job = queue.take(({ key }) => this.#conduct.expectedMs(key));
      if (job === undefined) break;
      job.chargedMs = this.#conduct.expectedMs(job.key);
      expectedMs += job.chargedMs;
      taken.push(job);
    }
    return taken;
  }

  #send(worker: PoolWorker, jobs: readonly Job[], isSlow: boolean): void {
    worker.isSlow = isSlow;
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
      isSlow: false,
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

  #answered(worker: PoolWorker, { ids, jsons, tookMs, others }: WorkerResults): void {
    const settle = (id: number, answer: ScriptAnswer, took: number) => {
      const job = worker.inFlight.get(id);
      worker.inFlight.delete(id);
      if (job !== undefined) this.#settle(job, answer, took, worker.isSlow);
    };
    for (const [index, id] of ids.entries()) {
      settle(id, { kind: "returned", json: jsons[index] ?? "" }, tookMs[index] ?? 0);
    }
    for (const { id, answer, tookMs: took } of others) settle(id, answer, took);
    if (worker.inFlight.size > 0) return;
    worker.isSlow = false;
    this.#dispatch();
  }

  #settle(job: Job, answer: ScriptAnswer, tookMs: number, wasSlow: boolean): void {
    const overran = answer.kind === "failed" && answer.overran;
    (wasSlow ? this.#slow : this.#quick).charge(job.owner, tookMs - job.chargedMs);
    this.#slowLeadMs = Math.max(0, this.#slowLeadMs + (wasSlow ? tookMs : -tookMs));
    const forMs = this.#conduct.ran(job, tookMs, overran, this.#nowMs());
    if (overran) this.#setBack(job, forMs);
    job.resolve(answer);
  }

  /** What else waits of an owner whose script overran may be slow too; calls of a script that has to rest fail. */
  #setBack({ owner, key }: Job, restMs: number | undefined): void {
    const waiting = [...this.#quick.remove(owner), ...(restMs === undefined ? [] : this.#slow.remove(owner, key))];
    for (const job of waiting) {
      if (restMs !== undefined && job.key === key) job.resolve(failure(suspended(restMs)));
      else this.#enqueue(job);
    }
    if (restMs !== undefined) this.#options.onSuspended?.({ owner, key, forMs: restMs });
  }

  /** A call that built-in code of the interpreter keeps from being interrupted shows as the same job tick after tick. */
  #watch(): void {
    const busy = this.#workers.some(worker => worker.inFlight.size > 0);
    if (!busy || this.#stopWatching !== undefined || this.#closed) return;
    this.#stopWatching = this.#options.clock.after(this.#patienceMs / ticksBeforeReplacing, () => {
      this.#stopWatching = undefined;
      for (const worker of [...this.#workers]) this.#tick(worker);
      this.#watch();
    });
  }

  get #patienceMs(): number {
    return this.#options.limits.timeMs + this.#options.graceMs;
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
    const message = "the script did not come to an end and was killed";
    for (const job of worker.inFlight.values()) {
      job.losses += 1;
      if (job.id === culprit || job.losses > 2) {
        this.#settle(job, { kind: "failed", message, overran: true }, this.#patienceMs, worker.isSlow);
      } else {
        this.#enqueue(job);
      }
    }
    this.#planDispatch();
  }
}

function batchOf(jobs: readonly Job[]): WorkerBatch {
  const calls = new Map<string, { ids: number[]; inputs: string[] } & Omit<WorkerCalls, "ids" | "inputs">>();
  for (const { id, key, script, operation, isTraced, inputJson } of jobs) {
    const name = `${operation} ${isTraced} ${key}`;
    const known = calls.get(name) ?? { key, script, operation, isTraced, ids: [], inputs: [] };
    known.ids.push(id);
    known.inputs.push(inputJson);
    calls.set(name, known);
  }
  return [...calls.values()];
}

const failure = (message: string): ScriptAnswer => ({ kind: "failed", message, overran: false });

/** People are told whole seconds. */
const suspended = (restMs: number): string =>
  `the script is suspended for ${Math.ceil(restMs / 1000)} s because it keeps running too long`;
