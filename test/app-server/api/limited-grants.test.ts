import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ApplicationId } from "../../../lorawan/ids.ts";
import { type Method, startTestApi, type TestApi } from "../../support/api.ts";
import { bodyOf, readsByPost } from "../../support/api-bodies.ts";
import { addTenantWithDevice, type TenantWithDevice } from "../../support/catalog.ts";

type Headers = Readonly<Record<string, string>>;

let api: TestApi;
let ours: TenantWithDevice;
let second: ApplicationId;
let empty: ApplicationId;

beforeAll(async () => {
  api = await startTestApi();
  ours = await addTenantWithDevice(api.repositories, "ours", "0000000000000001");
  const { applications, devices } = api.repositories;
  const more = { tenantId: ours.tenant.id, description: "", tags: {} };
  second = (await applications.create({ ...more, name: "second" })).id;
  empty = (await applications.create({ ...more, name: "empty" })).id;
  const { tenantId: _tenant, macVersion: _version, ...device } = ours.device;
  const devEui = "0000000000000002" as typeof device.devEui;
  await devices.create({ ...device, devEui, applicationId: second, name: "second's" });
  await api.call("POST", "/api/gateways", { gatewayId: "00000000000000aa", tenantId: ours.tenant.id, name: "roof" });
});
afterAll(() => api.end());

async function makeKey(body: object): Promise<Headers> {
  const answer = await api.call("POST", "/api/api-keys", { name: "key", tenantId: ours.tenant.id, ...body });
  expect(answer.statusCode, answer.body).toBe(201);
  return { authorization: `Bearer ${answer.json<{ token: string }>().token}` };
}

const limitedTo = (applicationIds: readonly string[], role = "device-manager") => makeKey({ role, applicationIds });

async function namesIn(url: string, headers: Headers): Promise<readonly string[]> {
  const answer = await api.call("GET", url, undefined, headers);
  expect(answer.statusCode, answer.body).toBe(200);
  return answer.json<{ items: { name: string }[] }>().items.map(({ name }) => name);
}

interface Route {
  readonly method: Method;
  readonly path: string;
}
async function everyRoute(): Promise<readonly Route[]> {
  const document = (await api.call("GET", "/api/openapi.json")).json<{ paths: Record<string, object> }>();
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map(method => ({ method: method.toUpperCase() as Method, path })),
  );
}

function callAbout({ method, path }: Route, headers: Headers) {
  const ids: Record<string, string> = {
    tenantId: ours.tenant.id,
    applicationId: ours.application.id,
    deviceProfileId: ours.profile.id,
    devEui: ours.device.devEui,
    gatewayId: "00000000000000aa",
  };
  const url = path.replace(/\{(\w+)\}/g, (_text, name: string) => ids[name] ?? ours.tenant.id);
  return api.call(method, url, bodyOf(`${method} ${path}`, ids), headers);
}

