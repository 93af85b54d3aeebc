import type { GatewayId } from "../../lorawan/ids.ts";

/**
 * When each gateway's transmitter is taken. Gateways have one transmit chain and are deaf while they send, so no two
 * transmissions may overlap or follow each other within the guard time, whatever their frequency (C42). Times are in the
 * gateway's own microsecond counter, which wraps at 2^32.
 */
export interface Timeline {
  /** Takes the time, or gives undefined when it is not free. The function returned gives it back. */
  reserve(gatewayId: GatewayId, startCounterUs: number, durationUs: number, nowUs: number): (() => void) | undefined;
  /** How much of the near future is taken. */
  reservedUs(gatewayId: GatewayId, nowUs: number): number;
}

interface Reservation {
  readonly startCounterUs: number;
  readonly durationUs: number;
  /** Monotonic time after which it is past, generously. */
  readonly expiresAtUs: number;
}

const guardUs = 30_000;
/** Longer than RX2 of the longest delay plus the longest frame: a reservation is past by then. */
const horizonUs = 30_000_000;

export function createTimeline(): Timeline {
  const byGateway = new Map<GatewayId, Reservation[]>();

  const current = (gatewayId: GatewayId, nowUs: number): Reservation[] => {
    const kept = (byGateway.get(gatewayId) ?? []).filter(reservation => reservation.expiresAtUs > nowUs);
    if (kept.length > 0) byGateway.set(gatewayId, kept);
    else byGateway.delete(gatewayId);
    return kept;
  };

  return {
    reserve(gatewayId, startCounterUs, durationUs, nowUs) {
      const taken = current(gatewayId, nowUs);
      const wanted: Reservation = { startCounterUs, durationUs, expiresAtUs: nowUs + horizonUs };
      if (taken.some(reservation => overlap(reservation, wanted))) return undefined;
      taken.push(wanted);
      byGateway.set(gatewayId, taken);
      return () => {
        const list = byGateway.get(gatewayId);
        const index = list?.indexOf(wanted) ?? -1;
        if (index >= 0) list?.splice(index, 1);
      };
    },
    reservedUs: (gatewayId, nowUs) =>
      current(gatewayId, nowUs).reduce((sum, reservation) => sum + reservation.durationUs, 0),
  };
}

function overlap(left: Reservation, right: Reservation): boolean {
  // The signed difference modulo 2^32 is right for times less than 35 minutes apart.
  const startsLaterUs = (right.startCounterUs - left.startCounterUs) | 0;
  return startsLaterUs < left.durationUs + guardUs && -startsLaterUs < right.durationUs + guardUs;
}
