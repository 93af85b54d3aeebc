import type { GatewayId } from "../../lorawan/ids.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Peers } from "../../platform/peers/peers.ts";
import type { GatewayState } from "../../platform/state/store.ts";
import { decodeStatus, encodeStatus } from "./gateway-record.ts";
import { onlineTimeoutMs } from "./online.ts";
import type { GatewayStateStore } from "./state-keeper.ts";
import type { GatewayStatus } from "./types.ts";

/** Gateways as the network servers that share a store wrote them down, up to ten seconds ago. */
export interface StoredGateways {
  statuses(): Promise<readonly GatewayStatus[]>;
  status(gatewayId: GatewayId): Promise<GatewayStatus | undefined>;
  releaseAddress(gatewayId: GatewayId): Promise<void>;
}

/** Every network server forgets the address that this gateway is pinned to. */
export const releaseTopic = "gateway-release";

export function createStoredGateways(store: GatewayStateStore, peers: Peers, clock: Clock): StoredGateways {
  const statusFrom = ({ value }: GatewayState): GatewayStatus | undefined => {
    const status = decodeStatus(value);
    return status && { ...status, online: status.online && clock.nowMs() - status.lastSeenAtMs < onlineTimeoutMs };
  };
  const status = async (gatewayId: GatewayId): Promise<GatewayStatus | undefined> => {
    const state = await store.gatewayState(gatewayId);
    return state && statusFrom(state);
  };
  return {
    statuses: async () => (await store.gatewayStates()).map(statusFrom).filter(known => known !== undefined),
    status,
    async releaseAddress(gatewayId) {
      const known = await status(gatewayId);
      if (known?.pinnedAddress !== undefined) {
        const { pinnedAddress: _, ...released } = known;
        await store.putGatewayState(encodeStatus(released));
      }
      await peers.tellAll(releaseTopic, gatewayId);
    },
  };
}
