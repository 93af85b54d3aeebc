import type { Reception } from "../gateway/types.ts";
import { linkMarginDb } from "../link-margin.ts";

export interface GatewayLoad {
  /** Microseconds that this gateway is already bound to transmit in the near future. */
  reservedUs(reception: Reception): number;
}

/** Margins that differ by less than this are as good as each other; the less busy gateway answers. */
const marginStepDb = 5;

/**
 * Receptions in the order in which their gateways should answer: best link first, in steps of 5 dB, then the least busy,
 * then the loudest. Only gateways that heard the device are considered (C44), each once. A gateway is deaf while it sends,
 * so answers are spread over those that hear the device about as well, and no one gateway misses all the uplinks.
 */
export function rankGateways(
  receptions: readonly Reception[],
  reaches: (reception: Reception) => boolean,
  load: GatewayLoad,
): readonly Reception[] {
  const strongest = new Map<string, Reception>();
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
