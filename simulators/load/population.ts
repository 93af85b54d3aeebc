import { createCipheriv, createHash } from "node:crypto";

/** Devices and gateways of a load run: made from their number, so that processes share a million of them by a seed. */
export interface Population {
  readonly seed: number;
  readonly devices: number;
  /** Devices that share a DevAddr; 1 gives each its own. */
  readonly devicesPerAddress: number;
}

/** Hex is lower case, most significant byte first; keys are 16 bytes. */
export interface LoadDevice {
  readonly devEui: string;
  readonly joinEui: string;
  readonly devAddr: string;
  readonly nwkSKey: Uint8Array;
  readonly appSKey: Uint8Array;
  readonly appKey: Uint8Array;
}

export const maxDevices = 1 << 24;

// Locally administered, so that no real device or gateway has one of these.
const deviceSpace = "0200ff";
const gatewaySpace = "0200fe";
const hexOf = (value: number, digits: number): string => value.toString(16).padStart(digits, "0");
const spaceOf = (prefix: string, seed: number): string => `${prefix}${hexOf(seed & 0xffff, 4)}`;

/** Addresses of NetID 000000 have 25 free bits; an odd factor spreads them without a collision. */
const spread = 0x9e3779b1;
const addressMask = 0x1ff_ffff;
const devAddrOf = (group: number): string => hexOf(Math.imul(group, spread) & addressMask, 8);
const gathered = inverseModuloPowerOfTwo(spread);

/** Number of the group of devices with this address. */
export const groupOfDevAddr = (devAddr: number): number => Math.imul(devAddr, gathered) & addressMask;

/** Newton's iteration doubles the right bits each time; three are right to begin with. */
function inverseModuloPowerOfTwo(odd: number): number {
  let inverse = odd;
  for (let bits = 3; bits < 32; bits *= 2) inverse = Math.imul(inverse, 2 - Math.imul(odd, inverse));
  return inverse;
}

export const devEuiOf = (seed: number, device: number): string => spaceOf(deviceSpace, seed) + hexOf(device, 6);
export const gatewayIdOf = (seed: number, gateway: number): string => spaceOf(gatewaySpace, seed) + hexOf(gateway, 6);
export const joinEuiOf = (seed: number): string => `${spaceOf(deviceSpace, seed)}ffffff`;

/** Number of the device with this DevEUI, or -1 for one of another population. */
export function deviceOfDevEui(seed: number, devEui: string): number {
  if (devEui.length !== 16 || !devEui.startsWith(spaceOf(deviceSpace, seed))) return -1;
  return Number.parseInt(devEui.slice(10), 16);
}

/** Gives the device with a number from 0; the same for the same population. */
export function describeDevices({ seed, devicesPerAddress }: Population): (device: number) => LoadDevice {
  const master = createHash("sha256").update(`upchirp load ${seed}`).digest().subarray(0, 16);
  const cipher = createCipheriv("aes-128-ecb", master, null).setAutoPadding(false);
  const block = Buffer.alloc(16);
  const keyOf = (device: number, kind: number): Uint8Array => {
    block.writeUInt8(kind, 0);
    block.writeUInt32BE(device, 1);
    return cipher.update(block);
  };
  const joinEui = joinEuiOf(seed);
  return device => ({
    devEui: devEuiOf(seed, device),
    joinEui,
    devAddr: devAddrOf(Math.floor(device / devicesPerAddress)),
    nwkSKey: keyOf(device, 1),
    appSKey: keyOf(device, 2),
    appKey: keyOf(device, 3),
  });
}
