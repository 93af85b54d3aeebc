import type { Clock } from "../../platform/clock.ts";
import type { Metrics } from "../../platform/metrics.ts";
import type { Reception } from "../gateway/types.ts";
import { createWindowLength } from "./window-length.ts";

/** One frame on the air with the copies of it that gateways have brought so far. */
export interface Collection {
  readonly first: Reception;
  /** How long copies are waited for. */
  readonly windowMs: number;
  /** Resolves with every copy, the first included, when the window closes. */
  readonly collected: Promise<readonly Reception[]>;
  /** Ends the window early: a newer frame of the same device is here, or nobody waits for the copies. */
  close(): void;
  /** Ends the window; gives `take` the copies so far and any that still come. */
  pass(take: (copy: Reception) => void): void;
}

export interface Collector {
  /** Takes a copy. Gives a Collection when it is the first of its frame, otherwise adds it where it belongs. */
  add(reception: Reception): Collection | undefined;
  /** A copy of a frame that this collector knows, from somebody who knows that it is one; late ones are counted. */
  addCopy(reception: Reception): void;
}

/** What is remembered of a frame. There are many times more of them than open windows, so a closed one lets its copies go. */
interface Entry {
  readonly firstAtUs: number;
  /** Until the window closes. */
  copies: Reception[] | undefined;
  /** Who heard it, from then on. */
  heard: readonly Heard[];
  take: ((copy: Reception) => void) | undefined;
}

type Heard = Pick<Reception, "gatewayId" | "counterUs">;

export interface CollectorOptions {
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly longestWindowMs: number;
}

/** How long a closed frame is remembered at least, so that a late copy is not taken for a new frame. */
const memoryUs = 10_000_000;
/** Under a flood the memory is shorter: so many frames, or twice as many, are kept at most. */
const maxRemembered = 250_000;
/**
 * A device repeats a frame only after both its receive windows, 2 s and more after the end of the first
 * (TS001-1.0.4 4.3.1.2); a copy on the way is quicker.
 */
export const repeatAfterUs = 1_500_000;
const sameTransmissionUs = 100_000;

/**
 * Merges the copies of a frame. The key is the PHYPayload alone, so that no gateway can split the set by altering
 * metadata (C14, C73).
 */
export function createCollector(options: CollectorOptions): Collector {
  const { clock, metrics } = options;
  const windowLength = createWindowLength(options.longestWindowMs);
  let recent = new Map<string, Entry>();
  let older = new Map<string, Entry>();
  let rotatedAtUs = clock.monotonicUs();

  const rotate = (nowUs: number): void => {
    if (nowUs - rotatedAtUs < memoryUs && recent.size < maxRemembered) return;
    older = nowUs - rotatedAtUs < 2 * memoryUs ? recent : new Map();
    recent = new Map();
    rotatedAtUs = nowUs;
  };

  const begin = (key: string, reception: Reception): Collection => {
    const copies = [reception];
    const { promise, resolve } = Promise.withResolvers<readonly Reception[]>();
    const close = (): void => {
      if (!entry.copies) return;
      entry.copies = undefined;
      entry.heard = copies.map(({ gatewayId, counterUs }) => ({ gatewayId, counterUs }));
      cancelTimer();
      metrics.copies.observe(copies.length);
      windowLength.observe((copies.at(-1)?.receivedAtUs ?? 0) - reception.receivedAtUs);
      resolve(copies);
    };
    const pass = (take: (copy: Reception) => void): void => {
      close();
      entry.take = take;
      for (const copy of copies) take(copy);
    };
    const windowMs = windowLength.lengthMs();
    const collection: Collection = { first: reception, windowMs, collected: promise, close, pass };
    const entry: Entry = { firstAtUs: reception.receivedAtUs, copies, heard: [], take: undefined };
    const cancelTimer = clock.after(windowMs, close);
    recent.set(key, entry);
    return collection;
  };

  const noteLate = (entry: Entry | undefined, reception: Reception): void => {
    metrics.lateCopies.inc();
    if (entry) windowLength.observe(reception.receivedAtUs - entry.firstAtUs);
  };

  return {
    add(reception) {
      rotate(reception.receivedAtUs);
      const key = latin1(reception.phyPayload);
      const entry = recent.get(key) ?? older.get(key);
      if (!entry) return begin(key, reception);
      if (entry.copies) {
        addCopy(entry.copies, reception);
        return undefined;
      }
      if (isNewTransmission(entry, reception)) return begin(key, reception);
      if (entry.take) entry.take(reception);
      else noteLate(entry, reception);
      return undefined;
    },
    addCopy(reception) {
      const key = latin1(reception.phyPayload);
      const entry = recent.get(key) ?? older.get(key);
      if (entry?.copies) addCopy(entry.copies, reception);
      else noteLate(entry, reception);
    },
  };
}

// The same datagram twice, or a frame that one gateway also heard on a neighbouring channel, is one reception: the stronger.
function addCopy(copies: Reception[], reception: Reception): void {
  const same = copies.findIndex(
    copy => copy.gatewayId === reception.gatewayId && copy.rxInfo.antenna === reception.rxInfo.antenna,
  );
  const known = copies[same];
  if (!known) copies.push(reception);
  else if (reception.snrDb > known.snrDb) copies[same] = reception;
}

function isNewTransmission(entry: Entry, reception: Reception): boolean {
  const heardBefore = entry.heard.find(({ gatewayId }) => gatewayId === reception.gatewayId);
  const elapsedUs = heardBefore ? (reception.counterUs - heardBefore.counterUs) | 0 : 0;
  return Math.abs(elapsedUs) > sameTransmissionUs || reception.receivedAtUs - entry.firstAtUs > repeatAfterUs;
}

const latin1 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
