import type { DevEui, GatewayId } from "../../lorawan/ids.ts";
import type { Clock } from "../clock.ts";
import type { Metrics } from "../metrics.ts";
import type { Unsubscribe } from "../state/store.ts";
import { type FrameRecord, gatewaysOf } from "./frame-record.ts";

/** Frames that came together. */
export interface FrameBatch {
  readonly frames: readonly FrameRecord[];
  /** How many came since the last batch, and are not in this one. */
  readonly leftOut: number;
}

/** What a listener is told of: every frame, or those of one device or gateway. */
export type FrameInterest =
  | { readonly kind: "all" }
  | { readonly kind: "device"; readonly devEui: DevEui }
  | { readonly kind: "gateway"; readonly gatewayId: GatewayId };

/** Frames as they are judged, for listeners that may miss some and nothing waits for. */
export interface FrameStream {
  /**
   * @param room how many frames more the listener would take now; without it every one. Frames that nobody would take are
   * not put together.
   */
  subscribe(interest: FrameInterest, listener: (batch: FrameBatch) => void, room?: () => number): Unsubscribe;
}

/** Where the network server puts what it hears and sends. */
export interface FrameSource {
  /** Somebody listens. Without that nobody need put a record together. */
  readonly isWanted: boolean;
  /** `make` is called at once, or not at all. */
  add(make: () => FrameRecord): void;
}

export interface FrameFeed extends FrameStream, FrameSource {
  /** Tells what waits, now. */
  flush(): void;
  /** Tells what waits, and nothing more from then on. */
  close(): void;
}

export interface FrameFeedOptions {
  readonly clock: Clock;
  readonly metrics: Metrics;
  /** Frames that may wait for the next batch; 20,000. */
  readonly maxWaiting?: number;
  /** How long a frame waits at most; 200. */
  readonly batchMs?: number;
}

/**
 * Collects frames for a fraction of a second, so that a frame costs its sender one entry in a list. What comes while the
 * list is full is counted and left out.
 */
export function createFrameFeed({ clock, metrics, maxWaiting = 20_000, batchMs = 200 }: FrameFeedOptions): FrameFeed {
  const listeners = new Set<Listener>();
  let waiting: FrameRecord[] = [];
  let leftOut = 0;
  let isPlanned = false;
  let cancel = (): void => {};

  const flush = (): void => {
    isPlanned = false;
    const batch = { frames: waiting, leftOut };
    waiting = [];
    leftOut = 0;
    for (const { wants, tell } of [...listeners]) {
      const frames = batch.frames.filter(wants);
      if (frames.length > 0 || batch.leftOut > 0) tell({ frames, leftOut: batch.leftOut });
    }
  };

  const hasTaker = (): boolean => {
    for (const { room } of listeners) if (waiting.length < room()) return true;
    return false;
  };

  return {
    get isWanted() {
      return listeners.size > 0;
    },
    add(make) {
      if (listeners.size === 0) return;
      if (waiting.length >= maxWaiting) {
        leftOut += 1;
        metrics.framesLeftOut.inc({ where: "feed" });
      } else if (hasTaker()) waiting.push(make());
      else leftOut += 1;
      if (isPlanned) return;
      isPlanned = true;
      cancel = clock.after(batchMs, flush);
    },
    subscribe(interest, tell, room = () => Number.POSITIVE_INFINITY) {
      const entry = { wants: wantsOf(interest), tell, room };
      listeners.add(entry);
      return () => listeners.delete(entry);
    },
    flush() {
      cancel();
      flush();
    },
    close() {
      cancel();
      flush();
      listeners.clear();
    },
  };
}

interface Listener {
  readonly wants: (frame: FrameRecord) => boolean;
  readonly tell: (batch: FrameBatch) => void;
  readonly room: () => number;
}

const wantsOf = (interest: FrameInterest): ((frame: FrameRecord) => boolean) => {
  switch (interest.kind) {
    case "all":
      return () => true;
    case "device":
      return ({ subject }) => subject?.devEui === interest.devEui;
    case "gateway":
      return frame => gatewaysOf(frame).includes(interest.gatewayId);
  }
};
