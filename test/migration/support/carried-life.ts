import { onTestFinished } from "vitest";
import { createRepositories } from "../../../app-server/storage/repositories.ts";
import { parseDevEui } from "../../../lorawan/ids.ts";
import { regionOf } from "../../../lorawan/region/regions.ts";
import type { MigrationOptions } from "../../../migration/migrate.ts";
import { migrateFrom } from "../../../migration/migrate.ts";
import type { MigrationSource } from "../../../migration/source.ts";
import type { MigrationTarget } from "../../../migration/target.ts";
import { openSqlCatalog } from "../../../network-server/catalog/sql-catalog.ts";
import type { RegionConfig } from "../../../network-server/config.ts";
import { createLog } from "../../../platform/log.ts";
import { Device, type DeviceOptions } from "../../../simulators/device.ts";
import type { DeviceEvent } from "../../../simulators/device-events.ts";
import { type DeviceSession, defaultParameters, freshSession } from "../../../simulators/device-state.ts";
import { testSql } from "../../support/postgres.ts";
import { createScenario } from "../../support/scenario.ts";

const eu868 = regionOf("EU868", "RP001-1.0.3-A");
const hz = (channel: number): number => 867_100_000 + (channel - 3) * 200_000;

/** How the other server had the region, and this one has it too. */
export const sameRegion: RegionConfig = {
  id: "eu868",
  region: "EU868",
  rx1DelaySeconds: 5,
  rx1DrOffset: 0,
  rx2DataRate: 3,
  rx2FrequencyHz: 869_525_000,
  extraChannels: [3, 4, 5, 6, 7].map(index => ({ frequencyHz: hz(index), minDataRate: 0, maxDataRate: 5 })),
  subBand: 0,
  installationMarginDb: 10,
};

/** A session that has lasted for a while: five more channels, a delay of 5 s, RX2 at SF9. */
export function oldSession(changes: Partial<DeviceSession> = {}): DeviceSession {
  const defaults = defaultParameters(eu868, 4);
  const keys = { devAddr: "01a2b3c4", nwkSKey: "a1".repeat(16), appSKey: "b2".repeat(16) };
  return {
    ...freshSession(keys, {
      ...defaults,
      rx1DelaySeconds: 5,
      rx2DataRate: 3,
      txPowerIndex: 1,
      channels: [
        ...defaults.channels,
        ...[3, 4, 5, 6, 7].map(index => ({
          uplinkFrequencyHz: hz(index),
          downlinkFrequencyHz: hz(index),
          minDataRate: 0,
          maxDataRate: 5,
        })),
      ],
      enabledChannels: [0, 1, 2, 3, 4, 5, 6, 7],
    }),
    fCntUp: 1234,
    lastFCntDown: 76,
    ...changes,
  };
}

/** A server on a virtual radio, with a gateway, that devices can be migrated to. */
export async function createCarriedLife(options: { readonly regions?: readonly RegionConfig[] } = {}) {
  const regions = [...(options.regions ?? [sameRegion])];
  const scenario = await createScenario({ network: { regions } });
  const sql = await testSql();
  const gateway = await scenario.addGateway();
  const catalog = await openSqlCatalog({ sql, log: createLog({ level: "silent" }), maxDevices: 1000 });
  onTestFinished(() => catalog.close());
  const target: MigrationTarget = {
    sql,
    repositories: createRepositories(sql, scenario.clock),
    rootKeys: scenario.rootKeys,
    nonces: scenario.nonces,
    store: scenario.store,
  };

  const migrate = async (source: MigrationSource, changes: Partial<MigrationOptions> = {}, isDryRun = false) => {
    try {
      const result = await migrateFrom({
        source,
        ...(!isDryRun && { target }),
        regionConfigs: regions,
        envelopeOf: key => ("key" in key ? scenario.vault.seal(key.key) : key),
        skippedDownlinks: 0,
        withQueues: true,
        clock: scenario.clock,
        progress: () => {},
        ...changes,
      });
      return { ...result, counts: result.report.counts(), faults: result.report.faults() };
    } finally {
      await source.close();
    }
  };

  /** The device itself, which knows nothing of any of this; its record is the one that was migrated. */
  const turnOn = async (devEui: string, session: DeviceSession | undefined, changes: Partial<DeviceOptions> = {}) => {
    const id = parseDevEui(devEui);
    const record = await catalog.device(id);
    if (record) scenario.devices.set(id, record);
    const events: DeviceEvent[] = [];
    const device = new Device({
      air: scenario.air,
      credentials: { devEui, joinEui: "0e0e0e0e0e0e0e0e", appKey: "c3".repeat(16) },
      region: eu868,
      macVersion: "1.0.3",
      position: { eastM: 300, northM: 0, heightM: 2 },
      seed: 1,
      listener: event => events.push(event),
      promptAnswers: false,
      ...(session && { state: { devNonce: 0, randomState: 1, session } }),
      ...changes,
    });
    const say = async (text: string, confirmed = false) => {
      device.send({ fPort: 7, payload: Buffer.from(text), confirmed });
      await scenario.clock.advance(10_000);
    };
    const downlinks = () => events.filter(event => event.kind === "downlink");
    const ups = async () => (await scenario.eventsOf(id)).filter(event => event.kind === "up");
    return { device, events, say, downlinks, ups, devEui: id };
  };

  return { ...scenario, sql, gateway, target, migrate, turnOn };
}
