import { type DevEui, type GatewayId, parseDevEui, parseGatewayId } from "../../lorawan/ids.ts";
import { gatherReads } from "../../platform/gathered-reads.ts";
import type { Log } from "../../platform/log.ts";
import { createSharing, createTextSharing } from "../../platform/sharing.ts";
import type { Sql } from "../../platform/sql.ts";
import type { Catalog, DeviceConfig, DeviceProfileConfig, GatewayConfig, MacWishes } from "../ports.ts";
import { createRecordCache, type RecordCache } from "./record-cache.ts";
import { readDevices, readGateway } from "./rows.ts";

export interface SqlCatalogOptions {
  readonly sql: Sql;
  readonly log: Log;
  readonly maxDevices?: number;
  readonly maxGateways?: number;
  /** Unknown DevEUIs, and as many unknown gateways, that are remembered to be unknown. */
  readonly maxUnknown?: number;
}

export interface SqlCatalog extends Catalog {
  /** Stops listening; the database stays open. */
  close(): Promise<void>;
}

/** Devices that one statement reads. */
const maxDevicesAtOnce = 500;

/**
 * The catalog in memory, kept fresh by the database's notifications. What is in memory is served while the database is
 * away; anything else rejects with SqlError, as this does when the database is away at the start.
 */
export async function openSqlCatalog(options: SqlCatalogOptions): Promise<SqlCatalog> {
  const { sql, log, maxDevices = 50_000, maxGateways = 10_000, maxUnknown = 10_000 } = options;
  const withSharedParts = deviceSharing();
  const readDevice = gatherReads<DevEui, DeviceConfig>(maxDevicesAtOnce, devEuis => readDevices(sql, devEuis));
  const state: State = {
    devices: createRecordCache({
      maxRecords: maxDevices,
      maxAbsent: maxUnknown,
      async read(devEui) {
        const device = await readDevice(devEui);
        return device && withSharedParts(device);
      },
    }),
    gateways: createRecordCache({
      maxRecords: maxGateways,
      maxAbsent: maxUnknown,
      read: gatewayId => readGateway(sql, gatewayId),
    }),
    deviceListeners: [],
    gatewayListeners: [],
    log,
  };
  // Before the first read, so that no change falls between the two.
  const unlisten = await sql.listen(
    "catalog",
    payload => forgetChanged(state, payload),
    () => {
      for (const devEui of state.devices.forgetAll()) call(state, state.deviceListeners, devEui);
      for (const gatewayId of state.gateways.forgetAll()) call(state, state.gatewayListeners, gatewayId);
    },
  );
  return {
    device: devEui => state.devices.get(devEui),
    knownDevice: devEui => state.devices.known(devEui),
    gateway: gatewayId => state.gateways.get(gatewayId),
    onDeviceChanged(listener) {
      state.deviceListeners.push(listener);
    },
    onGatewayChanged(listener) {
      state.gatewayListeners.push(listener);
    },
    close: unlisten,
  };
}

/** Devices of one profile hold one object of it, and one text of its ADR script: of 50,000 each would fill the memory. */
function deviceSharing(): (device: DeviceConfig) => DeviceConfig {
  const profile = createSharing<DeviceProfileConfig>(({ id }) => id);
  const wishes = createSharing<MacWishes>(JSON.stringify);
  const id = createTextSharing();
  return device => ({
    ...device,
    tenantId: id(device.tenantId),
    applicationId: id(device.applicationId),
    profile: profile(device.profile),
    ...(device.mac && { mac: wishes(device.mac) }),
  });
}

interface State {
  readonly devices: RecordCache<DevEui, DeviceConfig>;
  readonly gateways: RecordCache<GatewayId, GatewayConfig>;
  readonly deviceListeners: ((devEui: DevEui) => void)[];
  readonly gatewayListeners: ((gatewayId: GatewayId) => void)[];
  readonly log: Log;
}

/** `payload`: table, space, key, as the trigger `notify_catalog` writes it. */
function forgetChanged(state: State, payload: string): void {
  const space = payload.indexOf(" ");
  const table = payload.slice(0, space);
  const key = payload.slice(space + 1);
  try {
    forgetRecords(state, table, key);
  } catch (error) {
    state.log.warn({ err: error, table }, "a change in the catalog has a key that no record has");
  }
}

function forgetRecords(state: State, table: string, key: string): void {
  switch (table) {
    case "devices": {
      const devEui = parseDevEui(key);
      state.devices.forget(devEui);
      call(state, state.deviceListeners, devEui);
      break;
    }
    case "gateways": {
      const gatewayId = parseGatewayId(key);
      state.gateways.forget(gatewayId);
      call(state, state.gatewayListeners, gatewayId);
      break;
    }
    case "device_profiles":
      forgetDevices(state, device => device.profile.id === key);
      break;
    case "applications":
      forgetDevices(state, device => device.applicationId === key);
      break;
    case "tenants":
      forgetDevices(state, device => device.tenantId === key);
      for (const gatewayId of state.gateways.forgetWhere(gateway => gateway.tenantId === key)) {
        call(state, state.gatewayListeners, gatewayId);
      }
      break;
  }
}

function forgetDevices(state: State, isAffected: (device: DeviceConfig) => boolean): void {
  for (const devEui of state.devices.forgetWhere(isAffected)) call(state, state.deviceListeners, devEui);
}

function call<Key>(state: State, listeners: readonly ((key: Key) => void)[], key: Key): void {
  for (const listener of listeners) {
    try {
      listener(key);
    } catch (error) {
      state.log.error({ err: error }, "a listener for changes of the catalog failed");
    }
  }
}
