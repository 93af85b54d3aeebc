import { devAddrOf, nwkAddrBits } from "../lorawan/dev-addr.ts";
import type { DevAddr, NetId } from "../lorawan/ids.ts";
import type { StateStore } from "../platform/state/store.ts";

/** Addresses that are looked at; every one of the NetIDs of type 7, which have 128. */
const maxTries = 128;

/**
 * An address of the network that no session has, from a random one upwards; where all that are looked at are taken, the one
 * that fewest have, since devices may share an address (TS001-1.0.4 6.1.1). Whoever uses it first has it.
 */
export async function freeDevAddr(
  store: Pick<StateStore, "devicesByDevAddr">,
  netId: NetId,
  randomBytes: (count: number) => Uint8Array,
): Promise<DevAddr> {
  const count = 2 ** nwkAddrBits(netId);
  const first = randomBytes(4).reduce((value, byte) => value * 256 + byte, 0) % count;
  let best: { readonly devAddr: DevAddr; readonly sessions: number } | undefined;
  for (let tries = 0; tries < Math.min(maxTries, count); tries++) {
    const devAddr = devAddrOf(netId, (first + tries) % count);
    const sessions = (await store.devicesByDevAddr(devAddr)).length;
    if (sessions === 0) return devAddr;
    if (best === undefined || sessions < best.sessions) best = { devAddr, sessions };
  }
  return best?.devAddr ?? devAddrOf(netId, first);
}
