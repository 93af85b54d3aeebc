import { parseNetworkEvent } from "../../app-server/event-record.ts";
import { createAppSKeyVault } from "../../app-server/vault.ts";
import { createJoinAnswerer, type KeyWrap } from "../../join-server/answer.ts";
import { wrapKey } from "../../lorawan/backend/key-envelope.ts";
import {
  type DevEui,
  type GatewayId,
  parseApplicationId,
  parseDevEui,
  parseDeviceProfileId,
  parseGatewayId,
  parseJoinEui,
  parseNetId,
  parseTenantId,
} from "../../lorawan/ids.ts";
import { parseAesKey } from "../../lorawan/keys.ts";
import type { RegionName } from "../../lorawan/region/region.ts";
import { regionOf } from "../../lorawan/region/regions.ts";
import type { NetworkServerConfig } from "../../network-server/config.ts";
import type { SourceAddress } from "../../network-server/gateway/source-rule.ts";
import type { DatagramPort } from "../../network-server/gateway/udp/datagram-port.ts";
import type {
  AdrScripts,
  Catalog,
  DeviceConfig,
  DeviceProfileConfig,
  GatewayConfig,
  JoinServerClient,
} from "../../network-server/ports.ts";
import { type NetworkServer, startNetworkServer } from "../../network-server/server.ts";
import type { Clock } from "../../platform/clock.ts";
import type { FrameSource } from "../../platform/frames/frame-feed.ts";
import { createLog } from "../../platform/log.ts";
import { createMetrics } from "../../platform/metrics.ts";
import { createLocalPeers } from "../../platform/peers/local.ts";
import type { Peers } from "../../platform/peers/peers.ts";
import type { NetworkEvent } from "../../platform/state/network-event.ts";
import type { QueueItem } from "../../platform/state/queue-item.ts";
import { partitionCount, type StateStore } from "../../platform/state/store.ts";
import { createAir } from "../../simulators/air.ts";
import type { DatagramPort as GatewayPort } from "../../simulators/datagram.ts";
import { Device, type DeviceOptions } from "../../simulators/device.ts";
import type { DeviceEvent } from "../../simulators/device-events.ts";
import { createUdpGateway, type UdpGatewayOptions } from "../../simulators/gateway-udp.ts";
import { memoryJoinStores } from "./join-stores.ts";
import { createMemoryStore } from "./memory-store.ts";
import { createVirtualClock } from "./virtual-clock.ts";

const tenantId = parseTenantId("00000000-0000-4000-8000-000000000001");
const applicationId = parseApplicationId("00000000-0000-4000-8000-000000000002");

export interface ScenarioOptions {
  readonly region?: RegionName;
  readonly profile?: Partial<DeviceProfileConfig>;
  readonly network?: Partial<NetworkServerConfig>;
  readonly seed?: number;
  /** Standard deviation of what comes and goes with each frame; none by default. */
  readonly fadingDb?: number;
  /** True for several network servers, see `addServer`. */
  readonly isShared?: boolean;
  /** What stands between each of them and the others. */
  readonly peers?: (peers: Peers) => Peers;
  /** What stands between the network server and the Join Server. */
  readonly joinServer?: (client: JoinServerClient) => JoinServerClient;
  /** Who looks into the radio traffic. */
  readonly frames?: FrameSource;
  /** Runs the scripts of profiles that have one; none runs by default. */
  readonly adrScripts?: AdrScripts;
}

export interface ScenarioDevice {
  readonly device: Device;
  readonly devEui: DevEui;
  readonly events: DeviceEvent[];
}

/**
 * A network server with its real gateway transport, simulated gateways and devices on a virtual air, all under one virtual
 * clock. Only storage is in memory.
 */
