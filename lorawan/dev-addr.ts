import { MalformedValue } from "./errors.ts";
import { type DevAddr, type NetId, parseDevAddr } from "./ids.ts";

/** TS001-1.0.4 6.1 and TS002, DevAddr assignment: by NetID type, the bits of NwkID and NwkAddr in a DevAddr. */
const addressLayouts = [
  { nwkIdBits: 6, nwkAddrBits: 25 },
  { nwkIdBits: 6, nwkAddrBits: 24 },
  { nwkIdBits: 9, nwkAddrBits: 20 },
  { nwkIdBits: 11, nwkAddrBits: 17 },
  { nwkIdBits: 12, nwkAddrBits: 15 },
  { nwkIdBits: 13, nwkAddrBits: 13 },
  { nwkIdBits: 15, nwkAddrBits: 10 },
  { nwkIdBits: 17, nwkAddrBits: 7 },
] as const;

export interface NetworkAddress {
  /** 0 to 7. */
  readonly netIdType: number;
  /** Least significant bits of the NetID; RFU bits of the NetID are not in a DevAddr. */
  readonly nwkId: number;
  /** The device within its network. */
  readonly nwkAddr: number;
}

/** 0 to 7: the three most significant bits. */
export const netIdType = (netId: NetId): number => Number.parseInt(netId, 16) >>> 21;

/** The parts of a DevAddr; undefined for one that begins with eight 1 bits, which belongs to no NetID type. */
export function nwkIdOf(devAddr: DevAddr): NetworkAddress | undefined {
  const value = Number.parseInt(devAddr, 16);
  // Type n is announced by n bits 1 and one bit 0.
  const type = Math.clz32(~value);
  const layout = addressLayouts[type];
  if (layout === undefined) return undefined;
  return {
    netIdType: type,
    nwkId: (value >>> layout.nwkAddrBits) & (2 ** layout.nwkIdBits - 1),
    nwkAddr: (value & (2 ** layout.nwkAddrBits - 1)) >>> 0,
  };
}

/** How many bits `nwkAddr` has under this NetID: 25 down to 7. */
export const nwkAddrBits = (netId: NetId): number => layoutOf(netId).nwkAddrBits;

/** Throws MalformedValue when `nwkAddr` has more bits than the NetID's type leaves to it. */
export function devAddrOf(netId: NetId, nwkAddr: number): DevAddr {
  const layout = layoutOf(netId);
  if (!Number.isInteger(nwkAddr) || nwkAddr < 0 || nwkAddr >= 2 ** layout.nwkAddrBits) {
    throw new MalformedValue(`NwkAddr has ${layout.nwkAddrBits} bits under this NetID`, { netId, nwkAddr });
  }
  const type = netIdType(netId);
  const nwkId = Number.parseInt(netId, 16) & (2 ** layout.nwkIdBits - 1);
  const prefix = 2 ** 32 - 2 ** (32 - type);
  const value = prefix + nwkId * 2 ** layout.nwkAddrBits + nwkAddr;
  return parseDevAddr(value.toString(16).padStart(8, "0"));
}

/** True when a network of this NetID may have given the address. */
export function matchesNetId(devAddr: DevAddr, netId: NetId): boolean {
  const address = nwkIdOf(devAddr);
  if (address === undefined || address.netIdType !== netIdType(netId)) return false;
  return address.nwkId === (Number.parseInt(netId, 16) & (2 ** layoutOf(netId).nwkIdBits - 1));
}

/** An address under this NetID with a random NwkAddr. `randomBytes` gives n bytes, for example that of node:crypto. */
export function randomDevAddr(netId: NetId, randomBytes: (bytes: number) => Uint8Array): DevAddr {
  const random = randomBytes(4).reduce((value, byte) => value * 256 + byte, 0);
  return devAddrOf(netId, random % 2 ** nwkAddrBits(netId));
}

/** A NetID has 24 bits, so that its type is always in the table. */
const layoutOf = (netId: NetId) => addressLayouts[netIdType(netId)]!;
