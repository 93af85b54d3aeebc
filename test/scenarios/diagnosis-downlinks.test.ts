import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type DiagnosedOptions, startDiagnoses } from "../support/diagnosed-life.ts";

let diagnoses: Awaited<ReturnType<typeof startDiagnoses>>;
beforeAll(async () => {
  diagnoses = await startDiagnoses();
});
afterAll(() => diagnoses.end());

type Life = Awaited<ReturnType<typeof diagnoses.life>>;
type Device = Awaited<ReturnType<Life["addDevice"]>>;
type GatewayOptions = Parameters<Life["addGateway"]>[0];
type DeviceOptions = Parameters<Life["addDevice"]>[0];

const txAck = 5;
const minuteMs = 60_000;

async function joined(options: DiagnosedOptions = {}, device: DeviceOptions = {}, gateway: GatewayOptions = {}) {
  const life = await diagnoses.life(options);
  await life.addGateway(gateway);
  const added = await life.addDevice(device);
  added.device.start();
  await life.clock.advance(15_000);
  return { life, device: added };
}

async function send(life: Life, { device }: Device, count: number, changes: { readonly confirmed?: boolean } = {}) {
  for (let sent = 0; sent < count; sent += 1) {
    device.send({ fPort: 1, payload: Uint8Array.of(sent & 0xff), ...changes });
    await life.clock.advance(minuteMs);
  }
}

const findingsOf = async (life: Life, { devEui }: Device) => (await life.diagnose(devEui)).findings;
const codesOf = async (life: Life, device: Device) => (await findingsOf(life, device)).map(({ code }) => code);

describe("a gateway that does not send what it is given is told by what it answers", () => {
  test.each([
    ["COLLISION_PACKET", "gateway_busy"],
    ["COLLISION_BEACON", "gateway_busy"],
    ["TOO_EARLY", "gateway_busy"],
    ["TX_POWER", "gateway_refuses_power"],
    ["GPS_UNLOCKED", "gateway_without_gps"],
    ["DUTY_CYCLE_OVERFLOW", "duty_cycle_spent"],
    ["SOMETHING_ELSE", "gateway_fault"],
  ])("%s: %s", async (answer, code) => {
    const { life, device } = await joined();
    life.faults.toServer = bytes => [
      bytes[3] === txAck ? Buffer.from(Buffer.from(bytes).toString("latin1").replace("NONE", answer), "latin1") : bytes,
    ];
    await send(life, device, 2, { confirmed: true });
    expect(await codesOf(life, device)).toEqual([code]);
  });

  test("TX_FREQ, of one that is built for another region, with each attempt", async () => {
    const { life, device } = await joined({}, {}, { txRangeHz: { lowest: 902_000_000, highest: 928_000_000 } });
    await life.clock.advance(minuteMs);
    const [finding, ...more] = await findingsOf(life, device);
    expect(more).toEqual([]);
    expect(finding).toMatchObject({ code: "gateway_refuses_frequency" });
    expect(finding?.evidence).toContainEqual(
      expect.objectContaining({ value: "TX_FREQ", what: expect.stringContaining(" in RX2") }),
    );
    expect(finding?.evidence).toContainEqual(expect.objectContaining({ value: "a Join-Accept" }));
  });

  test("TOO_LATE, of one that is far away", async () => {
    const { life, device } = await joined();
    life.faults.toGatewaysMs = 2_500;
    await send(life, device, 2, { confirmed: true });
    expect(await codesOf(life, device)).toEqual(["gateway_too_late"]);
  });

  test("one that asks for no downlinks is not reached", async () => {
    const { life, device } = await joined({}, {}, { keepAliveMs: 1e9 });
    await life.clock.advance(3 * minuteMs);
    await send(life, device, 2, { confirmed: true });
    expect(await codesOf(life, device)).toEqual(["gateway_unreachable"]);
  });

  test("one that answers no more", async () => {
    const { life, device } = await joined();
    life.faults.toServer = bytes => (bytes[3] === txAck ? [] : [bytes]);
    await send(life, device, 2, { confirmed: true });
    expect(await codesOf(life, device)).toEqual(["gateway_without_tx_ack"]);
  });

  test("where frames are not kept, the device's log tells it", async () => {
    const { life, device } = await joined();
    life.faults.toServer = bytes => [
      bytes[3] === txAck
        ? Buffer.from(Buffer.from(bytes).toString("latin1").replace("NONE", "TX_POWER"), "latin1")
        : bytes,
    ];
    await life.enqueue(device.devEui, { id: "waits" });
    await send(life, device, 2);
    life.frames.length = 0;
    expect((await codesOf(life, device))[0]).toBe("gateway_refuses_power");
  });
});