export async function createScenario(options: ScenarioOptions = {}) {
  const clock = createVirtualClock();
  const store = createMemoryStore();
  const metrics = createMetrics();
  const log = createLog({ level: "silent" });
  const profile: DeviceProfileConfig = { ...scenarioProfile(options.region ?? "EU868"), ...options.profile };
  const region = regionOf(profile.region, profile.regionalParameters);
  const devices = new Map<DevEui, DeviceConfig>();
  const gateways = new Map<GatewayId, GatewayConfig>();
  const catalog: Catalog = {
    device: async devEui => devices.get(devEui),
    knownDevice: devEui => devices.get(devEui),
    gateway: async gatewayId => gateways.get(gatewayId),
    onDeviceChanged: () => {},
    onGatewayChanged: () => {},
  };
  const joinStores = memoryJoinStores();
  const answerer = createJoinAnswerer(joinStores.rootKeys, joinStores.nonces, parseNetId("000000"));
  const kek = new Uint8Array(32).fill(7);
  const wrap: KeyWrap = {
    appSKey: key => ({ KEKLabel: "test", AESKey: hex(wrapKey(kek, key)) }),
    networkKey: key => ({ AESKey: hex(key) }),
  };
  const joinClient: JoinServerClient = {
    join: request => answerer.join(request, wrap),
    rejoin: request => answerer.rejoin(request, wrap),
  };
  const vault = createAppSKeyVault({ kekLabel: "test", kek });
  const hub = createHub(clock);
  const peers = createLocalPeers(clock);
  const air = createAir(clock, { seed: options.seed ?? 1, shadowingDb: 0, fadingDb: options.fadingDb ?? 0 });

  let servers = 0;
  const startAt = (place: Hub): Promise<NetworkServer> => {
    servers += 1;
    return startNetworkServer({
      config: {
        netId: "000000",
        udp: { bind: "127.0.0.1", port: 1700 },
        deduplicationWindowMs: 200,
        deviceCacheSize: 1000,
        sessionCacheSize: 1000,
        regions: [],
        ...options.network,
      },
      catalog,
      store,
      joinServer: options.joinServer?.(joinClient) ?? joinClient,
      vault,
      adrScripts: options.adrScripts ?? { decide: async () => ({ kind: "failed", message: "no scripts here" }) },
      peers: (options.peers ?? (each => each))(peers.join({ isShared: options.isShared ?? false })),
      frames: options.frames,
      socket: place.server,
      address: `server ${servers}`,
      clock,
      log,
      metrics,
    });
  };
  const start = (): Promise<NetworkServer> => startAt(hub);
  const server = await start();

  /** One more network server of the same installation, with a network to gateways of its own. */
  const addServer = async () => {
    const place = createHub(clock);
    return { server: await startAt(place), hub: place };
  };

  const addGateway = async (
    changes: Partial<UdpGatewayOptions> = {},
    config: Partial<GatewayConfig> = {},
    place: Hub = hub,
  ) => {
    const gatewayId = parseGatewayId((gateways.size + 1).toString(16).padStart(16, "a"));
    gateways.set(gatewayId, {
      gatewayId,
      tenantId,
      name: gatewayId,
      disabled: false,
      antennaGainDb: 0,
      sourceRule: { kind: "any" },
      rateLimit: 1_000_000,
      ...config,
    });
    const gateway = createUdpGateway({
      air,
      gatewayId,
      position: { eastM: 0, northM: 0, heightM: 30 },
      port: place.gateway(),
      ...changes,
    });
    gateway.start();
    await clock.advance(50);
    return gateway;
  };

  /** Puts a device into the catalog. */
  const register = (devEui: DevEui, config: Partial<DeviceConfig> = {}): void => {
    devices.set(devEui, {
      devEui,
      joinEui: parseJoinEui("0e0e0e0e0e0e0e0e"),
      tenantId,
      applicationId,
      disabled: false,
      resetsFCnt: false,
      profile,
      ...config,
    });
  };

  const addDevice = async (
    changes: Partial<DeviceOptions> = {},
    config: Partial<DeviceConfig> = {},
  ): Promise<ScenarioDevice> => {
    const devEui = parseDevEui((devices.size + 1).toString(16).padStart(16, "d"));
    const joinEui = parseJoinEui("0e0e0e0e0e0e0e0e");
    const appKey = (devices.size + 1).toString(16).padStart(32, "0");
    const nwkKey = (devices.size + 1).toString(16).padStart(32, "1");
    const version11 = (changes.macVersion ?? profile.macVersion) === "1.1.0";
    register(devEui, config);
    const rootKeys = version11
      ? { nwkKey: parseAesKey(nwkKey), appKey: parseAesKey(appKey) }
      : { nwkKey: parseAesKey(appKey) };
    await joinStores.rootKeys.put(devEui, rootKeys);
    const events: DeviceEvent[] = [];
    const device = new Device({
      air,
      credentials: { devEui, joinEui, appKey, ...(version11 && { nwkKey }) },
      region,
      macVersion: profile.macVersion,
      position: { eastM: 300, northM: 0, heightM: 2 },
      seed: devices.size,
      listener: event => events.push(event),
      ...changes,
    });
    return { device, devEui, events };
  };

  const enqueue = async (devEui: DevEui, item: Partial<QueueItem> & { readonly id: string }): Promise<void> => {
    const value = { fPort: 10, confirmed: false, data: "AQID", enqueuedAtMs: clock.nowMs(), ...item };
    await store.enqueue(devEui, { id: item.id, value: Buffer.from(JSON.stringify(value)) }, 64);
  };

  return {
    clock,
    store,
    metrics,
    server,
    air,
    /** What goes wrong between server and gateways. */
    faults: hub.faults,
    vault,
    rootKeys: joinStores.rootKeys,
    nonces: joinStores.nonces,
    region,
    profile,
    devices,
    hub,
    peers,
    gatewayIdOf: parseGatewayId,
    addServer,
    addGateway,
    addDevice,
    register,
    enqueue,
    restart: start,
    /** Everything in the event log, device by device in order. */
    events: () => readEvents(store),
    eventsOf: async (devEui: DevEui) => (await readEvents(store)).filter(event => event.devEui === devEui),
  };
}

