import type { RegionName } from "../../lorawan/region/region.ts";
import { regionOf } from "../../lorawan/region/regions.ts";
import { subBandsOf } from "../../network-server/region-config.ts";
import type { GatewayEvent, UdpGateway, UdpGatewayOptions } from "../../simulators/gateway-udp.ts";
import { createScenario, type ScenarioDevice, type ScenarioOptions } from "./scenario.ts";

export interface ClassBOptions extends ScenarioOptions {
  /** A ping slot every 0.96 s times 2^n; 2 by default. */
  readonly periodicity?: number;
  /** With GPS time and beacon, unless told; one by default. */
  readonly gateways?: readonly Partial<UdpGatewayOptions>[];
  readonly device?: Parameters<Awaited<ReturnType<typeof createScenario>>["addDevice"]>[0];
}

type Sent = Extract<GatewayEvent, { kind: "downlink" }>;

const base64 = (text: string): string => Buffer.from(text).toString("base64");
const payloadOf = (uplink: object) => ({ fPort: 1, payload: Uint8Array.of(2), ...uplink });

/** Where the device's windows and ping slots are heard with power to spare in every region. */
const near = { eastM: 50, northM: 0, heightM: 2 };

/** A device that has joined, found the beacon, and been heard in class B; it is idle then. */
export async function classBLife(options: ClassBOptions = {}) {
  const scenario = await createScenario({
    ...options,
    profile: { supportsClassB: true, adrAlgorithm: "none", ...options.profile },
  });
  const { clock, region, profile } = scenario;
  const sent: (Sent & { readonly gateway: number; readonly atMs: number })[] = [];
  const gateways: UdpGateway[] = [];
  for (const [gateway, own] of (options.gateways ?? [{}]).entries()) {
    gateways.push(
      await scenario.addGateway({
        position: { eastM: -100 * gateway, northM: 0, heightM: 30 },
        gps: true,
        beacon: beaconOf(profile.region, own.listensTo),
        ...own,
        listener: event => {
          if (event.kind === "downlink") sent.push({ ...event, gateway, atMs: clock.nowMs() });
        },
      }),
    );
  }
  const { periodicity = 2 } = options;
  const device = await scenario.addDevice({ classB: { periodicity }, position: near, ...options.device });
  device.device.start();
  const send = (uplink: object = {}): void => device.device.send(payloadOf(uplink));
  // It may try several times until a gateway of its sub-band hears it.
  for (let tries = 0; tries < 200 && !device.device.joined; tries += 1) {
    if (device.events.at(-1)?.kind === "join-failed") device.device.join();
    await clock.advance(1_000);
  }
  // PingSlotInfoReq, the network's wishes and the device's answers to them, on channels that gateways hear.
  for (let count = 0; count < 12; count += 1) {
    send();
    await clock.advance(12_000);
  }
  // The next beacon at the latest, and the uplink that tells of it.
  await clock.advance(140_000);
  for (let count = 0; count < 6; count += 1) {
    send();
    await clock.advance(12_000);
  }
  device.events.length = 0;
  sent.length = 0;
  const put = (id: string, item = {}) => scenario.enqueue(device.devEui, { id, data: base64(id), ...item });
  const eventsOf = async (kind: string) =>
    (await scenario.eventsOf(device.devEui)).filter(event => event.kind === kind);
  return {
    ...scenario,
    region,
    gateways,
    device,
    sent,
    send,
    put,
    eventsOf,
    downlinks: () => downlinksOf(device),
    texts: () => downlinksOf(device).map(({ payload }) => Buffer.from(payload).toString()),
    counters: () => downlinksOf(device).map(({ fCnt }) => fCnt),
    violations: () => device.events.filter(event => event.kind === "violation" || event.kind === "bad-mic"),
    waiting: async () => (await scenario.store.queue(device.devEui)).map(({ id }) => id),
    session: async () => {
      const view = await scenario.server.session(device.devEui);
      if (!view) throw new Error("the device has no session");
      return view;
    },
  };
}

const downlinksOf = ({ events }: ScenarioDevice) => events.filter(event => event.kind === "downlink");

/** The beacon that a gateway of this region sends. */
export function beaconOf(
  name: RegionName,
  listensTo?: UdpGatewayOptions["listensTo"],
): NonNullable<UdpGatewayOptions["beacon"]> {
  const { beacon, downlinkDataRates, joinChannels } = regionOf(name, "RP002-1.0.4");
  const modulation = downlinkDataRates[beacon.dataRate];
  if (!modulation) throw new Error(`${name} has no beacon`);
  const joinChannel = joinChannels.find(
    channel => channel.region === name && (listensTo?.has(channel.uplinkFrequencyHz) ?? true),
  );
  return {
    frequenciesHz: beacon.frequenciesHz.length > 0 ? beacon.frequenciesHz : (joinChannel?.beaconFrequenciesHz ?? []),
    modulation,
  };
}

/** A gateway that listens to the second sub-band alone, where there are any: in CN470 too it has join channels. */
export function listening(name: RegionName): Partial<UdpGatewayOptions> {
  const region = regionOf(name, "RP002-1.0.4");
  const [, members] = subBandsOf(region);
  return members
    ? { listensTo: new Set([...members].flatMap(number => region.defaultChannels[number]?.uplinkFrequencyHz ?? [])) }
    : {};
}

export const rising = (values: readonly number[]): readonly number[] =>
  [...new Set(values)].sort((left, right) => left - right);
