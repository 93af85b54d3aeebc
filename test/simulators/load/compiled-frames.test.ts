import { expect, test } from "vitest";
import { compileJoinRequest, compileUplink } from "../../../simulators/load/compiled-frames.ts";
import { describeDevices, deviceOfDevEui, groupOfDevAddr } from "../../../simulators/load/population.ts";
import { loraPacket } from "../tiny-server.ts";

const population = { seed: 7, devices: 1000, devicesPerAddress: 1 };
const device = describeDevices(population)(321);
const key = Buffer.from(device.nwkSKey);
/** lora-packet wants the upper half of a counter in frame order. */
const upperHalf = (fCnt: number): Buffer => Buffer.from([(fCnt >>> 16) & 0xff, fCnt >>> 24]);

test.each([
  [0, 0, false],
  [1, 6, false],
  [65_535, 7, true],
  [65_536, 16, false],
  [0x1234_5678, 33, true],
  [70_000, 200, false],
])("lora-packet accepts and deciphers an uplink: counter %i, %i bytes, confirmed %s", (fCnt, length, confirmed) => {
  const payload = Buffer.from(Array.from({ length }, (_, index) => (index * 7) & 0xff));
  const packet = loraPacket.fromWire(compileUplink(device, { fCnt, confirmed, fPort: 10, payload }));
  expect(loraPacket.verifyMIC(packet, key, undefined, upperHalf(fCnt))).toBe(true);
  expect(packet.DevAddr?.toString("hex")).toBe(device.devAddr);
  expect(packet.getFCnt()).toBe(fCnt & 0xffff);
  expect(packet.isConfirmed()).toBe(confirmed);
  expect(packet.getFPort()).toBe(10);
  if (length > 0) {
    expect(loraPacket.decrypt(packet, Buffer.from(device.appSKey), key, upperHalf(fCnt))).toEqual(payload);
  }
});

test("lora-packet refuses the uplink under another counter", () => {
  const packet = loraPacket.fromWire(
    compileUplink(device, { fCnt: 5, confirmed: false, fPort: 1, payload: Buffer.of(1) }),
  );
  expect(loraPacket.verifyMIC(packet, key, undefined, upperHalf(0x1_0005))).toBe(false);
});

test("lora-packet accepts a join-request", () => {
  const packet = loraPacket.fromWire(compileJoinRequest(device, 0x0102));
  expect(packet.DevEUI?.toString("hex")).toBe(device.devEui);
  expect(packet.AppEUI?.toString("hex")).toBe(device.joinEui);
  expect(packet.DevNonce?.toString("hex")).toBe("0102");
  expect(loraPacket.verifyMIC(packet, undefined, Buffer.from(device.appKey))).toBe(true);
});

test("a seed gives the same devices again, and another seed others", () => {
  expect(describeDevices(population)(321)).toEqual(device);
  const other = describeDevices({ ...population, seed: 8 })(321);
  expect(other.devEui).not.toBe(device.devEui);
  expect(Buffer.from(other.nwkSKey)).not.toEqual(key);
});

test("no two devices share an identifier or key, and addresses are shared as asked", () => {
  const count = 20_000;
  const describe = describeDevices({ seed: 1, devices: count, devicesPerAddress: 100 });
  const devices = Array.from({ length: count }, (_, number) => describe(number));
  expect(new Set(devices.map(({ devEui }) => devEui)).size).toBe(count);
  expect(new Set(devices.map(({ nwkSKey }) => Buffer.from(nwkSKey).toString("hex"))).size).toBe(count);
  expect(new Set(devices.map(({ devAddr }) => devAddr)).size).toBe(count / 100);
  // NetID 000000: seven bits of zero.
  expect(devices.every(({ devAddr }) => Number.parseInt(devAddr, 16) < 1 << 25)).toBe(true);
});

test("identifiers lead back to their device", () => {
  const describe = describeDevices(population);
  for (const number of [0, 1, 321, 999]) {
    const { devEui, devAddr } = describe(number);
    expect(deviceOfDevEui(7, devEui)).toBe(number);
    expect(groupOfDevAddr(Number.parseInt(devAddr, 16))).toBe(number);
  }
  expect(deviceOfDevEui(8, device.devEui)).toBe(-1);
});
