import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import {
  type LimitedKind,
  limitedKinds,
  limitNames,
  type TenantLimits,
} from "../../../app-server/tenant-limit-ports.ts";
import { startTestApi, type TestApi } from "../../support/api.ts";
import { addTenantWithDevice, type TenantWithDevice } from "../../support/catalog.ts";

let api: TestApi;
let ours: TenantWithDevice;
let path: string;
let made = 0;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.end());
/** A tenant of its own for each test, with one application and one device. */
beforeEach(async () => {
  made += 1;
  ours = await addTenantWithDevice(api.repositories, `T${made}`, eui(0));
  path = `/api/tenants/${ours.tenant.id}/limits`;
});

const eui = (number: number) => `70b3d5${made.toString(16).padStart(4, "0")}${number.toString(16).padStart(6, "0")}`;
const set = async (limits: Partial<TenantLimits>) => {
  const answer = await api.call("PATCH", path, limits);
  expect(answer.statusCode, answer.body).toBe(200);
  return answer.json();
};
const useOf = async (kind: LimitedKind): Promise<number> => (await api.call("GET", path)).json().use[kind];

function add(kind: LimitedKind, number: number, headers?: Readonly<Record<string, string>>) {
  const { tenant, application, profile } = ours;
  const name = `thing ${number}`;
  const bodies: Readonly<Record<LimitedKind, object>> = {
    devices: { devEui: eui(number), applicationId: application.id, deviceProfileId: profile.id, name },
    gateways: { gatewayId: eui(number), tenantId: tenant.id, name },
    applications: { tenantId: tenant.id, name },
    integrations: { applicationId: application.id, kind: "http", name, settings: { url: "http://127.0.0.1:1/" } },
  };
  return api.call("POST", `/api/${kind}`, bodies[kind], headers);
}

async function importFile(kind: "devices" | "gateways", lines: readonly string[], query = "") {
  const { authorization = "" } = await api.keyFor("admin", ours.tenant.id);
  const answer = await api.app.inject({
    method: "POST",
    url: `/api/imports/${kind}?tenantId=${ours.tenant.id}${query}`,
    headers: { authorization, "content-type": "text/csv" },
    payload: lines.join("\n"),
  });
  expect(answer.statusCode, answer.body).toBe(200);
  return answer.json<{ id: string; created: number; failed: number; updated: number }>();
}
const deviceLines = (from: number, count: number): readonly string[] => {
  const { application, profile } = ours;
  const line = (_value: unknown, index: number) =>
    `${eui(from + index)},imported ${from + index},${application.id},${profile.id}`;
  return ["devEui,name,applicationId,deviceProfileId", ...Array.from({ length: count }, line)];
};

test.each(limitedKinds)("a tenant gets as many %s as it may have, and is told its limit then", async kind => {
  const before = await useOf(kind);
  const limit = before + 2;
  expect(await set({ [limitNames[kind]]: limit })).toMatchObject({ limits: { [limitNames[kind]]: limit } });
  expect((await add(kind, 1)).statusCode).toBe(201);
  expect((await add(kind, 2)).statusCode).toBe(201);
  const refused = await add(kind, 3);
  expect(refused.headers["content-type"]).toContain("application/problem+json");
  expect(refused.json()).toMatchObject({
    status: 409,
    code: "limit_reached",
    detail: `This tenant may have ${limit} ${kind}, and has them.`,
    limit: { name: limitNames[kind], value: limit },
  });
  expect(await useOf(kind)).toBe(limit);
  await set({ [limitNames[kind]]: null });
  expect((await add(kind, 3)).statusCode).toBe(201);
});

test("a tenant that may have no gateways gets none", async () => {
  await set({ maxGateways: 0 });
  expect((await add("gateways", 1)).json()).toMatchObject({ detail: "This tenant may not have gateways." });
  expect(await importFile("gateways", ["gatewayId,name", `${eui(1)},roof`])).toMatchObject({ created: 0, failed: 1 });
});

test("what is there already is told as that, limit or not", async () => {
  await set({ maxDevices: 1 });
  expect((await add("devices", 0)).json()).toMatchObject({ code: "already_exists" });
});

