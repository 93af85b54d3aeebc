import { afterAll, beforeAll, expect, test } from "vitest";
import type { ApplicationEvent } from "../../../app-server/ports.ts";
import { parseDevEui, parseGatewayId } from "../../../lorawan/ids.ts";
import { startTestApi, type TestApi } from "../../support/api.ts";
import { addTenantWithDevice, type TenantWithDevice } from "../../support/catalog.ts";
import { dayMs, startHistory, startMs, testEvent, upTo } from "../history/support.ts";

let api: TestApi;
let ours: TenantWithDevice;
let url: string;
const of = ({ tenant, application, device }: TenantWithDevice, event: ApplicationEvent): ApplicationEvent => ({
  ...event,
  tenantId: tenant.id,
  applicationId: application.id,
  devEui: device.devEui,
});

beforeAll(async () => {
  api = await startTestApi();
  ours = await addTenantWithDevice(api.repositories, "ours", "0000000000000001");
  url = `/api/devices/${ours.device.devEui}`;
  await api.clock.advance(4 * dayMs);
  const { keeper } = startHistory(api.sql);
  const events = upTo(96).map(n =>
    of(ours, testEvent(n, { atMs: startMs + n * 3_600_000, body: { object: { air: { t: n }, "odd/key %": "on" } } })),
  );
  await keeper.keep(events.filter((_, n) => n < 150));
});
afterAll(() => api.end());

const get = async (path: string) => {
  const answer = await api.call("GET", path, undefined, await api.keyFor("viewer", ours.tenant.id));
  return { status: answer.statusCode, json: answer.json() };
};
const range = (days: number) =>
  `since=${new Date(startMs + (4 - days) * dayMs).toISOString()}&until=${new Date(startMs + 4 * dayMs).toISOString()}`;

test("the latest of each measurement is listed under the name that its profile has for it", async () => {
  const named = await api.call("PUT", `/api/device-profiles/${ours.profile.id}/measurements`, {
    items: [{ key: "air.t", name: "Air", unit: "°C" }],
  });
  expect(named.json()).toEqual({ items: [{ key: "air.t", name: "Air", unit: "°C", kind: "gauge" }] });
  const { items } = (await get(`${url}/measurements`)).json;
  expect(items).toMatchObject([
    { key: "air.t", name: "Air", unit: "°C", kind: "gauge", value: 95 },
    { key: "odd/key %", name: "odd/key %", kind: "state", value: "on" },
  ]);
  const twice = { items: [{ key: "a" }, { key: "a" }] };
  const refused = await api.call("PUT", `/api/device-profiles/${ours.profile.id}/measurements`, twice);
  expect(refused.statusCode).toBe(422);
});

test("a series is as fine as its length allows, unless it is said how fine", async () => {
  const raw = (await get(`${url}/measurements/air.t?${range(1)}`)).json;
  expect(raw).toMatchObject({ name: "Air", unit: "°C", resolution: "raw" });
  expect(raw.points.map(({ value }: { value: number }) => value)).toEqual(upTo(24).map(n => 72 + n));
  const hours = (await get(`${url}/measurements/air.t?${range(3)}`)).json;
  expect(hours.resolution).toBe("hour");
  expect(hours.points).toHaveLength(72);
  const days = (await get(`${url}/measurements/air.t?${range(4)}&resolution=day`)).json;
  expect(days.points[1]).toMatchObject({ count: 24, min: 24, max: 47, average: 35.5, value: 47 });
  const long = (await get(`${url}/measurements/air.t?since=2025-06-01T00:00:00Z&until=2026-01-03T00:00:00Z`)).json;
  expect(long.resolution).toBe("day");
  expect(long.points).toHaveLength(2);
  const odd = (await get(`${url}/measurements/${encodeURIComponent("odd/key %")}?${range(4)}&resolution=day`)).json;
  expect(odd).toMatchObject({
    kind: "state",
    points: [{ count: 24, states: [{ state: "on", count: 24 }] }, {}, {}, {}],
  });
  expect((await get(`${url}/measurements/nothing?${range(4)}`)).json.points).toEqual([]);
  const backwards = "since=2026-01-03T00:00:00Z&until=2026-01-02T00:00:00Z";
  expect((await get(`${url}/measurements/air.t?${backwards}`)).status).toBe(422);
});

