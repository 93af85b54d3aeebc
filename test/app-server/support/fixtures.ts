import { randomBytes } from "node:crypto";
import type { DeviceCodec, DeviceInfo, DirectoryDevice } from "../../../app-server/ports.ts";
import {
  type DevEui,
  parseApplicationId,
  parseDevAddr,
  parseDevEui,
  parseDeviceProfileId,
  parseGatewayId,
  parseTenantId,
} from "../../../lorawan/ids.ts";
import { cryptPayload } from "../../../lorawan/phy/security.ts";
import type { UplinkEvent } from "../../../platform/state/network-event.ts";

export const applicationId = parseApplicationId("17c82e96-be03-4f38-aef3-f83d48582d97");
export const otherApplicationId = parseApplicationId("27c82e96-be03-4f38-aef3-f83d48582d97");
export const devEui = parseDevEui("0101010101010101");
export const devAddr = parseDevAddr("00189440");
export const appSKey = Uint8Array.from(Buffer.from("000102030405060708090a0b0c0d0e0f", "hex"));

export const deviceInfo: DeviceInfo = {
  tenantId: parseTenantId("52f14cd4-c6f1-4fbd-8f87-4025e1d49242"),
  tenantName: "ChirpStack",
  applicationId,
  applicationName: "Test app",
  deviceProfileId: parseDeviceProfileId("14855bf7-d10d-4aee-b618-ebfcb64dc7ad"),
  deviceProfileName: "Test device-profile",
  deviceName: "Test device",
  devEui,
  deviceClassEnabled: "CLASS_A",
  tags: { key: "value" },
};

export const directoryDevice = (
  codec: DeviceCodec = { kind: "none" },
  info: Partial<DeviceInfo> = {},
): DirectoryDevice => ({
  info: { ...deviceInfo, ...info },
  codec,
  variables: {},
});

/** An uplink as the network server logs it, its payload encrypted under `appSKey`. */
export function uplinkRecord(changes: Partial<UplinkEvent> = {}, payload = Uint8Array.of(0x01, 0x02)): UplinkEvent {
  const fCnt = changes.fCnt ?? 4;
  const frmPayload = Buffer.from(cryptPayload(appSKey, "up", devAddr, fCnt, payload)).toString("base64");
  return {
    kind: "up",
    deduplicationId: "3ac7e3c4-4401-4b8d-9386-a5c902f9202d",
    time: "2022-07-18T09:34:15.775Z",
    devEui,
    applicationId,
    devAddr,
    adr: true,
    dr: 1,
    fCnt,
    fPort: 1,
    confirmed: false,
    frmPayload,
    appSKey: { aesKey: Buffer.from(appSKey).toString("hex") },
    regionConfigId: "eu868",
    rxInfo: [
      {
        gatewayId: parseGatewayId("0016c001f153a14c"),
        uplinkId: 4217106255,
        rssi: -36,
        snr: 10.5,
        context: "E3OWOQ==",
        crcStatus: "CRC_OK",
      },
    ],
    txInfo: {
      frequency: 867_100_000,
      modulation: { lora: { bandwidth: 125_000, spreadingFactor: 11, codeRate: "CR_4_5" } },
    },
    ...changes,
  };
}

export const bytesOf = (record: unknown): Uint8Array => Buffer.from(JSON.stringify(record));

export const randomDevEui = (): DevEui => parseDevEui(randomBytes(8).toString("hex"));
