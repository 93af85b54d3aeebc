import { randomBytes, randomUUID } from "node:crypto";
import { Writable } from "node:stream";
import { pino } from "pino";
import { createDelivery, type Delivery } from "../../../app-server/delivery/engine.ts";
import { createOutbound } from "../../../app-server/integration/outbound.ts";
import type { SinkKind } from "../../../app-server/integration/sinks/kind.ts";
import { createSinks } from "../../../app-server/integration/sinks.ts";
import type { Integration, NewIntegration, Secrets } from "../../../app-server/integration-ports.ts";
import type { ApplicationCommands, ApplicationEvent } from "../../../app-server/ports.ts";
import { createDeliveryDesk } from "../../../app-server/storage/delivery-desk.ts";
import { createDeliveryQueue } from "../../../app-server/storage/delivery-queue.ts";
import { createIntegrationCatalog, createIntegrations } from "../../../app-server/storage/integrations.ts";
import { createRepositories } from "../../../app-server/storage/repositories.ts";
import type { DevEui } from "../../../lorawan/ids.ts";
import { systemClock } from "../../../platform/clock.ts";
import { createMetrics } from "../../../platform/metrics.ts";
import { partitionCount } from "../../../platform/state/store.ts";
import { migratedTestSql } from "../../support/postgres.ts";

export const usualLimits = {
  maxMessages: 100_000,
  maxMegabytes: 500,
  maxAgeHours: 168,
  onOverflow: "dead-letter",
  maxAttempts: 20,
} as const;

/** A process of its own as far as integrations go. */
export interface TestEngine extends Delivery {
  /** As if it were killed: it holds nothing any more, and what it has under way comes to no effect. */
  kill(): void;
  /** Lets go of a partition for another process to hold. */
  hand(partition: number, to: TestEngine): Promise<void>;
}

/** The delivery of events on a database of its own, with receivers of the given kinds on this machine. */
export async function startDeliveryRig(
  kinds: readonly SinkKind[],
  commands: ApplicationCommands = { down: async () => ({ kind: "refused", message: "no commands here" }) },
) {
  const { sql, end } = await migratedTestSql();
  const keys = { current: { id: "00000000", key: randomBytes(32) }, older: [] };
  const repositories = createRepositories(sql, systemClock);
  const integrations = createIntegrations(sql, keys);
  const desk = createDeliveryDesk(sql);
  const tenant = await repositories.tenants.create({ name: "T", description: "", tags: {} });
  const application = await repositories.applications.create({
    tenantId: tenant.id,
    name: "greenhouse",
    description: "",
    tags: {},
  });
  const otherApplication = await repositories.applications.create({
    tenantId: tenant.id,
    name: "orchard",
    description: "",
    tags: {},
  });
  const logged: string[] = [];
  const write = (chunk: unknown, _encoding: string, done: () => void) => {
    logged.push(String(chunk));
    done();
  };
  const log = pino({ level: "trace" }, new Writable({ write }));
  const metrics = createMetrics();
  const outbound = createOutbound(["127.0.0.0/8", "::1/128"]);
  const sinks = createSinks({ kinds, outbound, commands, isShared: false, clock: systemClock, log });
  const engines: Delivery[] = [];

  return {
    sql,
    integrations,
    desk,
    tenant,
    application,
    otherApplication,
    sinks,
    metrics,
    logged,
    /** Holds every partition unless told otherwise. */
    async startEngine({
      held: holdsAll = true,
      ...more
    }: {
      readonly held?: boolean;
      readonly keepEveryMs?: number;
      readonly timeLimitMs?: number;
    } = {}): Promise<TestEngine> {
      const held = new Set<number>();
      const engine = createDelivery({
        catalog: createIntegrationCatalog(sql, keys),
        queue: createDeliveryQueue(sql),
        sinks,
        leases: { isHeld: partition => held.has(partition) },
        clock: systemClock,
        log,
        metrics,
        backOff: { firstMs: 20, longestMs: 200, random: () => 0.5 },
        reportEveryMs: 100,
        ...more,
      });
      const holder = {
        ...engine.holder,
        acquired(partition: number) {
          held.add(partition);
          engine.holder.acquired(partition);
        },
      };
      for (let partition = 0; holdsAll && partition < partitionCount; partition += 1) holder.acquired(partition);
      await engine.start();
      engines.push(engine);
      return {
        sink: engine.sink,
        holder,
        start: () => engine.start(),
        close: () => engine.close(),
        async hand(partition, to) {
          await engine.holder.released(partition);
          held.delete(partition);
          to.holder.acquired(partition);
        },
        kill() {
          held.clear();
          for (let partition = 0; partition < partitionCount; partition += 1) engine.holder.lost(partition);
        },
      };
    },
    add: (
      kind: string,
      settings: Integration["settings"],
      secrets: Secrets = {},
      more: Partial<NewIntegration> = {},
    ): Promise<Integration> =>
      integrations.create(
        {
          tenantId: tenant.id,
          applicationId: application.id,
          name: kind,
          description: "",
          kind,
          mode: "active",
          filter: { events: [], fPorts: [], tags: {} },
          format: "chirpstack",
          mapping: "",
          settings,
          limits: usualLimits,
          ...more,
        },
        secrets,
      ),
    up: (devEui: DevEui, fCnt: number, more: object = {}): ApplicationEvent => ({
      kind: "up",
      tenantId: tenant.id,
      applicationId: application.id,
      devEui,
      json: JSON.stringify({
        deduplicationId: randomUUID(),
        time: "2026-03-14T09:26:53.589Z",
        deviceInfo: {
          tenantId: tenant.id,
          tenantName: "T",
          applicationId: application.id,
          applicationName: "greenhouse",
          deviceProfileId: randomUUID(),
          deviceProfileName: "thermometer",
          deviceName: `device-${devEui}`,
          devEui,
          deviceClassEnabled: "CLASS_A",
          tags: { floor: "2" },
        },
        devAddr: "00189440",
        adr: true,
        dr: 5,
        fCnt,
        fPort: 1,
        confirmed: false,
        data: "AWcBEA==",
        object: { temperature: 20 + fCnt / 10 },
        rxInfo: [{ gatewayId: "0016c001f153a14c", uplinkId: 1, rssi: -57, snr: 9.5 }],
        txInfo: {
          frequency: 868_500_000,
          modulation: { lora: { bandwidth: 125_000, spreadingFactor: 7, codeRate: "CR_4_5" } },
        },
        regionConfigId: "eu868",
        ...more,
      }),
    }),
    /** Ends the engines, and deletes the integrations. */
    async clear() {
      await Promise.all(engines.splice(0).map(engine => engine.close()));
      const { items } = await integrations.list({ tenants: "all" }, { limit: 1000 });
      for (const { id } of items) await integrations.remove(id);
    },
    async end() {
      await Promise.all(engines.map(engine => engine.close()));
      await end();
    },
  };
}

export type DeliveryRig = Awaited<ReturnType<typeof startDeliveryRig>>;
