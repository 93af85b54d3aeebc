import type { Region } from "../../lorawan/region/region.ts";
import { regionOf } from "../../lorawan/region/regions.ts";
import { type Air, createAir } from "../../simulators/air.ts";
import { createDatagramPair, type DatagramPort } from "../../simulators/datagram.ts";
import { Device, type DeviceOptions } from "../../simulators/device.ts";
import type { DeviceEvent } from "../../simulators/device-events.ts";
import { createUdpGateway, type UdpGateway, type UdpGatewayOptions } from "../../simulators/gateway-udp.ts";
import type { Position } from "../../simulators/propagation.ts";
import { createVirtualClock, type VirtualClock } from "./virtual-clock.ts";

export interface RadioGateway {
  readonly gateway: UdpGateway;
  /** The server's end of the gateway's path: what arrives here are its datagrams. */
  readonly server: DatagramPort;
}

export interface RadioDevice {
  readonly device: Device;
  /** Everything it reported, oldest first. */
  readonly events: DeviceEvent[];
  /** Those of one kind. */
  of<Kind extends DeviceEvent["kind"]>(kind: Kind): Extract<DeviceEvent, { kind: Kind }>[];
}

export interface VirtualRadio {
  readonly clock: VirtualClock;
  readonly air: Air;
  readonly region: Region;
  /** Started; near the devices unless a position is given. */
  gateway(options?: Partial<Omit<UdpGatewayOptions, "air" | "port">>): RadioGateway;
  /** Not started: call `device.start()`. */
  device(options?: Partial<Omit<DeviceOptions, "air" | "listener">>): RadioDevice;
  stop(): void;
}

export interface VirtualRadioOptions {
  readonly seed?: number;
  readonly region?: Region;
  readonly clock?: VirtualClock;
}

export const here: Position = { eastM: 0, northM: 0, heightM: 1 };
const nearby: Position = { eastM: 200, northM: 0, heightM: 15 };

const euiOf = (kind: string, number: number): string => `${kind}${number.toString(16).padStart(14, "0")}`;

/** An air without fading, whose gateways talk in memory and whose time stands still until it is moved. */
export function createVirtualRadio(options: VirtualRadioOptions = {}): VirtualRadio {
  const { seed = 1, region = regionOf("EU868", "RP002-1.0.3"), clock = createVirtualClock() } = options;
  const air = createAir(clock, { seed, shadowingDb: 0, fadingDb: 0 });
  const running: { stop(): void }[] = [];
  return {
    clock,
    air,
    region,
    gateway(own = {}) {
      const [port, server] = createDatagramPair();
      const gatewayId = own.gatewayId ?? euiOf("aa", running.length + 1);
      const gateway = createUdpGateway({ position: nearby, ...own, gatewayId, air, port });
      running.push(gateway);
      gateway.start();
      return { gateway, server };
    },
    device(own = {}) {
      const events: DeviceEvent[] = [];
      const number = running.length + 1;
      const device = new Device({
        credentials: {
          devEui: euiOf("dd", number),
          joinEui: euiOf("ee", 1),
          appKey: number.toString(16).padStart(32, "0"),
        },
        region,
        macVersion: "1.0.4",
        position: here,
        seed: seed + number,
        ...own,
        air,
        listener: event => events.push(event),
      });
      running.push(device);
      return {
        device,
        events,
        of: <Kind extends DeviceEvent["kind"]>(kind: Kind) =>
          events.filter((event): event is Extract<DeviceEvent, { kind: Kind }> => event.kind === kind),
      };
    },
    stop() {
      for (const part of running) part.stop();
      air.close();
    },
  };
}