export const scenarioProfile = (region: RegionName): DeviceProfileConfig => ({
  id: parseDeviceProfileId("00000000-0000-4000-8000-000000000003"),
  region,
  macVersion: "1.0.4",
  regionalParameters: "RP002-1.0.4",
  supportsOtaa: true,
  supportsClassB: false,
  supportsClassC: false,
  classBTimeoutSeconds: 8,
  classCTimeoutSeconds: 8,
  adrAlgorithm: "default",
  expectedUplinkIntervalSeconds: 3600,
  deviceStatusIntervalSeconds: 0,
  flushQueueOnActivate: true,
  confirmedDownlinkRetries: 2,
  abp: { rx1DelaySeconds: 1, rx1DrOffset: 0 },
});

interface Faults {
  loseToGateways: boolean;
  /** Where datagrams to the server come from; the loopback address unless told. */
  address?: string;
  /** What becomes of a datagram on its way: none is loss, more than one are those that were held before. */
  toGateways?: ((bytes: Uint8Array) => readonly Uint8Array[]) | undefined;
  toServer?: ((bytes: Uint8Array) => readonly Uint8Array[]) | undefined;
  /** How long datagrams are on their way. */
  toServerMs?: number | undefined;
  toGatewaysMs?: number | undefined;
}

type Hub = ReturnType<typeof createHub>;

/** A network in memory: datagrams arrive in the next turn of the promise queue, unless they are delayed. */
function createHub(clock: Clock) {
  let deliver: (bytes: Uint8Array, from: SourceAddress) => void = () => {};
  const gateways = new Map<number, (bytes: Uint8Array) => void>();
  const faults: Faults = { loseToGateways: false };
  const server: DatagramPort = {
    sendSoon: (bytes, to) => server.send(bytes, to),
    send(bytes, to) {
      if (faults.loseToGateways) return;
      const arrive = () => {
        for (const passed of faults.toGateways?.(bytes) ?? [bytes]) gateways.get(to.port)?.(passed);
      };
      if (faults.toGatewaysMs === undefined) queueMicrotask(arrive);
      else clock.after(faults.toGatewaysMs, arrive);
    },
    onMessage(listener) {
      deliver = listener;
    },
    async close() {
      deliver = () => {};
    },
  };
  const toServer = (bytes: Uint8Array, port = 40_000): void =>
    deliver(bytes, { address: faults.address ?? "127.0.0.1", port });
  const gateway = (): GatewayPort => {
    const port = 40_000 + gateways.size;
    gateways.set(port, () => {});
    return {
      send(bytes) {
        const copy = Uint8Array.from(bytes);
        const arrive = () => {
          for (const passed of faults.toServer?.(copy) ?? [copy]) toServer(passed, port);
        };
        if (faults.toServerMs === undefined) queueMicrotask(arrive);
        else clock.after(faults.toServerMs, arrive);
      },
      onMessage: listener => gateways.set(port, listener),
      close: () => gateways.set(port, () => {}),
    };
  };
  return { server, gateway, faults, toServer };
}

async function readEvents(store: StateStore): Promise<readonly NetworkEvent[]> {
  const events: NetworkEvent[] = [];
  for (let partition = 0; partition < partitionCount; partition += 1) {
    for (const { value } of await store.readEvents(partition, "", 10_000)) {
      const event = parseNetworkEvent(value);
      if (event) events.push(event);
    }
  }
  return events;
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
