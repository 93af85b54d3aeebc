import { randomBytes, randomUUID } from "node:crypto";
import { type DevEui, type GatewayId, parseGatewayId, parseNetId } from "../lorawan/ids.ts";
import { type Clock, sleep } from "../platform/clock.ts";
import type { FrameSource } from "../platform/frames/frame-feed.ts";
import type { Log } from "../platform/log.ts";
import type { Metrics } from "../platform/metrics.ts";
import type { Peers } from "../platform/peers/peers.ts";
import { createSerial } from "../platform/serial.ts";
import type { StateStore } from "../platform/state/store.ts";
import { createAlarms } from "./alarms.ts";
import { type Background, createBackground } from "./background.ts";
import type { NetworkServerConfig } from "./config.ts";
import type { NetworkContext } from "./context.ts";
import { createDeviceControl, type NetworkServerControl } from "./control.ts";
import { createDeviceCache } from "./device-cache.ts";
import { createLocalSender } from "./downlink/gateway-sender.ts";
import { createImmediateTransmitter } from "./downlink/immediate.ts";
import { createPeerSender } from "./downlink/peer-sender.ts";
import { createPingTransmitter } from "./downlink/ping-slots.ts";
import { createSchedule } from "./downlink/schedule.ts";
import { createTransmitter } from "./downlink/transmit.ts";
import { createFrameTrace } from "./frame-trace.ts";
import { createGatewayRegistry, type GatewayRegistry } from "./gateway/registry.ts";
import { createStoredGateways, releaseTopic } from "./gateway/stored-gateways.ts";
import type { DatagramPort } from "./gateway/udp/datagram-port.ts";
import { createUdpTransport } from "./gateway/udp/server.ts";
import { createGatewayPlaces } from "./gateway-places.ts";
import { createNeighbours, type Neighbours } from "./neighbours.ts";
import { createNetwork } from "./network.ts";
import type { AdrScripts, AppSKeyVault, Catalog, JoinServerClient, RegionConfigs } from "./ports.ts";
import { createSharedFrames } from "./uplink/shared-frames.ts";

export interface NetworkServerOptions {
  readonly config: NetworkServerConfig;
  /** Those of `config` when absent. */
  readonly regionConfigs?: RegionConfigs;
  readonly catalog: Catalog;
  readonly store: StateStore;
  readonly joinServer: JoinServerClient;
  readonly vault: AppSKeyVault;
  readonly adrScripts: AdrScripts;
  readonly peers: Peers;
  /** Who looks into the radio traffic; nobody when absent. */
  readonly frames?: FrameSource | undefined;
  /** Where Semtech UDP comes in. */
  readonly socket: DatagramPort;
  /** Names that place among those of all network servers of the installation; the same after a restart. */
  readonly address: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** The network-server role. */
export interface NetworkServer extends NetworkServerControl {
  /** Lets frames under way come to their end, then stops. */
  close(): Promise<void>;
}

/** How often uplinks are looked for that another process accepted and did not complete. */
const sweepIntervalMs = 5_000;

/** Longer than a gateway takes to answer, shorter than people wait: what is lost then is the report, not the frame. */
const closingMs = 2_000;

export async function startNetworkServer(options: NetworkServerOptions): Promise<NetworkServer> {
  const { catalog, store, clock, log, metrics, socket } = options;
  const { peers } = options;
  // Before any frame is taken: a server that was alone until now has to know.
  const neighbours = createNeighbours(peers, clock);
  const gateways = createGatewayRegistry({ catalog, store, clock, log, metrics, isShared: peers.isShared });
  await gateways.start();
  const work = createBackground(options);
  const transport = createUdpTransport({
    socket,
    // The transport is made before the network that it feeds, since the network sends through it.
    events: { reception: reception => network.reception(reception), hasRoom: work.hasRoom },
    gateways,
    clock,
    log,
    metrics,
    randomUint16: () => randomBytes(2).readUInt16BE(0),
    ...(peers.isShared && { server: options.address }),
    onPath: gatewayId => places.here(gatewayId),
  });
  const places = createGatewayPlaces({ peers, clock, onLeft: gatewayId => transport.forget(gatewayId) });
  const schedule = createSchedule({ metrics, dutyCycle: options.config.enforceDutyCycle ?? true });
  const local = createLocalSender({ transport, clock, metrics, schedule });
  const sender = createPeerSender({ local, places, peers, clock });
  const context = contextOf(options, work, neighbours, {
    transmitter: createTransmitter({ sender }),
    immediate: createImmediateTransmitter({ sender, clock }),
    pings: createPingTransmitter({ sender, clock }),
    usualWayMs: gatewayId => (gateways.roundTripMs(gatewayId) ?? 0) / 2,
  });
  const network = createNetwork(context, options.config.deduplicationWindowMs);
  await network.completeAbandoned();
  const stopSweeping = every(clock, sweepIntervalMs, () => work.run(() => network.completeAbandoned()));
  return {
    ...controlOf(context, gateways),
    async close() {
      stopSweeping();
      network.stop();
      await places.close();
      // Under load there is always a frame under way: only without new ones do those that were acknowledged come to their end.
      transport.refuseUplinks();
      await Promise.race([work.idle(), sleep(clock, closingMs)]);
      sender.close();
      await transport.close();
      await gateways.stop();
      await neighbours.close();
    },
  };
}

function contextOf(
  options: NetworkServerOptions,
  work: Background,
  neighbours: Neighbours,
  towardsGateways: Pick<NetworkContext, "transmitter" | "immediate" | "pings" | "usualWayMs">,
): NetworkContext {
  const { config, catalog, store, joinServer, vault, adrScripts, peers, clock, log, metrics } = options;
  return {
    catalog,
    store,
    known: createDeviceCache(config.sessionCacheSize),
    joinServer,
    vault,
    adrScripts,
    ...towardsGateways,
    alarms: createAlarms(clock),
    peers,
    neighbours,
    frames: createSharedFrames(peers, clock),
    trace: createFrameTrace({ source: options.frames, newUuid: randomUUID, nowMs: () => clock.nowMs() }),
    clock,
    log,
    metrics,
    netId: parseNetId(config.netId),
    regionConfigs: options.regionConfigs ?? (() => config.regions),
    devices: createSerial<DevEui>(),
    background: work.run,
    newUuid: randomUUID,
    randomBytes: count => randomBytes(count),
  };
}

function controlOf(context: NetworkContext, gateways: GatewayRegistry): NetworkServerControl {
  const { store, peers, clock, background } = context;
  const stored = createStoredGateways(store, peers, clock);
  const release = async (gatewayId: GatewayId): Promise<void> => {
    await gateways.releaseAddress(gatewayId);
  };
  peers.onTold(releaseTopic, text => background(() => release(parseGatewayId(text))));
  return {
    ...createDeviceControl(context),
    gateways: async () => (peers.isShared ? stored.statuses() : gateways.statuses()),
    gateway: async gatewayId => (peers.isShared ? stored.status(gatewayId) : gateways.status(gatewayId)),
    async releaseGatewayAddress(gatewayId) {
      await release(gatewayId);
      if (peers.isShared) await stored.releaseAddress(gatewayId);
    },
  };
}

function every(clock: Clock, intervalMs: number, action: () => void): () => void {
  let cancel = clock.after(intervalMs, tick);
  function tick(): void {
    action();
    cancel = clock.after(intervalMs, tick);
  }
  return () => cancel();
}
