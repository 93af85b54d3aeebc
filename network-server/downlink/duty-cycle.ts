import type { GatewayId } from "../../lorawan/ids.ts";
import type { SubBand } from "../../lorawan/region/region.ts";

/** What a downlink is for, the most important first. Multicast and class B count as class C. */
export type DownlinkPriority = "join-accept" | "control" | "class-a" | "class-c";

/**
 * How much of a sub-band's budget each priority may fill it to. The rest is kept for those above it, so that joins,
 * acknowledgements and MAC commands never starve behind payload.
 */
const budgetShare: Readonly<Record<DownlinkPriority, number>> = {
  "join-accept": 1,
  control: 0.9,
  "class-a": 0.8,
  "class-c": 0.7,
};

/**
 * The air time of each gateway in each sub-band over the last hour, against the sub-band's limit (C43). Kept in memory: what
 * was sent before this process began is not known.
 */
export interface DutyCycle {
  /** Books a transmission, or gives undefined when its priority's share is spent. The function returned gives it back. */
  spend(use: AirUse, nowUs: number): (() => void) | undefined;
  /** Air time of the hour that ends at `nowUs`, what is booked ahead included. */
  spentUs(gatewayId: GatewayId, subBand: SubBand, nowUs: number): number;
}

export interface AirUse {
  readonly gatewayId: GatewayId;
  readonly subBand: SubBand;
  readonly startUs: number;
  readonly durationUs: number;
  readonly priority: DownlinkPriority;
}

const bucketUs = 60_000_000;
const hourUs = 3_600_000_000;
const bucketsPerHour = hourUs / bucketUs;
/** A bucket leaves the sum only when all of it is more than an hour old, so the sum is never too low. */
const countedBuckets = bucketsPerHour + 1;
/** Frames are scheduled some minutes ahead at most; later ones are booked in the last bucket. */
const bucketsAhead = 3;
const ringSize = countedBuckets + bucketsAhead;

/** Air time by minute; a slot of the ring is worth what it says only in the minute that it was written for. */
interface Ring {
  readonly minutes: Float64Array;
  readonly spentUs: Float64Array;
  lastMinute: number;
}

export function createDutyCycle(): DutyCycle {
  /** In the order of their last use, so that those without a use in the last hour stand first. */
  const rings = new Map<string, Ring>();

  const touch = (key: string, minute: number): Ring => {
    const ring = rings.get(key) ?? newRing();
    ring.lastMinute = Math.max(ring.lastMinute, minute);
    rings.delete(key);
    rings.set(key, ring);
    for (const [oldest, { lastMinute }] of rings) {
      if (lastMinute > minute - ringSize) break;
      rings.delete(oldest);
    }
    return ring;
  };

  return {
    spend(use, nowUs) {
      const { subBand, durationUs } = use;
      const nowMinute = minuteOf(nowUs);
      const key = keyOf(use.gatewayId, subBand);
      const allowedUs = subBand.dutyCycle * budgetShare[use.priority] * hourUs;
      // What is booked ahead counts already, so the order in which frames are booked does not matter.
      if (subBand.dutyCycle < 1 && sumUs(rings.get(key), nowMinute) + durationUs > allowedUs) return undefined;
      const minute = Math.min(minuteOf(use.startUs), nowMinute + bucketsAhead);
      const ring = touch(key, minute);
      add(ring, minute, durationUs);
      return () => add(ring, minute, -durationUs);
    },
    spentUs: (gatewayId, subBand, nowUs) => sumUs(rings.get(keyOf(gatewayId, subBand)), minuteOf(nowUs)),
  };
}

const keyOf = (gatewayId: GatewayId, subBand: SubBand): string => `${gatewayId} ${subBand.fromHz}`;
const minuteOf = (timeUs: number): number => Math.floor(timeUs / bucketUs);

const newRing = (): Ring => ({
  minutes: new Float64Array(ringSize).fill(Number.NEGATIVE_INFINITY),
  spentUs: new Float64Array(ringSize),
  lastMinute: Number.NEGATIVE_INFINITY,
});

function add(ring: Ring, minute: number, durationUs: number): void {
  const index = ((minute % ringSize) + ringSize) % ringSize;
  const written = ring.minutes[index] ?? Number.NEGATIVE_INFINITY;
  // A booking that is given back after its place was used again is long forgotten.
  if (written > minute) return;
  ring.spentUs[index] = Math.max(0, (written === minute ? (ring.spentUs[index] ?? 0) : 0) + durationUs);
  ring.minutes[index] = minute;
}

function sumUs(ring: Ring | undefined, nowMinute: number): number {
  if (!ring) return 0;
  return ring.spentUs.reduce(
    (sum, spentUs, index) => ((ring.minutes[index] ?? 0) > nowMinute - countedBuckets ? sum + spentUs : sum),
    0,
  );
}
