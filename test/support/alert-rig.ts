import type { AlertFilter } from "../../app-server/alert-ports.ts";
import { createAlertWatch } from "../../app-server/alerts/start.ts";
import type { ApplicationEvent, ApplicationEventKind, GatewaySummary } from "../../app-server/ports.ts";
import { createAlertDesk } from "../../app-server/storage/alert-desk.ts";
import { createAlertStore } from "../../app-server/storage/alerts.ts";
import { createRepositories } from "../../app-server/storage/repositories.ts";
import { type DevEui, parseDevEui, parseGatewayId } from "../../lorawan/ids.ts";
import { systemClock } from "../../platform/clock.ts";
import { createLog } from "../../platform/log.ts";
import { createMetrics } from "../../platform/metrics.ts";
import type { Sql } from "../../platform/sql.ts";
import { partitionCount, partitionOf } from "../../platform/state/store.ts";
import { addTenantWithDevice, type TenantWithDevice } from "./catalog.ts";
import { createVirtualClock } from "./virtual-clock.ts";

const everyMs = 10_000;
let made = 0;
const nextEui = (prefix: string): string => (++made).toString(16).padStart(14, "0").padStart(16, prefix);

/** A tenant with devices and gateways, an application server's watch over it, and a clock that a test moves. */
export async function createAlertRig(sql: Sql) {
  const clock = createVirtualClock();
  const repositories = createRepositories(sql, systemClock);
  const owner: TenantWithDevice = await addTenantWithDevice(repositories, `tenant ${++made}`, nextEui("d"));
  const store = createAlertStore(sql);
  const desk = createAlertDesk(sql);
  const told: ApplicationEvent[] = [];
  const state = {
    gateways: new Map<string, GatewaySummary>(),
    hearing: new Set<string>(),
    outletFails: false,
    /** Of which partitions the watch has had every event. */
    hasAll: (_partition: number): boolean => true,
  };
  const tenants = [owner.tenant.id];

  const begin = () => {
    const watch = createAlertWatch({
      store,
      gateways: async () =>
        [...state.gateways.values()].map(gateway =>
          state.hearing.has(gateway.gatewayId) ? { ...gateway, lastSeenAtMs: clock.nowMs() } : gateway,
        ),
      outlets: [
        async event => {
          if (state.outletFails) throw new Error("the database is away");
          // The database is shared with other tenants of the file.
          if (event.tenantId === owner.tenant.id) told.push(event);
        },
      ],
      leases: { isHeld: () => true },
      clock,
      log: createLog({ level: "silent" }),
      metrics: createMetrics(),
      everyMs,
    });
    for (let partition = 0; partition < partitionCount; partition += 1) watch.holder.acquired(partition);
    watch.start(partition => state.hasAll(partition));
    return watch;
  };
  let watch = begin();

  let events = 0;
  const event = (
    kind: ApplicationEventKind,
    devEui: DevEui,
    fields: object,
    atMs = clock.nowMs(),
  ): ApplicationEvent => {
    const deduplicationId = `00000000-0000-4000-8000-${(++events).toString(16).padStart(12, "0")}`;
    const time = new Date(atMs).toISOString();
    const json = JSON.stringify({ deduplicationId, time, ...fields });
    return { kind, tenantId: owner.tenant.id, applicationId: owner.application.id, devEui, json };
  };
  /** One look of the watch, with its statements done. */
  const look = async (): Promise<void> => {
    await clock.advance(0);
    await watch.holder.released(-1);
    await clock.settle();
  };
  return {
    clock,
    store,
    desk,
    owner,
    told,
    state,
    devEui: owner.device.devEui,
    /** Time passes, with a look at its end and every so often. */
    async pass(ms: number, lookEvery = ms): Promise<void> {
      for (let left = ms; left > 0; left -= lookEvery) {
        const duration = Math.max(Math.min(left, lookEvery), everyMs);
        await look();
        // A look that begins meanwhile waits for the database, and may be of any moment in between; the next is of the end.
        await clock.advance(duration - everyMs);
        await look();
        await clock.advance(everyMs);
        await look();
      }
    },
    keep: (...kept: readonly ApplicationEvent[]) => watch.keeper.keep(kept),
    up: (devEui: DevEui, gateways: readonly string[] = [], devAddr = "01020304", atMs = clock.nowMs()) =>
      event("up", devEui, { devAddr, rxInfo: gateways.map(gatewayId => ({ gatewayId })) }, atMs),
    letGo: (devEui: DevEui) => watch.holder.released(partitionOf(devEui)),
    log: (devEui: DevEui, code: string, more: { level?: string; description?: string; context?: object } = {}) =>
      event("log", devEui, {
        level: more.level ?? "ERROR",
        code,
        description: more.description ?? "what happened",
        context: { deduplication_id: `log-${(++events).toString().padStart(12, "0")}`, ...more.context },
      }),
    status: (devEui: DevEui, batteryLevel: number, more: object = {}) =>
      event("status", devEui, { batteryLevel, batteryLevelUnavailable: false, externalPowerSource: false, ...more }),
    async addDevices(count: number): Promise<readonly DevEui[]> {
      const devEuis = Array.from({ length: count }, () => parseDevEui(nextEui("d")));
      for (const devEui of devEuis)
        await repositories.devices.create({ ...owner.device, devEui, name: `device ${devEui}` });
      return devEuis;
    },
    async addGateway(): Promise<string> {
      const gatewayId = parseGatewayId(nextEui("a"));
      await sql.run("insert into gateways (gateway_id, tenant_id, name) values ($1, $2, 'roof')", [
        gatewayId,
        owner.tenant.id,
      ]);
      return gatewayId;
    },
    hear(gatewayId: string, lastStatistics: Readonly<Record<string, number>> = {}): void {
      state.gateways.set(gatewayId, {
        gatewayId: parseGatewayId(gatewayId),
        registered: true,
        online: true,
        firstSeenAtMs: 0,
        lastSeenAtMs: clock.nowMs(),
        remoteAddress: "192.0.2.1",
        counts: { uplinks: 0, downlinks: 0, downlinkFailures: 0, refused: 0 },
        lastStatistics,
      });
    },
    alerts: async (filter: Partial<AlertFilter> = {}) =>
      (await desk.list({ tenants, ...filter }, { limit: 1000 })).items,
    open: async () => (await desk.list({ tenants, states: ["raised", "acknowledged"] }, { limit: 1000 })).items,
    async restart(): Promise<void> {
      await watch.keeper.flush();
      await watch.close();
      watch = begin();
      await look();
    },
    /** Ends without a word. */
    crash(): void {
      void watch.close();
      watch = begin();
    },
    end: () => watch.close(),
  };
}
