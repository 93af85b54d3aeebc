import type { Queued } from "./fair-queue.ts";

export interface ConductOptions {
  /** A script that overran this often, with few good calls between, rests. */
  readonly overrunsBeforeRest: number;
  /** The first time; each time after that twice as long. */
  readonly restMs: number;
  readonly longestRestMs: number;
}

interface Record {
  /** Of a call, by the last few. */
  expectedMs: number;
  hasSucceeded: boolean;
  overruns: number;
  restsUntilMs: number;
  rests: number;
}

const mostRecords = 10_000;
/** A call that takes this long is not put before others' in one message. */
const slowMs = 10;
/** Of a script that has not run yet: loading it takes most of that, and nobody knows how it behaves. */
const guessedMs = 5;
/** What a good call takes off the overruns that are counted. */
const pardon = 0.1;
const longestMemory = 10;

/** What is known of scripts by how they ran: which are slow, and which have to rest because they keep running too long. */
export class Conduct {
  readonly #options: ConductOptions;
  /** By key; what was used longest ago goes first. */
  readonly #records = new Map<string, Record>();
  /** Owners of scripts that have overrun of late, with the time until which that is remembered. */
  readonly #warned = new Map<string, number>();

  constructor(options: ConductOptions) {
    this.#options = options;
  }

  /** Milliseconds until the script may run again; 0: now. */
  restLeftMs(key: string, nowMs: number): number {
    return Math.max(0, (this.#records.get(key)?.restsUntilMs ?? 0) - nowMs);
  }

  expectedMs(key: string): number {
    return this.#records.get(key)?.expectedMs ?? guessedMs;
  }

  /** Slow by what is known of it, or unknown and of an owner who had others overrun. */
  isSlow({ key, owner }: Queued, nowMs: number): boolean {
    const record = this.#records.get(key);
    if (record !== undefined && (record.expectedMs > slowMs || record.overruns >= 1)) return true;
    return record?.hasSucceeded !== true && (this.#warned.get(owner) ?? 0) > nowMs;
  }

  /** Milliseconds that the script has to rest from now on, if this was once too often. */
  ran({ key, owner }: Queued, tookMs: number, overran: boolean, nowMs: number): number | undefined {
    const record = this.#record(key);
    record.expectedMs += (tookMs - record.expectedMs) / 4;
    if (!overran) {
      record.hasSucceeded = true;
      record.overruns = Math.max(0, record.overruns - pardon);
      if (record.overruns === 0) record.rests = 0;
      return undefined;
    }
    record.overruns += 1;
    this.#warned.delete(owner);
    this.#warned.set(owner, nowMs + this.#options.longestRestMs);
    trim(this.#warned);
    if (record.overruns < this.#options.overrunsBeforeRest) return undefined;
    const { restMs, longestRestMs } = this.#options;
    const restsMs = Math.min(longestRestMs, restMs * 2 ** record.rests);
    record.rests = Math.min(longestMemory, record.rests + 1);
    // One more overrun after the rest, and it rests again.
    record.overruns = this.#options.overrunsBeforeRest - 1;
    record.restsUntilMs = nowMs + restsMs;
    return restsMs;
  }

  #record(key: string): Record {
    const record = this.#records.get(key) ?? {
      expectedMs: guessedMs,
      hasSucceeded: false,
      overruns: 0,
      restsUntilMs: 0,
      rests: 0,
    };
    this.#records.delete(key);
    this.#records.set(key, record);
    trim(this.#records);
    return record;
  }
}

function trim(map: Map<string, unknown>): void {
  const [oldest] = map.keys();
  if (map.size > mostRecords && oldest !== undefined) map.delete(oldest);
}