test("a downlink that is longer than the device can receive now is told with both lengths", async () => {
  const { life, device } = await joined({}, { dataRate: 0, adr: false });
  await send(life, device, 1);
  await life.enqueue(device.devEui, { id: "long", data: Buffer.alloc(100).toString("base64") });
  const [finding] = await findingsOf(life, device);
  expect(finding).toMatchObject({ code: "payload_too_long" });
  expect(finding?.evidence.map(({ value }) => value)).toEqual(["51", "100"]);
  await send(life, device, 1);
  expect((await findingsOf(life, device))[0]).toMatchObject({ code: "payload_too_long" });
});

test("a queue that is full is told with how long its first has waited", async () => {
  const { life, device } = await joined();
  await send(life, device, 1);
  for (let count = 0; count < 64; count += 1) await life.enqueue(device.devEui, { id: `item ${count}` });
  await life.clock.advance(10 * minuteMs);
  const [finding] = await findingsOf(life, device);
  expect(finding).toMatchObject({ code: "queue_full" });
  expect(finding?.evidence.map(({ value }) => value)).toEqual(["64 of at most 64", "10 minutes ago"]);
});

test("commands that were refused are told with the reason of the last", async () => {
  const { life, device } = await joined();
  await send(life, device, 1);
  expect(await codesOf(life, device)).toEqual([]);
  await life.command(device.devEui, "no JSON");
  await life.clock.advance(minuteMs);
  await life.command(device.devEui, JSON.stringify({ fPort: 1, data: "AQ==", devEui: "ffffffffffffffff" }));
  const [finding] = await findingsOf(life, device);
  expect(finding).toMatchObject({ code: "command_refused", severity: "warning" });
  expect(finding?.evidence.map(({ value }) => value)).toEqual([
    "malformed: devEui is not the device of the topic",
    "2",
  ]);
});

test("a device that does not listen all the time, though its profile says so, is told by what it leaves unanswered", async () => {
  const { life, device } = await joined({ profile: { supportsClassC: true, confirmedDownlinkRetries: 0 } });
  await send(life, device, 1);
  for (const id of ["one", "two"]) {
    await life.enqueue(device.devEui, { id, confirmed: true });
    await life.clock.advance(2 * minuteMs);
  }
  const [finding, ...more] = await findingsOf(life, device);
  expect(more).toEqual([]);
  expect(finding).toMatchObject({ code: "downlinks_not_acknowledged" });
  expect(finding?.whatToDo[0]).toContain("869.525 MHz at DR0");
});

test("a device of LoRaWAN 1.1 that never says that it is of class C is told as that", async () => {
  const { life, device } = await joined({ profile: { macVersion: "1.1.0", supportsClassC: true } });
  await send(life, device, 2);
  expect(await codesOf(life, device)).toEqual(["class_c_not_announced"]);
});

test("a codec that fails is told with what it says", async () => {
  const { life, device } = await joined({
    codec: { kind: "javascript", script: "" },
    sandbox: {
      ...diagnoses.noSandbox,
      decode: async () => ({ kind: "failed", message: "bytes[9] is undefined" }),
    },
  });
  await send(life, device, 3);
  const [finding, ...more] = await findingsOf(life, device);
  expect(more).toEqual([]);
  expect(finding).toMatchObject({ code: "codec_error" });
  expect(finding?.evidence.map(({ value }) => value)).toEqual(["3 of the last 3", "bytes[9] is undefined"]);
});

describe("the radio settings of a device", () => {
  test("that agrees to ADR and does not follow it are told", async () => {
    const { life, device } = await joined({}, { dataRate: 0, followsAdr: false });
    await send(life, device, 60);
    expect((await codesOf(life, device))[0]).toBe("adr_not_followed");
  });

  test("whose ADR script fails are told", async () => {
    const { life, device } = await joined({ profile: { adrAlgorithm: "script", adrScript: "x" } });
    await send(life, device, 3);
    expect(await codesOf(life, device)).toEqual(["adr_script_failed"]);
  });

  test("that it refuses are told with what was asked for", async () => {
    const { life, device } = await joined({ profile: { mac: { rx2FrequencyHz: 915_000_000 } } });
    await send(life, device, 10);
    const [finding, ...more] = await findingsOf(life, device);
    expect(more).toEqual([]);
    expect(finding).toMatchObject({ code: "mac_request_given_up" });
    expect(finding?.evidence[0]?.value).toContain("RXParamSetupReq");
  });
});
