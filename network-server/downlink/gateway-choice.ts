import type { GatewayId } from "../../lorawan/ids.ts";
import type { Modulation } from "../../lorawan/region/region.ts";
import { linkMarginDb } from "../link-margin.ts";

/** How a gateway heard a device: a reception, or what is kept of one. */
export interface GatewayLink {
  readonly gatewayId: GatewayId;
  readonly modulation: Modulation;
  readonly snrDb: number;
  readonly rssiDbm: number;
}

export interface GatewayLoad<Link extends GatewayLink> {
  /** Microseconds that this gateway is already bound to transmit in the near future. */
  reservedUs(link: Link): number;
}

/** Margins that differ by less than this are as good as each other; the less busy gateway answers. */
const marginStepDb = 5;

/**
 * Receptions in the order in which their gateways should answer: best link first, in steps of 5 dB, then the least busy,
 * then the loudest. Only gateways that heard the device are considered (C44), each once. A gateway is deaf while it sends,
 * so answers are spread over those that hear the device about as well, and no one gateway misses all the uplinks.
 */
export function rankGateways<Link extends GatewayLink>(
  receptions: readonly Link[],
  reaches: (reception: Link) => boolean,
  load: GatewayLoad<Link>,
): readonly Link[] {
  const strongest = new Map<string, Link>();
  for (const reception of receptions) {
    const known = strongest.get(reception.gatewayId);
    if (!known || reception.snrDb > known.snrDb) strongest.set(reception.gatewayId, reception);
  }
  return [...strongest.values()]
    .filter(reaches)
    .map(reception => ({
      reception,
      step: Math.floor(linkMarginDb(reception.modulation, reception.snrDb) / marginStepDb),
      reservedUs: load.reservedUs(reception),
    }))
    .sort(
      (left, right) =>
        right.step - left.step ||
        left.reservedUs - right.reservedUs ||
        right.reception.rssiDbm - left.reception.rssiDbm,
    )
    .map(entry => entry.reception);
}
