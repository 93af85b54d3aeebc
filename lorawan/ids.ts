import { MalformedValue } from "./errors.ts";

declare const brand: unique symbol;
type Branded<Base, Name extends string> = Base & { readonly [brand]: Name };

/** 16 lower-case hex digits, most significant first, as printed on a device. */
export type DevEui = Branded<string, "DevEui">;
/** 16 lower-case hex digits; called AppEUI up to LoRaWAN 1.0.3. */
export type JoinEui = Branded<string, "JoinEui">;
/** 16 lower-case hex digits: the gateway's EUI. */
export type GatewayId = Branded<string, "GatewayId">;
/** 8 lower-case hex digits, most significant first. */
export type DevAddr = Branded<string, "DevAddr">;
/** 6 lower-case hex digits, most significant first. */
export type NetId = Branded<string, "NetId">;
/** Lower-case UUIDs. */
export type TenantId = Branded<string, "TenantId">;
export type UserId = Branded<string, "UserId">;
export type ApplicationId = Branded<string, "ApplicationId">;
export type DeviceProfileId = Branded<string, "DeviceProfileId">;
export type IntegrationId = Branded<string, "IntegrationId">;

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Accepts hex of either case, with `-` or `:` between bytes. Throws MalformedValue. */
function parseHex(name: string, digits: number, text: string): string {
  const plain = text.replace(/[-:]/g, "").toLowerCase();
  if (plain.length !== digits || !/^[0-9a-f]*$/.test(plain)) {
    throw new MalformedValue(`${name} is ${digits} hex digits, for example ${"0123456789abcdef".slice(0, digits)}`, {
      name,
    });
  }
  return plain;
}

function parseUuid(name: string, text: string): string {
  const lower = text.toLowerCase();
  if (!uuidPattern.test(lower)) throw new MalformedValue(`${name} is a UUID`, { name });
  return lower;
}

// The casts below are the one place where a checked string becomes a branded one.
export const parseDevEui = (text: string): DevEui => parseHex("DevEUI", 16, text) as DevEui;
export const parseJoinEui = (text: string): JoinEui => parseHex("JoinEUI", 16, text) as JoinEui;
export const parseGatewayId = (text: string): GatewayId => parseHex("gateway EUI", 16, text) as GatewayId;
export const parseDevAddr = (text: string): DevAddr => parseHex("DevAddr", 8, text) as DevAddr;
export const parseNetId = (text: string): NetId => parseHex("NetID", 6, text) as NetId;
export const parseTenantId = (text: string): TenantId => parseUuid("tenant id", text) as TenantId;
export const parseUserId = (text: string): UserId => parseUuid("user id", text) as UserId;
export const parseApplicationId = (text: string): ApplicationId => parseUuid("application id", text) as ApplicationId;
export const parseDeviceProfileId = (text: string): DeviceProfileId =>
  parseUuid("device profile id", text) as DeviceProfileId;
export const parseIntegrationId = (text: string): IntegrationId => parseUuid("integration id", text) as IntegrationId;

const hexOf = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");

const hexOfByte = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** From a frame: bytes are least significant first there (TS001-1.0.4 1.1). */
function littleEndianHex(bytes: Uint8Array, start: number, length: number): string {
  let text = "";
  for (let index = start + length - 1; index >= start; index--) text += hexOfByte[bytes[index]!]!;
  return text;
}

/** Reads an identifier at `start` of a frame; the caller has checked the length. */
export const readDevEui = (bytes: Uint8Array, start: number): DevEui => littleEndianHex(bytes, start, 8) as DevEui;
export const readJoinEui = (bytes: Uint8Array, start: number): JoinEui => littleEndianHex(bytes, start, 8) as JoinEui;
export const readDevAddr = (bytes: Uint8Array, start: number): DevAddr => littleEndianHex(bytes, start, 4) as DevAddr;
export const readNetId = (bytes: Uint8Array, start: number): NetId => littleEndianHex(bytes, start, 3) as NetId;

/** Bytes of any identifier as a frame carries it, least significant first. */
export const toFrameOrder = (id: DevEui | JoinEui | DevAddr | NetId): Uint8Array =>
  new Uint8Array(Buffer.from(id, "hex")).reverse();

/** Gateway protocols carry the EUI most significant byte first. */
export const gatewayIdFromBytes = (bytes: Uint8Array): GatewayId => hexOf(bytes.subarray(0, 8)) as GatewayId;