describe("a grant that is limited to applications", () => {
  test("reaches no other application, its devices, or a gateway, by any route", async () => {
    const headers = await limitedTo([second]);
    const routes = (await everyRoute()).filter(({ path }) => /\{(applicationId|devEui|gatewayId)\}/.test(path));
    expect(routes.length).toBeGreaterThan(25);
    for (const route of routes) {
      const { statusCode, body } = await callAbout(route, headers);
      expect({ ...route, statusCode }, body).toEqual({ ...route, statusCode: 404 });
    }
  });

  test("reads what the tenant's applications share, and changes none of it", async () => {
    const headers = await limitedTo([second]);
    expect(await namesIn("/api/tenants", headers)).toEqual(["ours"]);
    expect(await namesIn("/api/device-profiles", headers)).toEqual(["ours profile"]);
    const shared = (await everyRoute()).filter(
      ({ method, path }) =>
        (path.includes("{deviceProfileId}") && method !== "GET") ||
        ["POST /api/device-profiles", "POST /api/applications"].includes(`${method} ${path}`),
    );
    expect(shared).toHaveLength(8);
    for (const route of shared) expect((await callAbout(route, headers)).statusCode, route.path).toBe(403);
    expect((await callAbout({ method: "POST", path: "/api/gateways" }, headers)).statusCode).toBe(403);
  });

  test("lists its own applications and devices only, with a tenant named or not", async () => {
    const headers = await limitedTo([second, empty], "viewer");
    for (const query of ["", `?tenantId=${ours.tenant.id}`]) {
      expect(await namesIn(`/api/applications${query}`, headers)).toEqual(["empty", "second"]);
      expect(await namesIn(`/api/devices${query}`, headers)).toEqual(["second's"]);
      expect(await namesIn(`/api/gateways${query}`, headers)).toEqual([]);
    }
    const foreign = await api.call("GET", `/api/devices?applicationId=${ours.application.id}`, undefined, headers);
    expect(foreign.statusCode).toBe(404);
  });

  test("moves devices between its own applications and nowhere else", async () => {
    const headers = await limitedTo([second, empty]);
    const move = (applicationId: string) =>
      api.call("PATCH", "/api/devices/0000000000000002", { applicationId }, headers);
    expect((await move(empty)).statusCode).toBe(200);
    expect((await move(ours.application.id)).statusCode).toBe(404);
    expect((await move(second)).statusCode).toBe(200);
  });

  test("makes MQTT logins of its own applications", async () => {
    const headers = await limitedTo([second]);
    const made = (id: string) => api.call("POST", `/api/applications/${id}/mqtt-credentials`, {}, headers);
    expect((await made(second)).statusCode).toBe(201);
    expect((await made(ours.application.id)).statusCode).toBe(404);
  });

  test("does not grow when its application is deleted", async () => {
    const { id } = await api.repositories.applications.create({
      tenantId: ours.tenant.id,
      name: "short-lived",
      description: "",
      tags: {},
    });
    const headers = await limitedTo([id]);
    await api.repositories.applications.remove(id);
    expect(await namesIn("/api/applications", headers)).toEqual([]);
    expect(await namesIn("/api/devices", headers)).toEqual([]);
  });

  test("is refused for roles that govern, and for applications of another tenant", async () => {
    const theirs = await addTenantWithDevice(api.repositories, "theirs", "0000000000000003");
    const tryKey = (body: object) =>
      api.call("POST", "/api/api-keys", { name: "key", tenantId: ours.tenant.id, ...body });
    for (const body of [
      { role: "admin", applicationIds: [second] },
      { role: "gateway-manager", applicationIds: [second] },
      { role: "viewer", applicationIds: [theirs.application.id] },
    ]) {
      expect((await tryKey(body)).json()).toMatchObject({ status: 422, errors: [{ path: "/body/applicationIds" }] });
    }
    expect((await tryKey({ role: "viewer", applicationIds: [] })).statusCode).toBe(400);
  });

  test("is a user's as well, and follows a change at once", async () => {
    const email = "ada@example.org";
    const user = { email, password: "correct horse", isAdministrator: false, isActive: true, note: "" };
    const { id } = await api.repositories.users.create(user);
    const { token } = (await api.call("POST", "/api/login", { email, password: "correct horse" }, {})).json<{
      token: string;
    }>();
    const headers = { authorization: `Bearer ${token}` };
    const path = `/api/tenants/${ours.tenant.id}/users/${id}`;
    const grant = (body: object) => api.call("PUT", path, body);
    expect((await grant({ role: "viewer", applicationIds: [second] })).statusCode).toBe(204);
    expect(await namesIn("/api/applications", headers)).toEqual(["second"]);
    expect((await api.call("GET", "/api/me", undefined, headers)).json()).toMatchObject({
      memberships: [{ role: "viewer", applicationIds: [second] }],
    });
    expect((await grant({ role: "viewer" })).statusCode).toBe(204);
    expect(await namesIn("/api/applications", headers)).toHaveLength(3);
    expect((await grant({ role: "admin", applicationIds: [second] })).statusCode).toBe(422);
  });
});

describe("a read-only API key", () => {
  test("changes nothing by any route, though it is an administrator's", async () => {
    const headers = await makeKey({ role: "administrator", tenantId: null, isReadOnly: true });
    const changes = (await everyRoute()).filter(
      ({ method, path }) =>
        method !== "GET" && !path.startsWith("/api/login") && !readsByPost.includes(`${method} ${path}`),
    );
    expect(changes.length).toBeGreaterThan(30);
    for (const route of changes) {
      const { statusCode, body } = await callAbout(route, headers);
      expect({ ...route, statusCode }, body).toEqual({ ...route, statusCode: 403 });
    }
    expect((await api.call("GET", "/api/users", undefined, headers)).statusCode).toBe(200);
  });
});

