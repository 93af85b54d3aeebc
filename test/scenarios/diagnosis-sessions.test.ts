import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseDevAddr } from "../../lorawan/ids.ts";
import { defaultRegionConfig } from "../../network-server/region-config.ts";
import { startDiagnoses } from "../support/diagnosed-life.ts";

let diagnoses: Awaited<ReturnType<typeof startDiagnoses>>;
beforeAll(async () => {
  diagnoses = await startDiagnoses();
});
afterAll(() => diagnoses.end());

type Life = Awaited<ReturnType<typeof diagnoses.life>>;
type Device = Awaited<ReturnType<Life["addDevice"]>>;

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const carriesFrame = (bytes: Uint8Array): boolean => bytes[3] === 0 && Buffer.from(bytes).includes('"rxpk"');

async function send(life: Life, { device }: Device, count: number, everyMs = minuteMs): Promise<void> {
  for (let sent = 0; sent < count; sent += 1) {
    device.send({ fPort: 1, payload: Uint8Array.of(sent & 0xff) });
    await life.clock.advance(everyMs);
  }
}

const codesOf = async (life: Life, { devEui }: Device) =>
  (await life.diagnose(devEui)).findings.map(({ code }) => code);
const evidenceOf = async (life: Life, { devEui }: Device, what: string) =>
  (await life.diagnose(devEui)).findings[0]?.evidence.find(one => one.what === what)?.value;

describe("a personalised device", () => {
  test("with another NwkSKey than is stored is told as that, with how many frames", async () => {
    const life = await diagnoses.life();
    await life.addGateway();
    const other = "0d".repeat(16);
    const device = await life.addPersonalisedDevice({}, { fNwkSIntKey: other, sNwkSIntKey: other, nwkSEncKey: other });
    device.device.start();
    await send(life, device, 4);
    expect(await codesOf(life, device)).toEqual(["wrong_session_keys"]);
    expect(await evidenceOf(life, device, "frames with a wrong MIC since its last uplink")).toBe("4");
  });

  test("that began again at counter 0 is told as that, with the counter that was expected", async () => {
    const life = await diagnoses.life();
    await life.addGateway();
    const device = await life.addPersonalisedDevice({}, { fCntUp: 100 });
    device.device.start();
    await send(life, device, 4);
    expect(await codesOf(life, device)).toEqual(["counter_reset"]);
    expect(await evidenceOf(life, device, "expected from")).toBe("100");
  });

  test("that began again while nobody heard it is told by its rising counters", async () => {
    const life = await diagnoses.life();
    await life.addGateway();
    const device = await life.addPersonalisedDevice({}, { fCntUp: 100 });
    life.faults.toServer = bytes => (carriesFrame(bytes) ? [] : [bytes]);
    device.device.start();
    await send(life, device, 2);
    life.faults.toServer = undefined;
    await send(life, device, 4);
    expect(await codesOf(life, device)).toEqual(["counter_reset"]);
  });

  test("whose DevAddr was typed in the other way round is told with the right one", async () => {
    const life = await diagnoses.life();
    await life.addGateway();
    const device = await life.addPersonalisedDevice({}, { devAddr: parseDevAddr("04030201") });
    device.device.start();
    await send(life, device, 2);
    expect((await codesOf(life, device))[0]).toBe("address_reversed");
    expect(await evidenceOf(life, device, "heard")).toBe("01020304");
  });

  test("that was never activated here is told as that", async () => {
    const life = await diagnoses.life({ profile: { supportsOtaa: false } });
    await life.addGateway();
    const device = await life.addDevice();
    expect((await codesOf(life, device))[0]).toBe("no_session");
  });
});

test("a device that joins under a profile without OTAA is told as that", async () => {
  const life = await diagnoses.life({ profile: { supportsOtaa: false } });
  await life.addGateway();
  const device = await life.addDevice();
  device.device.start();
  await life.clock.advance(minuteMs);
  expect((await codesOf(life, device))[0]).toBe("otaa_not_allowed");
});

