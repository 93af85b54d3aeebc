import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { UpchirpError } from "../../../lorawan/errors.ts";
import { parseDevEui, parseGatewayId } from "../../../lorawan/ids.ts";
import { startTestApi, type TestApi } from "../../support/api.ts";

const key = "00112233445566778899AABBCCDDEEFF";
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

describe("device profiles", () => {
  test("need a name and a region, the rest suits most devices", async () => {
    expect((await api.call("GET", `/api/device-profiles/${deviceProfileId}`)).json()).toMatchObject({
      name: "Any sensor",
      region: "EU868",
      macVersion: "1.0.4",
      regionalParameters: "RP002-1.0.4",
      supportsOtaa: true,
      adrAlgorithm: "default",
      codec: "none",
      regionConfigId: null,
    });
  });

  test("are refused with a region or version that does not exist, and the answer says where", async () => {
    const body = { tenantId, name: "x", region: "MARS", macVersion: "2.0" };
    const answer = await api.call("POST", "/api/device-profiles", body);
    expect(answer.headers["content-type"]).toContain("application/problem+json");
    const problem = answer.json<{ errors: { path: string }[] }>();
    expect(problem).toMatchObject({ status: 400, code: "invalid_request" });
    expect(problem.errors.map(error => error.path).toSorted()).toEqual(["/body/macVersion", "/body/region"]);
  });

  test("change in part and stay otherwise", async () => {
    const before = (await api.call("GET", `/api/device-profiles/${deviceProfileId}`)).json<object>();
    const body = { codec: "javascript", codecScript: "function decodeUplink() {}" };
    const after = (await api.call("PATCH", `/api/device-profiles/${deviceProfileId}`, body)).json<{
      updatedAt: string;
    }>();
    expect(after).toEqual({ ...before, ...body, updatedAt: after.updatedAt });
  });

  test("with an ADR script need its source, whichever of the two comes first", async () => {
    const path = `/api/device-profiles/${deviceProfileId}`;
    const without = await api.call("PATCH", path, { adrAlgorithm: "script" });
    expect(without.json()).toMatchObject({ code: "invalid_value", errors: [{ path: "/body/adrAlgorithm" }] });
    const adrScript = "function handle(req) { return req; }";
    expect((await api.call("PATCH", path, { adrScript })).statusCode).toBe(200);
    const set = await api.call("PATCH", path, { adrAlgorithm: "script" });
    expect(set.json()).toMatchObject({ adrAlgorithm: "script", adrScript });
    const emptied = await api.call("PATCH", path, { adrScript: " " });
    expect(emptied.json()).toMatchObject({ code: "invalid_value", errors: [{ path: "/body/adrScript" }] });
    expect((await api.call("PATCH", path, { adrAlgorithm: "default", adrScript: "" })).statusCode).toBe(200);
  });

  test("in use stay", async () => {
    await addDevice();
    const answer = await api.call("DELETE", `/api/device-profiles/${deviceProfileId}`);
    expect(answer.json()).toMatchObject({ status: 409, code: "still_in_use" });
  });
});

