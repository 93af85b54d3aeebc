import type { Clock } from "../../platform/clock.ts";
import type { Metrics } from "../../platform/metrics.ts";
import { PassingMap } from "../../platform/passing-map.ts";
import type { Reception } from "../gateway/types.ts";
import { FrameMemory, type RememberedFrame } from "./frame-memory.ts";
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

export interface CollectorOptions {
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly longestWindowMs: number;
}

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
  const memory = new FrameMemory(clock.monotonicUs());
  /** Copies of frames whose window is open. */
  const windows = new PassingMap<string, Reception[]>();

  const begin = (key: string, reception: Reception): Collection => {
    const firstAtUs = reception.receivedAtUs;
    const copies = [reception];
    windows.set(key, copies);
    const { promise, resolve } = Promise.withResolvers<readonly Reception[]>();
    let remembered: RememberedFrame | undefined;
    const closed = (): RememberedFrame => {
      if (remembered) return remembered;
      windows.delete(key);
      remembered = memory.add({ key, firstAtUs, copies });
      cancelTimer();
      metrics.copies.observe(copies.length);
      windowLength.observe((copies.at(-1)?.receivedAtUs ?? 0) - firstAtUs);
      resolve(copies);
      return remembered;
    };
    const windowMs = windowLength.lengthMs();
    const cancelTimer = clock.after(windowMs, closed);
    return {
      first: reception,
      windowMs,
      collected: promise,
      close: () => void closed(),
      pass(take) {
        closed().giveCopiesTo(take);
        for (const copy of copies) take(copy);
      },
    };
  };

  const noteLate = (known: RememberedFrame | undefined, reception: Reception): void => {
    metrics.lateCopies.inc();
    if (known) windowLength.observe(reception.receivedAtUs - known.firstAtUs);
  };

  return {
    add(reception) {
      memory.rotate(reception.receivedAtUs);
      const key = latin1(reception.phyPayload);
      const copies = windows.get(key);
      if (copies) {
        addCopy(copies, reception);
        return undefined;
      }
      const known = memory.find(key);
      if (!known || isNewTransmission(known, reception)) return begin(key, reception);
      const { taker } = known;
      if (taker) taker(reception);
      else noteLate(known, reception);
      return undefined;
    },
    addCopy(reception) {
      const key = latin1(reception.phyPayload);
      const copies = windows.get(key);
      if (copies) addCopy(copies, reception);
      else noteLate(memory.find(key), reception);
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

function isNewTransmission(known: RememberedFrame, reception: Reception): boolean {
  const counterUs = known.counterOf(reception.gatewayId);
  const elapsedUs = counterUs === undefined ? 0 : (reception.counterUs - counterUs) | 0;
  return Math.abs(elapsedUs) > sameTransmissionUs || reception.receivedAtUs - known.firstAtUs > repeatAfterUs;
}

const latin1 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
