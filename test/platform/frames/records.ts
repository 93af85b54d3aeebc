import { parseApplicationId, parseDevEui, parseGatewayId, parseTenantId } from "../../../lorawan/ids.ts";
import { type DownlinkFrameRecord, frameIdOf, type UplinkFrameRecord } from "../../../platform/frames/frame-record.ts";
import type { TxInfo } from "../../../platform/state/network-event.ts";

const txInfo: TxInfo = {
  frequency: 868_100_000,
  modulation: { lora: { bandwidth: 125_000, spreadingFactor: 7, codeRate: "CR_4_5" } },
};

export const deviceOf = (n: number) => parseDevEui(n.toString(16).padStart(16, "d"));
export const gatewayOf = (n: number) => parseGatewayId(n.toString(16).padStart(16, "a"));
export const tenantOf = (n: number) => parseTenantId(`00000000-0000-4000-8000-${n.toString().padStart(12, "0")}`);
export const applicationOf = (n: number) =>
  parseApplicationId(`00000000-0000-4000-9000-${n.toString().padStart(12, "0")}`);

/** An uplink of device n of tenant n, heard by gateway n, with changes. */
export const uplinkFrame = (n: number, changes: Partial<UplinkFrameRecord> = {}): UplinkFrameRecord => ({
  direction: "up",
  id: frameIdOf(changes.atMs ?? 1_700_000_000_000 + n, `00000000-0000-4000-a000-${n.toString().padStart(12, "0")}`),
  atMs: 1_700_000_000_000 + n,
  phyPayload: Uint8Array.of(0x40, 4, 3, 2, 1, 0, n & 0xff, 0, 1, 0xaa, 1, 2, 3, 4),
  subject: { tenantId: tenantOf(n), applicationId: applicationOf(n), devEui: deviceOf(n) },
  fCnt: n,
  verdict: "accepted",
  txInfo,
  rxInfo: [{ gatewayId: gatewayOf(n), uplinkId: n, rssi: -80, snr: 7 }],
  ...changes,
});

export const downlinkFrame = (n: number, changes: Partial<DownlinkFrameRecord> = {}): DownlinkFrameRecord => ({
  direction: "down",
  id: frameIdOf(changes.atMs ?? 1_700_000_000_000 + n, `00000000-0000-4000-b000-${n.toString().padStart(12, "0")}`),
  atMs: 1_700_000_000_000 + n,
  phyPayload: Uint8Array.of(0x60, 4, 3, 2, 1, 0, n & 0xff, 0, 1, 2, 3, 4),
  subject: { tenantId: tenantOf(n), applicationId: applicationOf(n), devEui: deviceOf(n) },
  fCnt: n,
  outcome: "sent",
  downlinkId: n,
  attempts: [{ gatewayId: gatewayOf(n), window: "RX1", status: "OK" }],
  txInfo,
  delayUs: 1_000_000,
  ...changes,
});