describe("devices", () => {
  test("are added with their keys in one call, identifiers in any spelling", async () => {
    const body = {
      devEui: "AA-BB-CC-DD-EE-FF-00-11",
      joinEui: "70:B3:D5:7E:D0:00:00:01",
      applicationId: applicationId.toUpperCase(),
      deviceProfileId,
      name: "boiler",
      keys: { appKey: key },
    };
    const answer = await api.call("POST", "/api/devices", body);
    expect(answer.statusCode).toBe(201);
    expect(answer.json()).toMatchObject({
      devEui: "aabbccddeeff0011",
      joinEui: "70b3d57ed0000001",
      applicationId,
      tenantId,
    });
    expect(api.rootKeys.stored.get(parseDevEui("aabbccddeeff0011"))).toEqual({ nwkKey: key.toLowerCase() });
    const read = await api.call("GET", "/api/devices/AABBCCDDEEFF0011/keys");
    expect(read.json()).toEqual({ set: true });
  });

  test("are not left behind without the session they should have had", async () => {
    class InvalidActivation extends UpchirpError {
      readonly code = "invalid_activation";
    }
    api.control.refusal = new InvalidActivation("this DevAddr is not of our NetID");
    const activation = { devAddr: "01020304", appSKey: key, nwkSKey: key };
    const body = { devEui: "00000000000000ee", applicationId, deviceProfileId, name: "abp", activation };
    const answer = await api.call("POST", "/api/devices", body);
    api.control.refusal = undefined;
    expect(answer.json()).toMatchObject({ status: 422, code: "invalid_activation" });
    expect((await api.call("GET", "/api/devices/00000000000000ee")).statusCode).toBe(404);
  });

  test("exist once", async () => {
    const devEui = await addDevice();
    const body = { devEui, applicationId, deviceProfileId, name: "again" };
    expect((await api.call("POST", "/api/devices", body)).json()).toMatchObject({
      status: 409,
      code: "already_exists",
    });
  });

  test("need a profile that exists", async () => {
    const body = { devEui: "00000000000000ef", applicationId, deviceProfileId: applicationId, name: "x" };
    expect((await api.call("POST", "/api/devices", body)).json()).toMatchObject({
      status: 409,
      code: "different_tenant",
    });
  });

  test("are listed page by page and found by search", async () => {
    for (const name of ["zone a", "zone b", "zone c"]) await addDevice({ name });
    const first = (await api.call("GET", "/api/devices?search=ZONE&limit=2")).json<{
      items: { name: string }[];
      next: string;
    }>();
    expect(first.items.map(device => device.name)).toEqual(["zone a", "zone b"]);
    const second = await api.call(
      "GET",
      `/api/devices?search=ZONE&limit=2&after=${first.next}&applicationId=${applicationId}`,
    );
    const { items, next } = second.json<{ items: { name: string }[]; next?: string }>();
    expect(items.map(device => device.name)).toEqual(["zone c"]);
    expect(next).toBeUndefined();
  });

  test("go with their session and queue", async () => {
    const devEui = await addDevice({ activation: { devAddr: "01020304", appSKey: key, nwkSKey: key } });
    await api.call("POST", `/api/devices/${devEui}/queue`, { fPort: 1, data: "AA==" });
    expect((await api.call("DELETE", `/api/devices/${devEui}`)).statusCode).toBe(204);
    expect(api.control.activations.has(parseDevEui(devEui))).toBe(false);
    expect(await api.queue.list(parseDevEui(devEui))).toEqual([]);
    expect((await api.call("GET", `/api/devices/${devEui}`)).statusCode).toBe(404);
  });
});

describe("root keys", () => {
  test("of a 1.1 device are two", async () => {
    const profile = { tenantId, name: "1.1", region: "EU868", macVersion: "1.1.0", regionalParameters: "RP001-1.1-B" };
    const devEui = await addDevice({ deviceProfileId: await add("/api/device-profiles", profile) });
    const one = await api.call("PUT", `/api/devices/${devEui}/keys`, { nwkKey: key });
    expect(one.json()).toMatchObject({ status: 422, errors: [{ path: "/body" }] });
    const two = await api.call("PUT", `/api/devices/${devEui}/keys`, { nwkKey: key, appKey: key });
    expect(two.statusCode).toBe(204);
  });

  test("can be set, asked after and deleted, and nonces forgotten", async () => {
    const devEui = await addDevice({ joinEui: "00000000000000a1" });
    const keys = `/api/devices/${devEui}/keys`;
    expect((await api.call("GET", keys)).json()).toEqual({ set: false });
    await api.call("PUT", keys, { nwkKey: key });
    expect((await api.call("GET", keys)).json()).toEqual({ set: true });
    expect((await api.call("DELETE", keys)).statusCode).toBe(204);
    expect((await api.call("DELETE", keys)).statusCode).toBe(404);
    expect((await api.call("DELETE", `/api/devices/${devEui}/nonces`)).statusCode).toBe(204);
    expect(api.rootKeys.forgotten).toContain(`${devEui} 00000000000000a1`);
  });
});

describe("a session", () => {
  test("of a 1.0 device is started with one network key and read without keys", async () => {
    const devEui = await addDevice();
    const activation = `/api/devices/${devEui}/activation`;
    expect((await api.call("GET", activation)).statusCode).toBe(404);
    const body = { devAddr: "26:01:1A:2B", appSKey: key, nwkSKey: key, fCntUp: 5, nFCntDown: 7 };
    expect((await api.call("PUT", activation, body)).statusCode).toBe(204);
    const nwkSKey = key.toLowerCase();
    expect(api.control.activations.get(parseDevEui(devEui))).toEqual({
      devAddr: "26011a2b",
      appSKey: key.toLowerCase(),
      fNwkSIntKey: nwkSKey,
      sNwkSIntKey: nwkSKey,
      nwkSEncKey: nwkSKey,
      fCntUp: 5,
      nFCntDown: 7,
      aFCntDown: 7,
    });
    const read = await api.call("GET", activation);
    expect(read.json()).toMatchObject({ devAddr: "26011a2b", fCntUp: 5, lastUplinkAt: null });
    expect((await api.call("DELETE", activation)).statusCode).toBe(204);
  });

  test("needs the keys of its version", async () => {
    const devEui = await addDevice();
    const body = { devAddr: "26011a2b", appSKey: key, fNwkSIntKey: key };
    const answer = await api.call("PUT", `/api/devices/${devEui}/activation`, body);
    expect(answer.json()).toMatchObject({ status: 422, code: "invalid_value" });
  });
});