test("a device that goes on in a session which has ended here is told as that", async () => {
  const life = await diagnoses.life();
  await life.addGateway();
  const device = await life.addDevice();
  device.device.start();
  await life.clock.advance(15_000);
  await send(life, device, 2);
  await life.server.deactivate(device.devEui);
  await send(life, device, 4);
  expect(await codesOf(life, device)).toEqual(["unknown_session"]);
  expect(await evidenceOf(life, device, "DevAddr")).toBe(device.device.session?.devAddr);
});

test("recorded frames that come again are told, and that nothing is lost by them", async () => {
  const life = await diagnoses.life();
  await life.addGateway();
  const device = await life.addDevice();
  device.device.start();
  await life.clock.advance(15_000);
  const recorded: Uint8Array[] = [];
  life.faults.toServer = bytes => {
    if (carriesFrame(bytes)) recorded.push(bytes);
    return [bytes];
  };
  await send(life, device, 4);
  const [, second] = recorded;
  life.faults.toServer = bytes => (carriesFrame(bytes) && second ? [bytes, second] : [bytes]);
  await send(life, device, 2);
  const { findings } = await life.diagnose(device.devEui);
  expect(findings).toMatchObject([{ code: "replay", severity: "warning" }]);
});

test("a device that is heard by gateways of another configuration alone is told as that", async () => {
  const town = { ...defaultRegionConfig("EU868"), id: "town" };
  const valley = { ...defaultRegionConfig("EU868"), id: "valley" };
  const life = await diagnoses.life({
    network: { regions: [town, valley] },
    profile: { regionConfigId: "town" },
    gateway: { regionConfigId: "valley" },
  });
  await life.addGateway();
  const device = await life.addDevice();
  device.device.start();
  await life.clock.advance(minuteMs);
  expect(await codesOf(life, device)).toEqual(["wrong_region_configuration"]);
});

const secondSubBand = { ...defaultRegionConfig("US915"), subBand: 2 };
const upTo = (count: number): readonly number[] => Array.from({ length: count }, (_, number) => number);

test("a gateway of another sub-band than devices are told to use is told with both", async () => {
  const life = await diagnoses.life({ region: "US915", network: { regions: [secondSubBand] } });
  await life.addGateway({ listensTo: new Set(upTo(8).map(number => 902_300_000 + number * 200_000)) });
  const device = await life.addDevice({ channels: new Set(upTo(8)), dataRate: 0 });
  device.device.start();
  await life.clock.advance(15_000);
  await send(life, device, 5);
  await life.clock.advance(3 * hourMs);
  expect((await codesOf(life, device))[0]).toBe("wrong_sub_band");
  expect(await evidenceOf(life, device, "told to use")).toMatch(
    /^903\.9 MHz to 905\.3 MHz$|^903\.9 MHz to 904\.6 MHz$/,
  );
});

test("a device that sends outside of its channels is told as that", async () => {
  const life = await diagnoses.life({ region: "US915", network: { regions: [secondSubBand] } });
  await life.addGateway();
  const device = await life.addPersonalisedDevice({ channels: new Set(upTo(8)), followsAdr: false });
  device.device.start();
  await send(life, device, 8);
  expect(await codesOf(life, device)).toEqual(["wrong_sub_band"]);
});

describe("the Join Server", () => {
  test("that does not answer is told as that", async () => {
    const life = await diagnoses.life({
      joinServer: client => ({
        ...client,
        join: async () => {
          throw new Error("away");
        },
      }),
    });
    await life.addGateway();
    const device = await life.addDevice();
    device.device.start();
    await life.clock.advance(minuteMs);
    expect(await codesOf(life, device)).toEqual(["join_server_unavailable"]);
  });

  test("that refuses for a reason of its own is quoted", async () => {
    const life = await diagnoses.life({
      joinServer: client => ({
        ...client,
        join: async request => ({
          ...(await client.join(request)),
          Result: { ResultCode: "JoinReqFailed", Description: "not today" },
        }),
      }),
    });
    await life.addGateway();
    const device = await life.addDevice();
    device.device.start();
    await life.clock.advance(minuteMs);
    const { findings } = await life.diagnose(device.devEui);
    expect(findings).toMatchObject([{ code: "join_refused", summary: expect.stringContaining("not today") }]);
  });
});

