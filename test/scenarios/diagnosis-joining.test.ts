import { afterAll, beforeAll, expect, test } from "vitest";
import { parseJoinEui } from "../../lorawan/ids.ts";
import { regionOf } from "../../lorawan/region/regions.ts";
import { startDiagnoses } from "../support/diagnosed-life.ts";

let diagnoses: Awaited<ReturnType<typeof startDiagnoses>>;
beforeAll(async () => {
  diagnoses = await startDiagnoses();
});
afterAll(() => diagnoses.end());

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

test("a device that joins and sends has no finding, and the answer says what was looked at", async () => {
  const life = await diagnoses.life();
  await life.addGateway();
  const { device, devEui } = await life.addDevice();
  device.start();
  await life.clock.advance(15_000);
  for (let count = 0; count < 3; count += 1) {
    device.send({ fPort: 1, payload: Uint8Array.of(1, 2, 3), confirmed: true });
    await life.clock.advance(minuteMs);
  }
  const { findings, isWell, checked } = await life.diagnose(devEui);
  expect(findings).toEqual([]);
  expect(isWell).toBe(true);
  expect(checked.map(({ check }) => check)).toContain("joining");
  expect(checked.find(({ check }) => check === "joining")?.found).toContain("1 Join-Request, 1 answered");
});

test("a device that is switched off is told as never heard", async () => {
  const life = await diagnoses.life();
  await life.addGateway();
  const neighbour = await life.addDevice();
  neighbour.device.start();
  const { devEui } = await life.addDevice();
  await life.clock.advance(15_000);
  const { findings } = await life.diagnose(devEui);
  expect(findings.map(({ code }) => code)).toEqual(["never_heard"]);
});

test("a DevEUI with its bytes the other way round is told with the right one", async () => {
  const life = await diagnoses.life();
  await life.addGateway();
  const { device, devEui } = await life.addMistypedDevice(({ devEui: own }) => ({
    devEui: (own.match(/../g) ?? []).reverse().join(""),
  }));
  device.start();
  await life.clock.advance(minuteMs);
  const { findings } = await life.diagnose(devEui);
  expect(findings[0]).toMatchObject({ code: "eui_reversed", severity: "error" });
  expect(findings[0]?.evidence).toContainEqual(
    expect.objectContaining({ what: "heard", value: device.devEui, at: expect.any(String) }),
  );
});

test("DevEUI and JoinEUI that were exchanged are told", async () => {
  const life = await diagnoses.life();
  await life.addGateway();
  const { device, devEui } = await life.addMistypedDevice(own => ({ devEui: own.joinEui, joinEui: own.devEui }));
  device.start();
  await life.clock.advance(minuteMs);
  expect((await life.diagnose(devEui)).findings[0]).toMatchObject({ code: "eui_swapped" });
});

test("a DevEUI with one wrong digit is told", async () => {
  const life = await diagnoses.life();
  await life.addGateway();
  const { device, devEui } = await life.addMistypedDevice(own => ({
    devEui: `${own.devEui.slice(0, 5)}7${own.devEui.slice(6)}`,
  }));
  device.start();
  await life.clock.advance(minuteMs);
  expect((await life.diagnose(devEui)).findings[0]).toMatchObject({ code: "eui_mistyped" });
});

test("a device with another AppKey than is stored is told as that, with how often it tried", async () => {
  const life = await diagnoses.life();
  await life.addGateway();
  const { device, devEui } = await life.addDevice();
  await life.rootKeys.put(devEui, { nwkKey: new Uint8Array(16).fill(9) });
  device.start();
  await life.clock.advance(5 * minuteMs);
  const { findings } = await life.diagnose(devEui);
  expect(findings.map(({ code }) => code)).toEqual(["wrong_root_key"]);
  const tries = Number(findings[0]?.evidence.find(({ what }) => what === "Join-Requests refused so")?.value);
  expect(tries).toBeGreaterThan(2);
});

test("a device that forgot its DevNonce is told as that", async () => {
  const life = await diagnoses.life();
  await life.addGateway();
  const { device, devEui } = await life.addDevice();
  await life.nonces.change(devEui, parseJoinEui("0e0e0e0e0e0e0e0e"), () => ({
    nonces: { joinNonce: 1, lastDevNonce: 5000, usedDevNonces: new Uint8Array() },
  }));
  device.start();
  await life.clock.advance(2 * minuteMs);
  expect((await life.diagnose(devEui)).findings[0]).toMatchObject({ code: "dev_nonce_reused" });
});

test("a device without root keys here is told as that", async () => {
  const life = await diagnoses.life();
  await life.addGateway();
  const { device, devEui } = await life.addDevice();
  await life.rootKeys.remove(devEui);
  await diagnoses.api.rootKeys.remove(devEui);
  device.start();
  await life.clock.advance(minuteMs);
  expect((await life.diagnose(devEui)).findings[0]).toMatchObject({ code: "no_root_keys" });
});

test("a device of another region than its profile is told with the frequency", async () => {
  const life = await diagnoses.life();
  await life.addGateway();
  const { device, devEui } = await life.addDevice({ region: regionOf("US915", "RP002-1.0.4") });
  device.start();
  await life.clock.advance(minuteMs);
  const { findings } = await life.diagnose(devEui);
  expect(findings.map(({ code }) => code)).toEqual(["wrong_region"]);
  expect(findings[0]?.evidence.find(({ what }) => what === "heard on")?.value).toMatch(/^9\d\d(\.\d+)? MHz$/);
});

test("a Join-Accept that the device does not hear is told with gateway, window and frequency", async () => {
  const life = await diagnoses.life();
  const gateway = await life.addGateway();
  // What the gateway is said to send never gets onto the air.
  const { device, devEui } = await life.addDevice({ windowToleranceUs: -1_000_000 });
  device.start();
  await life.clock.advance(5 * minuteMs);
  const { findings } = await life.diagnose(devEui);
  expect(findings.map(({ code }) => code)).toEqual(["join_accept_not_heard"]);
  const accept = findings[0]?.evidence.find(({ what }) => what === "last Join-Accept")?.value;
  expect(accept).toMatch(
    new RegExp(`${gateway.gatewayId}\\) in RX1, on 86\\d\\.\\d MHz, SF\\d+ at 125 kHz, 5 s after the request`),
  );
});

test("a disabled device is told as that, whatever it sends", async () => {
  const life = await diagnoses.life();
  await life.addGateway();
  const { device, devEui } = await life.addDevice({}, { disabled: true });
  device.start();
  await life.clock.advance(minuteMs);
  expect((await life.diagnose(devEui)).findings.map(({ code }) => code)).toEqual(["device_disabled"]);
});

test("a device whose gateway went away is told by the gateway, and one that went away itself as silent", async () => {
  const life = await diagnoses.life();
  const gateway = await life.addGateway();
  const { device, devEui } = await life.addDevice();
  device.start();
  await life.clock.advance(15_000);
  device.send({ fPort: 1, payload: Uint8Array.of(1) });
  await life.clock.advance(3 * hourMs);
  expect((await life.diagnose(devEui)).findings[0]).toMatchObject({ code: "silent" });
  gateway.stop();
  await life.clock.advance(5 * minuteMs);
  expect((await life.diagnose(devEui)).findings.map(({ code }) => code)).toEqual(["gateway_offline"]);
});