describe("requests of an API key", () => {
  const me = (headers: Headers) => api.call("GET", "/api/me", undefined, headers);

  test("are counted by the minute, each key for itself", async () => {
    const headers = await makeKey({ role: "viewer", requestsPerMinute: 2 });
    const other = await makeKey({ role: "viewer", requestsPerMinute: 2 });
    await me(headers);
    await api.clock.advance(20_000);
    expect((await me(headers)).statusCode).toBe(200);
    const refused = await me(headers);
    expect(refused.json()).toMatchObject({ status: 429, code: "too_many_requests" });
    expect(refused.headers["retry-after"]).toBe("40");
    expect((await me(other)).statusCode).toBe(200);
    await api.clock.advance(40_000);
    expect((await me(headers)).statusCode).toBe(200);
  });

  test("are limited by the configuration, above which a tenant's admin gives none", async () => {
    const { requestsPerMinute } = api.deps;
    const admin = await api.keyFor("admin", ours.tenant.id);
    const body = { name: "key", role: "viewer", tenantId: ours.tenant.id, requestsPerMinute: requestsPerMinute + 1 };
    const refused = await api.call("POST", "/api/api-keys", body, admin);
    expect(refused.json()).toMatchObject({ status: 422, errors: [{ path: "/body/requestsPerMinute" }] });
    expect((await api.call("POST", "/api/api-keys", body)).json()).toMatchObject({
      requestsPerMinute: requestsPerMinute + 1,
    });
  });
});

test("an API key's name, rate and end can be changed; its rights and its token cannot", async () => {
  const made = await api.call("POST", "/api/api-keys", { name: "key", role: "viewer", tenantId: ours.tenant.id });
  const { id, token } = made.json<{ id: string; token: string }>();
  const path = `/api/api-keys/${id}`;
  const admin = await api.keyFor("admin", ours.tenant.id);
  const renamed = await api.call("PATCH", path, { name: "renamed", requestsPerMinute: 5 }, admin);
  expect(renamed.json()).toMatchObject({ id, name: "renamed", requestsPerMinute: 5, expiresAt: null, role: "viewer" });
  const ended = await api.call("PATCH", path, { expiresAt: "2099-01-01T00:00:00Z" }, admin);
  expect(ended.json()).toMatchObject({ name: "renamed", requestsPerMinute: 5, expiresAt: "2099-01-01T00:00:00.000Z" });
  const read = await api.call("GET", path, undefined, admin);
  expect(read.json()).toEqual(ended.json());
  expect(read.body).not.toContain(token);

  const past = await api.call("PATCH", path, { expiresAt: "2001-01-01T00:00:00Z" }, admin);
  expect(past.json()).toMatchObject({ status: 422, errors: [{ path: "/body/expiresAt" }] });
  const tooMany = await api.call("PATCH", path, { requestsPerMinute: api.deps.requestsPerMinute + 1 }, admin);
  expect(tooMany.json()).toMatchObject({ status: 422, errors: [{ path: "/body/requestsPerMinute" }] });
  for (const body of [{ role: "admin" }, { isReadOnly: false }, {}]) {
    expect((await api.call("PATCH", path, body, admin)).statusCode).toBe(400);
  }
  expect((await api.call("GET", "/api/me", undefined, { authorization: `Bearer ${token}` })).statusCode).toBe(200);
});

test("without a number of its own a tenant's key has the configuration's, an administrator's none", async () => {
  const strict = await startTestApi({ requestsPerMinute: 1 });
  try {
    const { id } = await strict.repositories.tenants.create({ name: "t", description: "", tags: {} });
    const viewer = await strict.keyFor("viewer", id);
    const statuses = async (headers?: Headers) => [
      (await strict.call("GET", "/api/me", undefined, headers)).statusCode,
      (await strict.call("GET", "/api/me", undefined, headers)).statusCode,
    ];
    expect(await statuses(viewer)).toEqual([200, 429]);
    expect(await statuses()).toEqual([200, 200]);
  } finally {
    await strict.end();
  }
});
