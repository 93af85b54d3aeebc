import { randomBytes } from "node:crypto";
import { type DevEui, parseNetId } from "../lorawan/ids.ts";
import type { Clock } from "../platform/clock.ts";
import type { Peers } from "../platform/peers/peers.ts";
import { createSerial } from "../platform/serial.ts";
import type { StateStore } from "../platform/state/store.ts";
import type { NetworkServerConfig } from "./config.ts";
import { createDeviceControl, type NetworkServerControl } from "./control.ts";
import { createStoredGateways } from "./gateway/stored-gateways.ts";
import type { Catalog, RegionConfigs } from "./ports.ts";

export interface StoreControlOptions {
  readonly config: Pick<NetworkServerConfig, "netId">;
  readonly regionConfigs: RegionConfigs;
  readonly catalog: Catalog;
  readonly store: StateStore;
  readonly peers: Peers;
  readonly clock: Clock;
}

/** Control of network servers in other processes, through the state store that they share with this one. */
export function createStoreControl({
  config,
  regionConfigs,
  catalog,
  store,
  peers,
  clock,
}: StoreControlOptions): NetworkServerControl {
  const gateways = createStoredGateways(store, peers, clock);
  return {
    ...createDeviceControl({
      catalog,
      store,
      regionConfigs,
      netId: parseNetId(config.netId),
      randomBytes,
      devices: createSerial<DevEui>(),
    }),
    gateways: gateways.statuses,
    gateway: gateways.status,
    releaseGatewayAddress: gateways.releaseAddress,
  };
}
