import type { Clock } from "./clock.ts";
import { LifecycleTimeout } from "./errors.ts";
import type { Log } from "./log.ts";

/** Something that runs as long as the process does: a server, a connection, a child process. */
export interface Part {
  readonly name: string;
  start?(): Promise<void> | void;
  stop?(): Promise<void> | void;
  /** After which the next part is stopped all the same; 10 s by default. */
  readonly stopTimeoutMs?: number;
}

export interface Lifecycle {
  /** Parts are started in the order they were added in, and stopped in reverse. Only before `start`. */
  add(part: Part): void;
  /** Rejects with the fault of the part that did not start, after the others have been stopped. */
  start(): Promise<void>;
  /** Never rejects, and is done once however often it is called; a part that fails or hangs does not keep the others. */
  stop(): Promise<void>;
  /** True between a complete start and the beginning of the stop. */
  ready(): boolean;
}

const defaultStopTimeoutMs = 10_000;

type Phase = "new" | "starting" | "ready" | "stopping";

class PartLifecycle implements Lifecycle {
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #parts: Part[] = [];
  readonly #started: Part[] = [];
  #phase: Phase = "new";
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;

  constructor(options: { readonly log: Log; readonly clock: Clock }) {
    this.#log = options.log;
    this.#clock = options.clock;
  }

  add(part: Part): void {
    if (this.#phase !== "new") throw new Error(`${part.name} was added after the start`);
    this.#parts.push(part);
  }

  start(): Promise<void> {
    this.#starting ??= this.#startAll();
    return this.#starting;
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stopAll();
    return this.#stopping;
  }

  ready(): boolean {
    return this.#phase === "ready";
  }

  async #startAll(): Promise<void> {
    if (this.#phase === "new") this.#phase = "starting";
    for (const part of this.#parts) {
      // A stop that comes during the start is obeyed between two parts.
      if (this.#phase !== "starting") return;
      try {
        await part.start?.();
      } catch (error) {
        await this.#stopStarted();
        throw error;
      }
      this.#started.push(part);
    }
    if (this.#phase === "starting") this.#phase = "ready";
  }

  async #stopAll(): Promise<void> {
    this.#phase = "stopping";
    await this.#starting?.catch(() => undefined);
    await this.#stopStarted();
  }

  async #stopStarted(): Promise<void> {
    this.#phase = "stopping";
    for (let part = this.#started.pop(); part !== undefined; part = this.#started.pop()) {
      try {
        await this.#withinTime(part);
      } catch (error) {
        this.#log.error({ err: error, stopped: part.name }, "a part did not stop cleanly");
      }
    }
  }

  #withinTime(part: Part): Promise<void> {
    const timeoutMs = part.stopTimeoutMs ?? defaultStopTimeoutMs;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const cancel = this.#clock.after(timeoutMs, () =>
      reject(new LifecycleTimeout(`${part.name} did not stop within ${timeoutMs} ms`, { part: part.name, timeoutMs })),
    );
    const stopping = async (): Promise<void> => part.stop?.();
    stopping().then(resolve, reject);
    return promise.finally(cancel);
  }
}

export const createLifecycle = (options: { readonly log: Log; readonly clock: Clock }): Lifecycle =>
  new PartLifecycle(options);

type StopSignal = "SIGINT" | "SIGTERM";

/** The part of `process` that ends it; tests pass their own. */
interface EndableProcess {
  readonly pid: number;
  kill(pid: number, signal: StopSignal | "SIGKILL"): unknown;
  exit(code: number): void;
}

/** The part of `process` that signals come from. */
export interface SignalSource extends EndableProcess {
  on(signal: StopSignal, listener: (signal: StopSignal) => void): unknown;
  off(signal: StopSignal, listener: (signal: StopSignal) => void): unknown;
}

/**
 * Ends the process by a signal and waits for nothing. `exit` alone joins the thread pool, where a commit of the state
 * store may be waiting for this very thread; it is left for the first process of a container, which no signal of its own
 * reaches.
 */
export function endAtOnce(target: EndableProcess, signal: StopSignal | "SIGKILL", code: number): void {
  target.kill(target.pid, signal);
  target.exit(code);
}

const signalNumbers = { SIGINT: 2, SIGTERM: 15 } as const;

/** One Ctrl-C under npm is two signals: the terminal's own and, moments later, the one that npm passes on. */
const sameSignalUs = 500_000;

/**
 * The first SIGINT or SIGTERM stops cleanly and exits with 0; a second one, half a second later or more, ends the process
 * at once, which shells tell as 128 and the signal's number. Gives a function that leaves signals alone again.
 */
export function stopOnSignals(
  lifecycle: Pick<Lifecycle, "stop">,
  { log, clock }: { readonly log: Log; readonly clock: Pick<Clock, "monotonicUs"> },
  source: SignalSource,
): () => void {
  let firstAtUs: number | undefined;
  const onSignal = (signal: StopSignal): void => {
    const nowUs = clock.monotonicUs();
    if (firstAtUs !== undefined) {
      if (nowUs - firstAtUs < sameSignalUs) return;
      leaveAlone();
      endAtOnce(source, signal, 128 + signalNumbers[signal]);
      return;
    }
    firstAtUs = nowUs;
    log.info({ signal }, "stopping; a second signal ends the process at once");
    lifecycle.stop().then(
      () => source.exit(0),
      () => source.exit(1),
    );
  };
  const leaveAlone = (): void => {
    source.off("SIGINT", onSignal);
    source.off("SIGTERM", onSignal);
  };
  source.on("SIGINT", onSignal);
  source.on("SIGTERM", onSignal);
  return leaveAlone;
}