describe("the queue", () => {
  test("takes, lists and drops downlinks", async () => {
    const queue = `/api/devices/${await addDevice()}/queue`;
    const expiresAt = new Date(api.clock.nowMs() + 60_000).toISOString();
    await api.call("POST", queue, { id: "one", fPort: 10, confirmed: true, data: "AQI=", expiresAt });
    await api.call("POST", queue, { id: "two", fPort: 10, data: "AQI=" });
    expect((await api.call("POST", queue, { id: "two", fPort: 10, data: "AQI=" })).statusCode).toBe(409);
    const { items } = (await api.call("GET", queue)).json<{ items: object[] }>();
    expect(items).toMatchObject([
      { id: "one", fPort: 10, confirmed: true, data: "AQI=", expiresAt, sent: null },
      { id: "two", confirmed: false, expiresAt: null },
    ]);
    expect((await api.call("DELETE", `${queue}/one`)).statusCode).toBe(204);
    expect((await api.call("DELETE", `${queue}/one`)).statusCode).toBe(404);
    expect((await api.call("DELETE", queue)).json()).toEqual({ removed: 1 });
  });

  test("C36 takes payloads that the application encrypted, for the counter that it is told", async () => {
    const devEui = await addDevice();
    const queue = `/api/devices/${devEui}/queue`;
    expect((await api.call("GET", `${queue}/next-f-cnt`)).statusCode).toBe(404);
    const nwkSKey = "01".repeat(16);
    const activation = { devAddr: "01020304", appSKey: nwkSKey, nwkSKey, nFCntDown: 7 };
    await api.call("PUT", `/api/devices/${devEui}/activation`, activation);
    const next = await api.call("GET", `${queue}/next-f-cnt`);
    expect(next.json()).toEqual({ fCntDown: 7, devAddr: "01020304", sessionKeyId: null });
    await api.call("POST", queue, { id: "one", fPort: 10, data: "AQI=", isEncrypted: true, fCntDown: 7 });
    await api.call("POST", queue, { id: "two", fPort: 10, data: "AQI=" });
    expect((await api.call("GET", queue)).json()).toMatchObject({
      items: [
        { id: "one", isEncrypted: true, fCntDown: 7 },
        { id: "two", isEncrypted: false, fCntDown: null },
      ],
    });
  });

  test("refuses what no device could get, and says what is wrong", async () => {
    const queue = `/api/devices/${await addDevice()}/queue`;
    const refused = async (body: object) => (await api.call("POST", queue, body)).statusCode;
    expect(await refused({ fPort: 0, data: "AA==" })).toBe(400);
    expect(await refused({ fPort: 1, data: "not base64" })).toBe(400);
    expect(await refused({ fPort: 1 })).toBe(422);
    expect(await refused({ fPort: 1, data: "AA==", object: {} })).toBe(422);
    expect(await refused({ fPort: 1, data: "AA==", expiresAt: "2001-01-01T00:00:00Z" })).toBe(422);
    expect(await refused({ fPort: 1, data: "AA==", expiresAt: "2030-02-31T99:00:00Z" })).toBe(422);
    expect(await refused({ fPort: 1, object: { on: true } })).toBe(422);
    expect(await refused({ fPort: 1, data: "AA==", isEncrypted: true })).toBe(422);
    expect(await refused({ fPort: 1, data: "AA==", fCntDown: 1 })).toBe(422);
  });
});

