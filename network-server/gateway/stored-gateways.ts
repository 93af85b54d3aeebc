import type { GatewayId } from "../../lorawan/ids.ts";
import type { Clock } from "../../platform/clock.ts";
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

export function createStoredGateways(store: GatewayStateStore, clock: Clock): StoredGateways {
  const isRecent = ({ lastSeenAtMs }: GatewayStatus): boolean => clock.nowMs() - lastSeenAtMs < onlineTimeoutMs;
  const statuses = async (): Promise<readonly GatewayStatus[]> =>
    (await store.gatewayStates()).flatMap(({ value }) => {
      const status = decodeStatus(value);
      return status ? [{ ...status, online: status.online && isRecent(status) }] : [];
    });
  const status = async (wanted: GatewayId): Promise<GatewayStatus | undefined> =>
    (await statuses()).find(({ gatewayId }) => gatewayId === wanted);
  return {
    statuses,
    status,
    async releaseAddress(gatewayId) {
      const known = await status(gatewayId);
      if (known?.pinnedAddress === undefined) return;
      const { pinnedAddress: _, ...released } = known;
      await store.putGatewayState(encodeStatus(released));
    },
  };
}
