import type { GatewayId } from "../../lorawan/ids.ts";

/** One transmission of one gateway. */
export interface Slot {
  /** When it begins on the server's monotonic clock, as well as the server can tell. */
  readonly startUs: number;
  readonly durationUs: number;
  /** When it begins on the gateway's own counter, u32; absent for one that is sent at once or at a GPS time. */
  readonly counterUs?: number;
}

/**
 * When each gateway's transmitter is taken. Gateways have one transmit chain and are deaf while they send, so no two
 * transmissions may overlap or follow each other within the guard time, whatever their frequency (C42).
 */
export interface Timeline {
  /** Takes the time, or gives undefined when it is not free. The function returned gives it back. */
  reserve(gatewayId: GatewayId, slot: Slot, nowUs: number): (() => void) | undefined;
  /** The first moment from `fromUs` on, of the server's monotonic clock, at which so long a frame can be sent. */
  nextFree(gatewayId: GatewayId, durationUs: number, fromUs: number): number;
  /** How much of the near future is taken. */
  reservedUs(gatewayId: GatewayId, nowUs: number): number;
}

interface Reservation {
  readonly slot: Slot;
  /** Monotonic time after which it is past, generously. */
  readonly expiresAtUs: number;
}

/**
 * More than forwarders ask for: Semtech's for the SX1302 refuses what begins less than 42.5 ms after the end of another,
 * with airtimes rounded to a millisecond; those before it ask for 32.5 ms.
 */
const guardUs = 45_000;
/** How far the server may be wrong about when a gateway sends what is not timed by its counter: the way there. */
const uncertaintyUs = 100_000;
const expirySlackUs = 1_000_000;
/** More than two beacon periods; counters of 32 bits stay comparable far beyond. */
const longestLifeUs = 300_000_000;

export function createTimeline(): Timeline {
  const byGateway = new Map<GatewayId, readonly Reservation[]>();

  const keep = (gatewayId: GatewayId, reservations: readonly Reservation[]): readonly Reservation[] => {
    if (reservations.length > 0) byGateway.set(gatewayId, reservations);
    else byGateway.delete(gatewayId);
    return reservations;
  };
  const current = (gatewayId: GatewayId, nowUs: number): readonly Reservation[] => {
    const known = byGateway.get(gatewayId);
    if (!known) return [];
    return keep(
      gatewayId,
      known.filter(reservation => reservation.expiresAtUs > nowUs),
    );
  };

  return {
    reserve(gatewayId, slot, nowUs) {
      const taken = current(gatewayId, nowUs);
      if (taken.some(reservation => tooClose(reservation.slot, slot))) return undefined;
      const pastAtUs = slot.startUs + slot.durationUs + expirySlackUs;
      const reservation = { slot, expiresAtUs: Math.min(pastAtUs, nowUs + longestLifeUs) };
      keep(gatewayId, [...taken, reservation]);
      return () => {
        const rest = byGateway.get(gatewayId)?.filter(other => other !== reservation);
        if (rest) keep(gatewayId, rest);
      };
    },
    nextFree(gatewayId, durationUs, fromUs) {
      let startUs = fromUs;
      const slots = current(gatewayId, fromUs).map(reservation => reservation.slot);
      for (const taken of slots.toSorted((left, right) => left.startUs - right.startUs)) {
        if (tooClose(taken, { startUs, durationUs }))
          startUs = taken.startUs + taken.durationUs + guardUs + uncertaintyUs;
      }
      return startUs;
    },
    reservedUs: (gatewayId, nowUs) =>
      current(gatewayId, nowUs).reduce((sum, reservation) => sum + reservation.slot.durationUs, 0),
  };
}

function tooClose(left: Slot, right: Slot): boolean {
  if (left.counterUs !== undefined && right.counterUs !== undefined) {
    // The signed difference modulo 2^32 is right for times less than 35 minutes apart.
    return isWithin((right.counterUs - left.counterUs) | 0, guardUs, left, right);
  }
  return isWithin(right.startUs - left.startUs, guardUs + uncertaintyUs, left, right);
}

const isWithin = (startsLaterUs: number, apartUs: number, left: Slot, right: Slot): boolean =>
  startsLaterUs < left.durationUs + apartUs && -startsLaterUs < right.durationUs + apartUs;
