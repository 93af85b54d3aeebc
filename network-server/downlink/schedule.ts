import type { GatewayId } from "../../lorawan/ids.ts";
import type { SubBand } from "../../lorawan/region/region.ts";
import type { Metrics } from "../../platform/metrics.ts";
import { createDutyCycle, type DownlinkPriority } from "./duty-cycle.ts";
import { createTimeline, type Slot } from "./timeline.ts";

/** A transmission that wants air time. */
export interface Claim {
  readonly gatewayId: GatewayId;
  readonly slot: Slot;
  /** Whose limit it falls under; absent where the region has none. */
  readonly subBand?: SubBand;
  readonly priority: DownlinkPriority;
}

/** `release` is for a transmission that did not happen. */
export type Claimed =
  | { readonly kind: "granted"; readonly release: () => void }
  | { readonly kind: "refused"; readonly reason: "COLLISION_PACKET" | "DUTY_CYCLE_OVERFLOW" };

/** Who may send when: one radio chain a gateway (C42), and the duty cycle of the law (C43). Shared by all classes. */
export interface Schedule {
  claim(claim: Claim, nowUs: number): Claimed;
  /** The first moment from `fromUs` on at which the gateway's transmitter is free for so long, on the monotonic clock. */
  nextFree(gatewayId: GatewayId, durationUs: number, fromUs: number): number;
  reservedUs(gatewayId: GatewayId, nowUs: number): number;
}

export interface ScheduleOptions {
  readonly metrics: Metrics;
  /** False where somebody else minds the duty cycle, the gateways for example; true by default. */
  readonly dutyCycle?: boolean;
}

export function createSchedule({ metrics, dutyCycle = true }: ScheduleOptions): Schedule {
  const timeline = createTimeline();
  const budget = createDutyCycle();

  const refused = (reason: "COLLISION_PACKET" | "DUTY_CYCLE_OVERFLOW"): Claimed => {
    metrics.downlinksNotScheduled.inc({ reason });
    return { kind: "refused", reason };
  };

  return {
    claim({ gatewayId, slot, subBand, priority }, nowUs) {
      const free = timeline.reserve(gatewayId, slot, nowUs);
      if (!free) return refused("COLLISION_PACKET");
      if (!subBand || !dutyCycle) return { kind: "granted", release: free };
      const refund = budget.spend({ gatewayId, subBand, priority, ...slot }, nowUs);
      if (!refund) {
        free();
        return refused("DUTY_CYCLE_OVERFLOW");
      }
      return {
        kind: "granted",
        release() {
          free();
          refund();
        },
      };
    },
    nextFree: timeline.nextFree,
    reservedUs: timeline.reservedUs,
  };
}
