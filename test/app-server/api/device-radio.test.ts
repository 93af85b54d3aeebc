import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { UpchirpError } from "../../../lorawan/errors.ts";
import { parseDevEui } from "../../../lorawan/ids.ts";
import { startTestApi, type TestApi } from "../../support/api.ts";

let api: TestApi;
let tenantId: string;
let applicationId: string;
let deviceProfileId: string;

const add = async (path: string, body: object): Promise<string> => {
  const answer = await api.call("POST", path, body);
  expect(answer.statusCode, answer.body).toBe(201);
  return answer.json<{ id: string }>().id;
};

beforeAll(async () => {
  api = await startTestApi();
  tenantId = await add("/api/tenants", { name: "Acme" });
  applicationId = await add("/api/applications", { tenantId, name: "Cellars" });
  deviceProfileId = await add("/api/device-profiles", { tenantId, name: "Any sensor", region: "EU868" });
});
afterAll(() => api.end());

let added = 0;
/** A device of its own for each test. */
async function addDevice(more: object = {}): Promise<string> {
  added += 1;
  const devEui = added.toString(16).padStart(16, "0");
  const body = { devEui, applicationId, deviceProfileId, name: `sensor ${added}`, ...more };
  const answer = await api.call("POST", "/api/devices", body);
  expect(answer.statusCode, answer.body).toBe(201);
  return devEui;
}

test("device profiles have ADR limits that leave a data rate, whichever of them is changed", async () => {
  const created = await add("/api/device-profiles", { tenantId, name: "limited", region: "EU868" });
  const path = `/api/device-profiles/${created}`;
  expect((await api.call("GET", path)).json()).toMatchObject({ adrMinDataRate: null, adrMaxDataRate: null });
  const limits = { adrMinDataRate: 2, adrMaxDataRate: 2 };
  expect((await api.call("PATCH", path, limits)).json()).toMatchObject(limits);
  const crossed = [
    [{ adrMinDataRate: 3 }, "/body/adrMinDataRate"],
    [{ adrMaxDataRate: 1 }, "/body/adrMaxDataRate"],
    [{ adrMinDataRate: 5, adrMaxDataRate: 4 }, "/body/adrMinDataRate"],
  ] as const;
  for (const [body, fault] of crossed) {
    const answer = await api.call("PATCH", path, body);
    expect(answer.json()).toMatchObject({ status: 422, code: "invalid_value", errors: [{ path: fault }] });
  }
  const both = { tenantId, name: "crossed", region: "EU868", adrMinDataRate: 5, adrMaxDataRate: 4 };
  expect((await api.call("POST", "/api/device-profiles", both)).statusCode).toBe(422);
  expect((await api.call("PATCH", path, { adrMaxDataRate: 16 })).statusCode).toBe(400);
  const open = await api.call("PATCH", path, { adrMinDataRate: 3, adrMaxDataRate: null });
  expect(open.json()).toMatchObject({ adrMinDataRate: 3, adrMaxDataRate: null });
});

test("device profiles say how devices are in class B, or leave it to them", async () => {
  const created = await add("/api/device-profiles", { tenantId, name: "pings", region: "EU868" });
  const path = `/api/device-profiles/${created}`;
  const untold = { classBPingSlotPeriodicity: null, classBPingSlotDataRate: null, classBPingSlotFrequencyHz: null };
  expect((await api.call("GET", path)).json()).toMatchObject(untold);
  const told = { classBPingSlotPeriodicity: 4, classBPingSlotDataRate: 3, classBPingSlotFrequencyHz: 868_300_000 };
  expect((await api.call("PATCH", path, told)).json()).toMatchObject(told);
  expect((await api.call("PATCH", path, untold)).json()).toMatchObject(untold);
  expect((await api.call("PATCH", path, { classBPingSlotPeriodicity: 8 })).statusCode).toBe(400);
  const odd = await api.call("PATCH", path, { classBPingSlotFrequencyHz: 868_300_050 });
  expect(odd.json()).toMatchObject({ status: 422, errors: [{ path: "/body/classBPingSlotFrequencyHz" }] });
});

