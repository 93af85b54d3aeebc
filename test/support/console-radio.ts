import { onTestFinished } from "vitest";
import { parseGatewayId } from "../../lorawan/ids.ts";
import { regionOf } from "../../lorawan/region/regions.ts";
import { systemClock } from "../../platform/clock.ts";
import { createAir } from "../../simulators/air.ts";
import { openUdpPort } from "../../simulators/datagram.ts";
import { Device } from "../../simulators/device.ts";
import { createUdpGateway } from "../../simulators/gateway-udp.ts";

export const personalization = {
  devAddr: "01abcdef",
  nwkSKey: "0a".repeat(16),
  appSKey: "0b".repeat(16),
} as const;

/** One gateway on the air beside a real server, until the test is over. */
export function gatewayOnAir(udpPort: number, gatewayId: string) {
  const air = createAir(systemClock, { seed: 1, shadowingDb: 0, fadingDb: 0 });
  const gateway = createUdpGateway({
    air,
    gatewayId: parseGatewayId(gatewayId),
    position: { eastM: 0, northM: 0, heightM: 30 },
    port: openUdpPort({ host: "127.0.0.1", port: udpPort }),
  });
  onTestFinished(() => gateway.stop());
  return {
    start: () => gateway.start(),
    /** A device near by: one that joins with a key, or one that has the session above. */
    device(credentials: { readonly devEui: string; readonly appKey?: string }): Device {
      const { devEui, appKey } = credentials;
      const device = new Device({
        air,
        credentials: { devEui, joinEui: "0000000000000000", appKey: appKey ?? "00".repeat(16) },
        ...(appKey === undefined && { personalization }),
        region: regionOf("EU868", "RP002-1.0.4"),
        macVersion: "1.0.4",
        position: { eastM: 300, northM: 0, heightM: 2 },
        seed: 1,
      });
      onTestFinished(() => device.stop());
      return device;
    },
  };
}