test("metrics of a device and a tenant cover the hours or days that are asked for", async () => {
  const hours = (await get(`${url}/metrics`)).json;
  expect(hours).toMatchObject({ every: "hour" });
  expect(hours.items).toHaveLength(24);
  const days = (await get(`/api/tenants/${ours.tenant.id}/metrics?${range(4)}&every=day`)).json;
  expect(days.items.map(({ counts }: { counts: object }) => counts)).toEqual(upTo(4).map(() => ({ uplinks: 24 })));
});

test("the overview of a tenant counts its devices and gateways by how they are", async () => {
  const { device, profile, application } = ours;
  await api.repositories.devices.create({ ...device, devEui: parseDevEui("00000000000000a1"), name: "new" });
  for (const [gatewayId, online] of [
    ["00000000000000b1", true],
    ["00000000000000b2", false],
    ["00000000000000b3", undefined],
  ] as const) {
    await api.call("POST", "/api/gateways", { gatewayId, tenantId: ours.tenant.id, name: gatewayId });
    if (online === undefined) continue;
    const counts = { uplinks: 0, downlinks: 0, downlinkFailures: 0, refused: 0 };
    const times = { firstSeenAtMs: 0, lastSeenAtMs: 0, remoteAddress: "" };
    const id = parseGatewayId(gatewayId);
    api.control.heard.set(id, { gatewayId: id, registered: true, online, counts, ...times });
  }
  const path = `/api/tenants/${ours.tenant.id}/overview`;
  expect((await get(path)).json).toEqual({
    devices: { total: 2, active: 1, inactive: 0, neverSeen: 1 },
    gateways: { total: 3, online: 1, offline: 1, neverSeen: 1 },
  });
  await api.clock.advance(3 * 3_600_000);
  expect((await get(path)).json).toMatchObject({ devices: { active: 0, inactive: 1 } });
  const all = { devices: { total: 3, active: 0, inactive: 1, neverSeen: 2 }, gateways: { total: 4, neverSeen: 2 } };
  const theirs = await addTenantWithDevice(api.repositories, "theirs", "00000000000000c1");
  const theirGateway = { gatewayId: "00000000000000b4", tenantId: theirs.tenant.id, name: "b4" };
  await api.call("POST", "/api/gateways", theirGateway);
  // An administrator's sums are of every tenant, unless one is named; everybody else's of their own.
  expect((await api.call("GET", "/api/overview")).json()).toMatchObject(all);
  const named = `?tenantId=${theirs.tenant.id}`;
  expect((await api.call("GET", `/api/overview${named}`)).json()).toMatchObject({ devices: { total: 1 } });
  expect((await get("/api/overview")).json).toEqual((await get(path)).json);
  expect((await get(`/api/overview${named}`)).status).toBe(404);
  const days = `${range(4)}&every=day`;
  const uplinks = async (keyPath: string) =>
    (await get(keyPath)).json.items.map(({ counts }: { counts: object }) => counts);
  expect(await uplinks(`/api/metrics?${days}`)).toEqual(upTo(4).map(() => ({ uplinks: 24 })));
  const { items } = (await api.call("GET", `/api/metrics?${days}`)).json();
  expect(items).toHaveLength(4);
  expect((await api.call("GET", `/api/metrics${named}&${days}`)).json().items).toEqual([]);
  const limited = await api.repositories.apiKeys.create({
    tenantId: ours.tenant.id,
    name: "limited",
    role: "viewer",
    expiresAt: null,
    applicationIds: [application.id],
  });
  const headers = { authorization: `Bearer ${limited.token}` };
  for (const what of ["overview", "metrics"]) {
    for (const under of [`/api/tenants/${ours.tenant.id}`, "/api"])
      expect((await api.call("GET", `${under}/${what}`, undefined, headers)).statusCode).toBe(403);
  }
  expect((await api.call("GET", `${url}/metrics`, undefined, headers)).statusCode).toBe(200);
  expect(profile.expectedUplinkIntervalSeconds).toBe(3600);
});
