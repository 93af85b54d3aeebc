import { type GatewayId, parseGatewayId, parseTenantId } from "../../../lorawan/ids.ts";
import {
  createGatewayRegistry,
  type GatewayRegistry,
  type GatewayRegistryOptions,
} from "../../../network-server/gateway/registry.ts";
import type { GatewayConfig } from "../../../network-server/ports.ts";
import { createLog } from "../../../platform/log.ts";
import { createMetrics, type Metrics } from "../../../platform/metrics.ts";
import type { GatewayState } from "../../../platform/state/store.ts";
import { createVirtualClock, type VirtualClock } from "../../support/virtual-clock.ts";

export const gatewayA = parseGatewayId("aa555a0000000001");
export const gatewayB = parseGatewayId("aa555a0000000002");
export const log = createLog({ level: "silent" });

export const gatewayConfig = (gatewayId: GatewayId, changes: Partial<GatewayConfig> = {}): GatewayConfig => ({
  gatewayId,
  tenantId: parseTenantId("11111111-2222-3333-4444-555555555555"),
  name: "roof",
  disabled: false,
  antennaGainDb: 0,
  sourceRule: { kind: "any" },
  rateLimit: 1000,
  ...changes,
});

/** A catalog in memory that counts how often it is asked. */
export class TestCatalog {
  readonly #configs = new Map<GatewayId, GatewayConfig>();
  readonly #listeners: ((gatewayId: GatewayId) => void)[] = [];
  reads = 0;
  /** Set: reads wait for it, and reject when it does. */
  gate: Promise<void> | undefined;

  async gateway(gatewayId: GatewayId): Promise<GatewayConfig | undefined> {
    this.reads += 1;
    const config = this.#configs.get(gatewayId);
    await this.gate;
    return config;
  }

  onGatewayChanged(listener: (gatewayId: GatewayId) => void): void {
    this.#listeners.push(listener);
  }

  put(config: GatewayConfig): void {
    this.#configs.set(config.gatewayId, config);
    for (const listener of this.#listeners) listener(config.gatewayId);
  }

  remove(gatewayId: GatewayId): void {
    this.#configs.delete(gatewayId);
    for (const listener of this.#listeners) listener(gatewayId);
  }
}

/** Gateway states in memory; outlives the registries that use it. */
export class TestStateStore {
  readonly states = new Map<GatewayId, Uint8Array>();
  writes = 0;
  failing = false;

  async gatewayStates(): Promise<readonly GatewayState[]> {
    return [...this.states].map(([gatewayId, value]) => ({ gatewayId, value }));
  }

  async gatewayState(gatewayId: GatewayId): Promise<GatewayState | undefined> {
    const value = this.states.get(gatewayId);
    return value && { gatewayId, value };
  }

  async putGatewayState(state: GatewayState): Promise<void> {
    this.writes += 1;
    if (this.failing) throw new Error("the store is away");
    this.states.set(state.gatewayId, state.value);
  }

  async removeGatewayState(gatewayId: GatewayId): Promise<void> {
    if (this.failing) throw new Error("the store is away");
    this.states.delete(gatewayId);
  }
}

export interface RegistryBench {
  readonly catalog: TestCatalog;
  readonly store: TestStateStore;
  readonly clock: VirtualClock;
  readonly metrics: Metrics;
  readonly registry: GatewayRegistry;
}

export async function registryBench(
  configs: readonly GatewayConfig[] = [],
  changes: Partial<Pick<GatewayRegistryOptions, "acceptUnknown">> & { store?: TestStateStore } = {},
): Promise<RegistryBench> {
  const catalog = new TestCatalog();
  for (const config of configs) catalog.put(config);
  const store = changes.store ?? new TestStateStore();
  const clock = createVirtualClock();
  const metrics = createMetrics();
  const acceptUnknown = changes.acceptUnknown ?? false;
  const registry = createGatewayRegistry({ catalog, store, clock, log, metrics, acceptUnknown });
  await registry.start();
  return { catalog, store, clock, metrics, registry };
}

/** Value of a counter for one label value; 0 before its first count. */
export async function counted(
  counter: { get(): Promise<{ values: { labels: Partial<Record<string, string | number>>; value: number }[] }> },
  label?: string,
): Promise<number> {
  const { values } = await counter.get();
  return values
    .filter(({ labels }) => label === undefined || Object.values(labels).includes(label))
    .reduce((sum, { value }) => sum + value, 0);
}

/** Header of a datagram with a body. */
export function datagram(
  identifier: number,
  gatewayId: GatewayId,
  body: string | Uint8Array = "",
  { version = 2, token = 0x1234 } = {},
): Uint8Array {
  return Buffer.concat([
    Buffer.from([version, token >> 8, token & 0xff, identifier]),
    Buffer.from(gatewayId, "hex"),
    typeof body === "string" ? Buffer.from(body, "utf8") : body,
  ]);
}

/** The first rxpk of Semtech's protocol document; its base64 lacks the padding. */
export const loraRxpk = {
  time: "2013-03-31T16:21:17.528002Z",
  tmst: 3512348611,
  chan: 2,
  rfch: 0,
  freq: 866.349812,
  stat: 1,
  modu: "LORA",
  datr: "SF7BW125",
  codr: "4/6",
  rssi: -35,
  lsnr: 5.1,
  size: 32,
  data: "-DS4CGaDCdG+48eJNM3Vai-zDpsR71Pn9CPA9uCON84",
};