describe("gateways", () => {
  const gatewayId = parseGatewayId("00000000000000b1");
  const summary = {
    registered: true,
    online: true,
    firstSeenAtMs: Date.UTC(2026, 0, 1),
    lastSeenAtMs: Date.UTC(2026, 0, 2),
    remoteAddress: "192.0.2.1:1700",
    counts: { uplinks: 1, downlinks: 2, downlinkFailures: 3, refused: 4 },
  };

  test("are registered, changed and asked for their state", async () => {
    await api.call("POST", "/api/gateways", { gatewayId: "00-00-00-00-00-00-00-B1", tenantId, name: "roof" });
    const status = `/api/gateways/${gatewayId}/status`;
    expect((await api.call("GET", status)).json()).toMatchObject({ state: "never-seen", lastSeenAt: null });
    api.control.heard.set(gatewayId, { gatewayId, ...summary });
    expect((await api.call("GET", status)).json()).toMatchObject({
      state: "online",
      lastSeenAt: "2026-01-02T00:00:00.000Z",
      counts: summary.counts,
    });
    const location = { latitude: 47, longitude: 8, altitude: 400 };
    const sourceRule = { kind: "networks", cidrs: ["10.0.0.0/8", "2001:db8::/32"] };
    const change = { location, sourceRule, regionConfigId: "town" };
    const changed = await api.call("PATCH", `/api/gateways/${gatewayId}`, change);
    expect(changed.json()).toMatchObject({ name: "roof", ...change });
    expect((await api.call("POST", `/api/gateways/${gatewayId}/release-address`)).statusCode).toBe(204);
    expect(api.control.released).toEqual([gatewayId]);
  });

  test("from nowhere on the internet are refused", async () => {
    for (const cidr of ["10.0.0.0/33", "example.org", "2001:db8::/129", "10.0.0.1/8/8", "fe80::1%eth0", ""]) {
      const body = {
        gatewayId: "00000000000000b2",
        tenantId,
        name: "x",
        sourceRule: { kind: "networks", cidrs: [cidr] },
      };
      const answer = await api.call("POST", "/api/gateways", body);
      expect(answer.json()).toMatchObject({ status: 422, errors: [{ path: "/body/sourceRule/cidrs" }] });
    }
  });

  test("that are heard but not registered are listed", async () => {
    const stranger = parseGatewayId("00000000000000b3");
    api.control.heard.set(stranger, { gatewayId: stranger, ...summary, registered: false });
    const { items } = (await api.call("GET", "/api/gateways/unknown")).json<{ items: object[] }>();
    expect(items).toMatchObject([{ gatewayId: stranger, remoteAddress: "192.0.2.1:1700" }]);
  });
});

describe("MQTT logins", () => {
  test("show a password only when it was made up, and only once", async () => {
    const path = `/api/applications/${applicationId}/mqtt-credentials`;
    const made = (await api.call("POST", path, {})).json<{ username: string; password: string }>();
    expect(made.password).toHaveLength(32);
    const given = await api.call("POST", path, { username: "node-red", password: "my own secret" });
    expect(given.json()).toEqual({ username: "node-red", isReadOnly: false, createdAt: expect.any(String) });
    expect((await api.call("POST", path, { username: "node-red" })).statusCode).toBe(409);
    const list = (await api.call("GET", path)).json<{ items: { username: string }[] }>();
    expect(list.items.map(item => item.username).toSorted()).toEqual([made.username, "node-red"].toSorted());
    expect(JSON.stringify(list)).not.toContain(made.password);
    expect((await api.call("DELETE", `${path}/node-red`)).statusCode).toBe(204);
    expect((await api.call("DELETE", `${path}/node-red`)).statusCode).toBe(404);
  });
});

describe("users and tenants", () => {
  test("an email is taken once, also by a change", async () => {
    const user = { email: "ann@example.org", password: "long enough" };
    await add("/api/users", user);
    expect((await api.call("POST", "/api/users", { ...user, email: "ANN@example.org" })).statusCode).toBe(409);
    const bob = await add("/api/users", { ...user, email: "bob@example.org" });
    const change = await api.call("PATCH", `/api/users/${bob}`, { email: "Ann@example.org" });
    expect(change.json()).toMatchObject({ status: 409, code: "already_exists" });
  });

  test("a tenant with devices stays, an empty one goes", async () => {
    await addDevice();
    expect((await api.call("DELETE", `/api/tenants/${tenantId}`)).json()).toMatchObject({ code: "still_in_use" });
    const empty = await add("/api/tenants", { name: "empty" });
    expect((await api.call("DELETE", `/api/tenants/${empty}`)).statusCode).toBe(204);
    expect((await api.call("GET", `/api/tenants/${empty}`)).statusCode).toBe(404);
  });
});

describe("the API", () => {
  test("logs a fault of its own and does not tell it", async () => {
    const devEui = await addDevice();
    const { session } = api.control;
    api.control.session = async () => {
      throw new TypeError("inner workings");
    };
    const answer = await api.call("GET", `/api/devices/${devEui}/activation`);
    api.control.session = session;
    expect(answer.json()).toMatchObject({ status: 500, code: "internal_error" });
    expect(answer.body).not.toContain("inner workings");
    expect(api.logged.join("")).toContain("inner workings");
  });

  test("describes itself and answers unknown paths with a problem", async () => {
    const document = (await api.call("GET", "/api/openapi.json", undefined, {})).json<{ openapi: string }>();
    expect(document.openapi).toBe("3.1.0");
    const page = await api.call("GET", "/api/docs/", undefined, {});
    expect(page.statusCode).toBe(200);
    expect(page.body).not.toMatch(/(src|href)="https?:/);
    const policy = page.headers["content-security-policy"];
    expect(policy).toContain("default-src 'self'");
    expect(policy).not.toMatch(/https|upgrade-insecure-requests/);
    expect((await api.call("GET", "/api/nothing", undefined, {})).json()).toMatchObject({
      status: 404,
      code: "not_found",
    });
  });
});