test("a device that asks to join without a pause is told as that", async () => {
  const life = await diagnoses.life();
  await life.addGateway();
  const device = await life.addDevice();
  await life.shoutJoins(device, 40, 200);
  expect((await codesOf(life, device))[0]).toBe("joins_too_often");
});

describe("gateways", () => {
  test("that are not there at all are told", async () => {
    const life = await diagnoses.life();
    const device = await life.addDevice();
    device.device.start();
    await life.clock.advance(minuteMs);
    expect(await codesOf(life, device)).toEqual(["no_gateway"]);
  });

  test("that hear nobody are told", async () => {
    const life = await diagnoses.life();
    await life.addGateway({ listensTo: new Set() });
    const device = await life.addDevice();
    device.device.start();
    await life.clock.advance(minuteMs);
    expect(await codesOf(life, device)).toEqual(["gateway_not_receiving"]);
  });

  test("that hold frames back are told", async () => {
    const life = await diagnoses.life();
    await life.addGateway({ startCounterUs: 3_700_000_000 });
    const device = await life.addDevice();
    device.device.start();
    await life.clock.advance(15_000);
    await send(life, device, 3);
    const held: Uint8Array[] = [];
    life.faults.toServer = bytes => {
      if (bytes[3] !== 0) return [bytes];
      held.push(bytes);
      return [];
    };
    await send(life, device, 10);
    life.faults.toServer = bytes => (bytes[3] === 0 ? [...held.splice(0), bytes] : [bytes]);
    await life.clock.advance(31_000);
    expect((await codesOf(life, device))[0]).toBe("gateway_late");
  });

  test("without GPS time are told for a device of class B", async () => {
    const life = await diagnoses.life({ profile: { supportsClassB: true } });
    await life.addGateway();
    const device = await life.addDevice();
    device.device.start();
    await life.clock.advance(15_000);
    await send(life, device, 2);
    expect(await codesOf(life, device)).toEqual(["gateway_without_time"]);
  });

  test("with a wrong wall clock are noticed", async () => {
    const life = await diagnoses.life();
    await life.addGateway();
    life.faults.toServer = bytes => [
      Buffer.from(
        Buffer.from(bytes).toString("latin1").replace('"time":"2026-01-01 ', '"time":"2025-12-30 '),
        "latin1",
      ),
    ];
    const device = await life.addDevice();
    device.device.start();
    await life.clock.advance(15_000);
    await send(life, device, 2);
    const { findings, isWell } = await life.diagnose(device.devEui);
    expect(findings).toMatchObject([{ code: "gateway_clock_wrong", severity: "notice" }]);
    expect(findings[0]?.evidence[0]?.value).toBe("2 days behind");
    expect(isWell).toBe(true);
  });

  test("of others alone are noticed", async () => {
    const life = await diagnoses.life();
    await life.addGateway({}, false);
    const device = await life.addDevice();
    device.device.start();
    await life.clock.advance(15_000);
    await send(life, device, 2);
    expect((await life.diagnose(device.devEui)).findings).toMatchObject([
      { code: "foreign_gateways_only", severity: "notice" },
    ]);
  });

  test("that lose much of what the device sends are told", async () => {
    const life = await diagnoses.life();
    await life.addGateway();
    const device = await life.addDevice();
    device.device.start();
    await life.clock.advance(15_000);
    let count = 0;
    life.faults.toServer = bytes => {
      if (!carriesFrame(bytes)) return [bytes];
      count += 1;
      return count % 2 === 0 ? [] : [bytes];
    };
    await send(life, device, 30);
    expect(await codesOf(life, device)).toEqual(["uplinks_lost"]);
  });
});