describe("radio parameters of a profile or device", () => {
  const mac = {
    rx1DelaySeconds: 15,
    rx1DrOffset: 7,
    rx2DataRate: 0,
    rx2FrequencyHz: 869_525_000,
    maxDutyCycleExponent: 0,
    uplinkDwellTime: false,
    downlinkDwellTime: true,
    maxEirpDbm: 29.5,
    pingSlotFrequencyHz: 0,
    pingSlotDataRate: 5,
    beaconFrequencyHz: 869_525_000,
  };

  test("come back as they were given, and a change replaces them all", async () => {
    const profile = await add("/api/device-profiles", { tenantId, name: "tuned", region: "EU868", mac });
    const paths = [`/api/device-profiles/${profile}`, `/api/devices/${await addDevice({ mac })}`];
    for (const path of paths) {
      expect((await api.call("GET", path)).json<{ mac: object }>().mac).toEqual(mac);
      const changed = await api.call("PATCH", path, { mac: { rx1DelaySeconds: 1 } });
      expect(changed.json<{ mac: object }>().mac).toEqual({ rx1DelaySeconds: 1 });
    }
    const plain = await api.call("GET", `/api/devices/${await addDevice()}`);
    expect(plain.json<{ mac: object }>().mac).toEqual({});
  });

  test.each([
    ["rx1DelaySeconds", 0, 400],
    ["rx1DelaySeconds", 16, 400],
    ["rx1DelaySeconds", 1.5, 400],
    ["rx1DrOffset", -1, 400],
    ["rx1DrOffset", 8, 400],
    ["rx2DataRate", 16, 400],
    ["rx2FrequencyHz", 99_999_900, 400],
    ["rx2FrequencyHz", 869_525_050, 422],
    ["rx2FrequencyHz", 1_700_000_000, 422],
    ["rx2FrequencyHz", 2_424_000_100, 422],
    ["pingSlotFrequencyHz", -100, 400],
    ["pingSlotFrequencyHz", 869_525_050, 422],
    ["pingSlotDataRate", 16, 400],
    ["beaconFrequencyHz", 1_700_000_000, 422],
    ["maxDutyCycleExponent", 16, 400],
    ["uplinkDwellTime", "yes", 400],
    ["downlinkDwellTime", null, 400],
    ["maxEirpDbm", 7.9, 400],
    ["maxEirpDbm", 36.1, 400],
  ])("that no MAC command carries are refused with their path: %s %s", async (name, value, status) => {
    const given = { mac: { [name]: value } };
    const device = { devEui: "00000000000000f0", applicationId, deviceProfileId, name: "x", ...given };
    const answers = [
      await api.call("POST", "/api/device-profiles", { tenantId, name: "x", region: "EU868", ...given }),
      await api.call("PATCH", `/api/device-profiles/${deviceProfileId}`, given),
      await api.call("POST", "/api/devices", device),
      await api.call("PATCH", `/api/devices/${await addDevice()}`, given),
    ];
    for (const answer of answers) {
      expect(answer.json()).toMatchObject({ status, errors: [{ path: `/body/mac/${name}` }] });
    }
  });

  test("that nobody knows are refused", async () => {
    const answer = await api.call("PATCH", `/api/device-profiles/${deviceProfileId}`, { mac: { rx1Delay: 5 } });
    expect(answer.json()).toMatchObject({ status: 400, code: "invalid_request" });
  });
});

describe("an order to rejoin", () => {
  test("C64 an order to rejoin reaches the network server as it was given", async () => {
    const devEui = await addDevice();
    const order = { rejoinType: 2, period: 7, maxRetries: 0, dataRate: 4 };
    expect((await api.call("POST", `/api/devices/${devEui}/force-rejoin`, order)).statusCode).toBe(204);
    expect(api.control.rejoins.get(parseDevEui(devEui))).toEqual(order);
    await api.call("POST", `/api/devices/${devEui}/force-rejoin`, { rejoinType: 1 });
    expect(api.control.rejoins.get(parseDevEui(devEui))).toEqual({ rejoinType: 0 });
  });

  test("is refused with a sentence for a device that cannot rejoin", async () => {
    class RejoinImpossible extends UpchirpError {
      readonly code = "rejoin_impossible";
    }
    api.control.refusal = new RejoinImpossible("no session");
    const answer = await api.call("POST", `/api/devices/${await addDevice()}/force-rejoin`, { rejoinType: 0 });
    api.control.refusal = undefined;
    expect(answer.json()).toMatchObject({
      status: 409,
      code: "rejoin_impossible",
      detail: "Only a device that joined with LoRaWAN 1.1 can be told to rejoin.",
    });
  });

  test.each([
    {},
    { rejoinType: 3 },
    { rejoinType: -1 },
    { rejoinType: 0, period: 8 },
    { rejoinType: 0, maxRetries: 8 },
    { rejoinType: 0, dataRate: 16 },
    { rejoinType: 0, retries: 1 },
  ])("that no command carries is refused: %o", async order => {
    const devEui = await addDevice();
    const answer = await api.call("POST", `/api/devices/${devEui}/force-rejoin`, order);
    expect(answer.json()).toMatchObject({ status: 400, code: "invalid_request" });
    expect(api.control.rejoins.has(parseDevEui(devEui))).toBe(false);
  });
});