test("of many who ask at once no more get in than there is room for", async () => {
  await set({ maxDevices: 6, maxGateways: 3 });
  const asked = Array.from({ length: 24 }, (_, index) => [add("devices", index + 1), add("gateways", index + 1)]);
  const [lines] = [deviceLines(100, 20)];
  const [answers] = await Promise.all([Promise.all(asked.flat()), importFile("devices", lines)]);
  expect(new Set(answers.map(({ statusCode }) => statusCode))).toEqual(new Set([201, 409]));
  expect(await useOf("devices")).toBe(6);
  expect(await useOf("gateways")).toBe(3);
});

test("a limit that is set below what there is takes nothing away, and what is there can be changed", async () => {
  await add("devices", 1);
  expect(await set({ maxDevices: 1 })).toMatchObject({ use: { devices: 2 }, limits: { maxDevices: 1 } });
  expect((await api.call("PATCH", `/api/devices/${eui(1)}`, { name: "renamed" })).statusCode).toBe(200);
  const file = ["devEui,name", `${eui(1)},again`];
  expect(await importFile("devices", file, "&onExisting=update")).toMatchObject({ updated: 1, failed: 0 });
  expect((await add("devices", 2)).statusCode).toBe(409);
  await api.call("DELETE", `/api/devices/${eui(1)}`);
  expect((await add("devices", 2)).statusCode, "one that is there is as many as it may have").toBe(409);
});

test("an import adds what there is room for, and says of each other line why not", async () => {
  await set({ maxDevices: 3 });
  const done = await importFile("devices", deviceLines(1, 4));
  expect(done).toMatchObject({ created: 2, failed: 2 });
  const { items } = (await api.call("GET", `/api/imports/${done.id}/faults`)).json();
  const message = "This tenant may have 3 devices, and has them.";
  expect(items).toMatchObject([
    { line: 4, column: "devEui", message },
    { line: 5, column: "devEui", message },
  ]);
  expect(await useOf("devices")).toBe(3);
});

test("a dry run counts over all of its batches", async () => {
  await set({ maxDevices: 701 });
  expect(await importFile("devices", deviceLines(1, 1100), "&dryRun=true")).toMatchObject({
    created: 700,
    failed: 400,
  });
  expect(await useOf("devices")).toBe(1);
});

test("the keys of a tenant share its requests of a minute, and users are let alone", async () => {
  const [one, other] = [await api.keyFor("viewer", ours.tenant.id), await api.keyFor("admin", ours.tenant.id)];
  const ask = async (headers: Readonly<Record<string, string>>) => api.call("GET", "/api/me", undefined, headers);
  await set({ requestsPerMinute: 3 });
  for (const headers of [one, other, one]) expect((await ask(headers)).statusCode).toBe(200);
  for (const headers of [one, other]) {
    const refused = await ask(headers);
    expect(refused.json()).toMatchObject({
      status: 429,
      code: "too_many_requests",
      detail: "The API keys and tokens of this tenant have made all requests of this minute.",
    });
    expect(Number(refused.headers["retry-after"])).toBeGreaterThan(0);
  }
  await api.clock.advance(60_000);
  expect((await ask(other)).statusCode).toBe(200);
});

test("a tenant's members see the limits, and only administrators set them", async () => {
  const viewer = await api.keyFor("viewer", ours.tenant.id);
  const admin = await api.keyFor("admin", ours.tenant.id);
  expect((await api.call("GET", path, undefined, viewer)).json()).toEqual({
    limits: {
      maxDevices: null,
      maxGateways: null,
      maxApplications: null,
      maxIntegrations: null,
      requestsPerMinute: null,
    },
    use: { devices: 1, gateways: 0, applications: 1, integrations: 0 },
  });
  expect((await api.call("PATCH", path, { maxDevices: 5 }, admin)).statusCode).toBe(403);
  for (const wrong of [{ maxDevices: -1 }, { requestsPerMinute: 0 }, { maxUsers: 3 }, {}]) {
    expect((await api.call("PATCH", path, wrong)).statusCode).toBe(400);
  }
});
