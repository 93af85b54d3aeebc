import fastify from "fastify";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { addRules } from "../../../app-server/api/api.ts";
import { type ApiKeyRole, apiKeyRoles, type NewApiKey } from "../../../app-server/catalog-ports.ts";
import type { NewImport } from "../../../app-server/import-ports.ts";
import { parseDevEui, parseGatewayId, type TenantId } from "../../../lorawan/ids.ts";
import { type Method, startTestApi, type TestApi } from "../../support/api.ts";
import { bodyOf, readsByPost } from "../../support/api-bodies.ts";
import { addTenantWithDevice, type TenantWithDevice } from "../../support/catalog.ts";

/** Besides roles: an admin's key for reading only, an expired one, a device manager of another application alone. */
type Caller = ApiKeyRole | "foreign admin" | "nobody" | "read-only" | "expired" | "elsewhere";
const callers: readonly Caller[] = [...apiKeyRoles, "foreign admin", "nobody", "read-only", "expired", "elsewhere"];

const everyone: readonly ApiKeyRole[] = apiKeyRoles;
const devices: readonly ApiKeyRole[] = ["administrator", "admin", "device-manager"];
const gateways: readonly ApiKeyRole[] = ["administrator", "admin", "gateway-manager"];
const governors: readonly ApiKeyRole[] = ["administrator", "admin"];
const administrator: readonly ApiKeyRole[] = ["administrator"];

/**
 * Who may do what, written down a second time: route, roles in the tenant that may, and what a tenant's admin gets for
 * another tenant's thing.
 */
const table: readonly (readonly [string, readonly ApiKeyRole[], 404 | 403 | "own"])[] = [
  ["GET /api/me", everyone, "own"],
  ["POST /api/logout", everyone, "own"],
  ["PUT /api/me/password", [], 403],
  ["GET /api/me/sessions", [], 403],
  ["DELETE /api/me/sessions/{sessionId}", [], 403],
  ["GET /api/me/second-factor", [], 403],
  ["POST /api/me/second-factor", [], 403],
  ["POST /api/me/second-factor/confirmation", [], 403],
  ["POST /api/me/second-factor/removal", [], 403],
  ["DELETE /api/users/{userId}/second-factor", administrator, 403],
  ["GET /api/users/login-ways", administrator, 403],
  ["DELETE /api/users/{userId}/identities", administrator, 403],
  ["GET /api/users", administrator, 403],
  ["POST /api/users", administrator, 403],
  ["GET /api/users/{userId}", administrator, 403],
  ["PATCH /api/users/{userId}", administrator, 403],
  ["DELETE /api/users/{userId}", administrator, 403],
  ["GET /api/users/{userId}/sessions", administrator, 403],
  ["DELETE /api/users/{userId}/sessions", administrator, 403],
  ["GET /api/tenants", everyone, "own"],
  ["POST /api/tenants", administrator, 403],
  ["GET /api/tenants/{tenantId}", everyone, 404],
  ["PATCH /api/tenants/{tenantId}", governors, 404],
  ["DELETE /api/tenants/{tenantId}", administrator, 403],
  ["GET /api/tenants/{tenantId}/users", governors, 404],
  ["PUT /api/tenants/{tenantId}/users/{userId}", governors, 404],
  ["DELETE /api/tenants/{tenantId}/users/{userId}", governors, 404],
  ["GET /api/api-keys", governors, "own"],
  ["POST /api/api-keys", governors, 404],
  ["DELETE /api/api-keys/{apiKeyId}", governors, 404],
  ["GET /api/applications", everyone, "own"],
  ["POST /api/applications", devices, 404],
  ["GET /api/applications/{applicationId}", everyone, 404],
  ["PATCH /api/applications/{applicationId}", devices, 404],
  ["DELETE /api/applications/{applicationId}", devices, 404],
  ["POST /api/applications/{applicationId}/clone", devices, 404],
  ["GET /api/applications/{applicationId}/mqtt-credentials", devices, 404],
  ["POST /api/applications/{applicationId}/mqtt-credentials", devices, 404],
  ["DELETE /api/applications/{applicationId}/mqtt-credentials/{username}", devices, 404],
  ["GET /api/device-profiles", everyone, "own"],
  ["POST /api/device-profiles", devices, 404],
  ["GET /api/device-profiles/{deviceProfileId}", everyone, 404],
  ["PATCH /api/device-profiles/{deviceProfileId}", devices, 404],
  ["DELETE /api/device-profiles/{deviceProfileId}", devices, 404],
  ["POST /api/device-profiles/{deviceProfileId}/clone", devices, 404],
  ["POST /api/device-profiles/{deviceProfileId}/codec/test", devices, 404],
  ["POST /api/device-profiles/{deviceProfileId}/codec/cases", devices, 404],
  ["GET /api/devices", everyone, "own"],
  ["POST /api/devices", devices, 404],
  ["POST /api/devices/qr", devices, 404],
  ["GET /api/devices/{devEui}", everyone, 404],
  ["PATCH /api/devices/{devEui}", devices, 404],
  ["DELETE /api/devices/{devEui}", devices, 404],
  ["GET /api/devices/{devEui}/keys", everyone, 404],
  ["PUT /api/devices/{devEui}/keys", devices, 404],
  ["DELETE /api/devices/{devEui}/keys", devices, 404],
  ["DELETE /api/devices/{devEui}/nonces", devices, 404],
  ["GET /api/devices/{devEui}/activation", everyone, 404],
  ["PUT /api/devices/{devEui}/activation", devices, 404],
  ["DELETE /api/devices/{devEui}/activation", devices, 404],
  ["POST /api/devices/{devEui}/force-rejoin", devices, 404],
  ["GET /api/devices/{devEui}/queue", everyone, 404],
  ["GET /api/devices/{devEui}/queue/next-f-cnt", everyone, 404],
  ["POST /api/devices/{devEui}/queue", devices, 404],
  ["DELETE /api/devices/{devEui}/queue", devices, 404],
  ["DELETE /api/devices/{devEui}/queue/{itemId}", devices, 404],
  ["GET /api/gateways", everyone, "own"],
  ["POST /api/gateways", gateways, 404],
  ["GET /api/gateways/unknown", administrator, 403],
  ["GET /api/gateways/states", everyone, "own"],
  ["GET /api/gateways/{gatewayId}/airtime", everyone, 404],
  ["GET /api/gateways/{gatewayId}", everyone, 404],
  ["PATCH /api/gateways/{gatewayId}", gateways, 404],
  ["DELETE /api/gateways/{gatewayId}", gateways, 404],
  ["GET /api/gateways/{gatewayId}/status", everyone, 404],
  ["POST /api/gateways/{gatewayId}/release-address", gateways, 404],
  ["POST /api/imports/devices", devices, 404],
  ["POST /api/imports/gateways", gateways, 404],
  ["POST /api/imports/device-profiles", devices, 404],
  ["POST /api/imports/applications", devices, 404],
  ["GET /api/imports", everyone, "own"],
  ["GET /api/imports/{importId}", everyone, 404],
  ["GET /api/imports/{importId}/faults", everyone, 404],
  ["GET /api/exports/devices", everyone, 404],
  ["GET /api/exports/gateways", everyone, 404],
  ["GET /api/exports/device-profiles", everyone, 404],
  ["GET /api/exports/applications", everyone, 404],
  ["GET /api/integrations/kinds", everyone, "own"],
  ["GET /api/integrations", everyone, "own"],
  ["POST /api/integrations", devices, 404],
  ["GET /api/integrations/{integrationId}", everyone, 404],
  ["PATCH /api/integrations/{integrationId}", devices, 404],
  ["DELETE /api/integrations/{integrationId}", devices, 404],
  ["GET /api/integrations/{integrationId}/state", everyone, 404],
  ["POST /api/integrations/{integrationId}/test", devices, 404],
  ["DELETE /api/integrations/{integrationId}/queue", devices, 404],
  ["GET /api/integrations/{integrationId}/dead-letters", everyone, 404],
  ["POST /api/integrations/{integrationId}/dead-letters/replay", devices, 404],
  ["POST /api/integrations/{integrationId}/dead-letters/drop", devices, 404],
  ["GET /api/events", everyone, "own"],
  ["GET /api/events/history", everyone, "own"],
  ["GET /api/events/history/export", everyone, "own"],
  ["GET /api/devices/{devEui}/events", everyone, 404],
  ["GET /api/devices/{devEui}/events/export", everyone, 404],
  ["GET /api/devices/{devEui}/diagnosis", everyone, 404],
  ["GET /api/devices/{devEui}/frames", everyone, 404],
  ["GET /api/devices/{devEui}/frames/export", everyone, 404],
  ["GET /api/gateways/{gatewayId}/frames", everyone, 404],
  ["GET /api/devices/{devEui}/frames/{frameId}", everyone, 404],
  ["GET /api/gateways/{gatewayId}/frames/{frameId}", everyone, 404],
  ["POST /api/frames/decode", everyone, "own"],
  ["GET /api/gateways/{gatewayId}/frames/export", everyone, 404],
  ["GET /api/devices/{devEui}/measurements", everyone, 404],
  ["GET /api/devices/{devEui}/measurements/{key}", everyone, 404],
  ["GET /api/device-profiles/{deviceProfileId}/measurements", everyone, 404],
  ["PUT /api/device-profiles/{deviceProfileId}/measurements", devices, 404],
  ["GET /api/devices/{devEui}/metrics", everyone, 404],
  ["GET /api/gateways/{gatewayId}/metrics", everyone, 404],
  ["GET /api/tenants/{tenantId}/metrics", everyone, 404],
  ["GET /api/tenants/{tenantId}/overview", everyone, 404],
  ["GET /api/tenants/{tenantId}/history", everyone, 404],
  ["PATCH /api/tenants/{tenantId}/history", administrator, 403],
  ["GET /api/devices/{devEui}/frames/stream", everyone, 404],
  ["GET /api/gateways/{gatewayId}/frames/stream", everyone, 404],
  ["GET /api/devices/{devEui}/frames/ws", everyone, 404],
  ["GET /api/gateways/{gatewayId}/frames/ws", everyone, 404],
  ["GET /api/events/ws", everyone, "own"],
  ["GET /api/audit-log", governors, "own"],
  ["GET /api/audit-log/verification", administrator, 403],
];

const nobody = "00000000-0000-0000-0000-000000000000";
const key = "00112233445566778899aabbccddeeff";

let api: TestApi;
let ours: TenantWithDevice;
let headers: ReadonlyMap<Caller, Readonly<Record<string, string>>>;
let ids: Readonly<Record<string, string>>;

beforeAll(async () => {
  api = await startTestApi();
  ours = await addTenantWithDevice(api.repositories, "ours", "0000000000000001");
  const theirs = await addTenantWithDevice(api.repositories, "theirs", "0000000000000002");
  const own = await Promise.all(
    apiKeyRoles.map(
      async role => [role, await api.keyFor(role, role === "administrator" ? null : ours.tenant.id)] as const,
    ),
  );
  const foreign = await api.keyFor("admin", theirs.tenant.id);
  const tenantId = ours.tenant.id;
  const { id } = await api.repositories.applications.create({ tenantId, name: "elsewhere", description: "", tags: {} });
  const keyOf = async (role: ApiKeyRole, more: Partial<NewApiKey>) => {
    const key = { tenantId, name: "special", role, expiresAt: null, ...more };
    return { authorization: `Bearer ${(await api.repositories.apiKeys.create(key)).token}` };
  };
  headers = new Map<Caller, Readonly<Record<string, string>>>([
    ...own,
    ["foreign admin", foreign],
    ["nobody", {}],
    ["read-only", await keyOf("admin", { isReadOnly: true })],
    ["expired", await keyOf("admin", { expiresAt: "2020-01-01T00:00:00Z" })],
    ["elsewhere", await keyOf("device-manager", { applicationIds: [id] })],
  ]);
});
afterAll(() => api.end());

/** A thing of each kind that a call may use up. */
async function freshIds(): Promise<Readonly<Record<string, string>>> {
  const { repositories } = api;
  const { tenant, application, device } = ours;
  const devEui = parseDevEui("0000000000000001");
  const gatewayId = parseGatewayId("00000000000000aa");
  if ((await repositories.devices.get(devEui)) === undefined) await repositories.devices.create(device);
  if ((await repositories.gateways.get(gatewayId)) === undefined) {
    await api.call("POST", "/api/gateways", { gatewayId, tenantId: tenant.id, name: "roof" });
  }
  const { apiKey } = await repositories.apiKeys.create({
    tenantId: tenant.id,
    name: "k",
    role: "viewer",
    expiresAt: null,
  });
  await api.rootKeys.put(devEui, { nwkKey: key });
  const integration = await api.call("POST", "/api/integrations", {
    applicationId: application.id,
    kind: "http",
    name: "webhook",
    settings: { url: "http://127.0.0.1:1/" },
  });
  return {
    tenantId: tenant.id,
    applicationId: application.id,
    deviceProfileId: ours.profile.id,
    devEui,
    gatewayId,
    apiKeyId: apiKey.id,
    integrationId: integration.json().id,
    userId: nobody,
    username: "none",
    itemId: "none",
    sessionId: nobody,
    importId: (await api.deps.imports.begin(newImport(tenant.id))).id,
    key: "temperature",
    frameId: nobody,
  };
}

const newImport = (tenantId: TenantId): NewImport => ({
  tenantId,
  applicationId: null,
  kind: "gateways",
  key: "k",
  onExisting: "skip",
  isDryRun: true,
  startedBy: "somebody",
  totalBytes: null,
});

const methodOf = (route: string): Method => {
  const [method] = route.split(" ");
  if (method === "GET" || method === "POST" || method === "PUT" || method === "PATCH" || method === "DELETE")
    return method;
  throw new Error(route);
};

/** Files name in their query what they are of. */
const urlOf = (route: string): string =>
  route.split(" ")[1]!.replace(/\{(\w+)\}/g, (_text, name: string) => ids[name]!) +
  (/ \/api\/(exports|imports\/[a-z])/.test(route) ? `?tenantId=${ids.tenantId}` : "");

/** The status and code, or nothing for an event stream, which has no end of its own. */
async function statusOf(route: string, caller: Caller): Promise<{ readonly status: number; readonly detail: string }> {
  if (route.endsWith("/stream")) return statusOfStream(route, caller);
  const open = route === "GET /api/events" && caller !== "nobody";
  const url = open ? "/api/events?tenantId=x" : urlOf(route);
  const answer = await api.call(methodOf(route), url, bodyOf(route, ids), headers.get(caller) ?? {});
  return { status: answer.statusCode, detail: answer.body };
}

async function statusOfStream(route: string, caller: Caller) {
  const asked = { url: urlOf(route), headers: headers.get(caller) ?? {}, payloadAsStream: true } as const;
  const answer = await api.app.inject(asked);
  const body = answer.stream();
  if (answer.statusCode >= 400)
    return { status: answer.statusCode, detail: Buffer.concat(await body.toArray()).toString() };
  body.destroy();
  return { status: answer.statusCode, detail: "" };
}

/** What a caller with the right gets for an id that nothing has, or a thing that exists: not a question of rights. */
const reachedTheHandler = (status: number, detail: string): boolean =>
  status < 400 ||
  status === 409 ||
  status === 426 ||
  (status === 400 && detail.includes("/querystring/tenantId")) ||
  /no such (frame|user|MQTT login|downlink|session|second factor)/.test(detail);

const isRead = (route: string): boolean => route.startsWith("GET ") || readsByPost.includes(route);

/** What a device manager of another application gets: what is not theirs is not there, and all else is as it is for others. */
function expectedElsewhere(route: string, allowed: readonly ApiKeyRole[]): readonly (number | "reached")[] {
  if (/\{(applicationId|devEui|gatewayId|integrationId)\}/.test(route)) return [404];
  // Files and sums are of the whole tenant.
  if (/ \/api\/(exports|imports\/)|\{tenantId\}\/(metrics|overview)$/.test(route)) return [403, 404];
  if (!allowed.includes("device-manager")) return route.includes("{apiKeyId}") ? [404] : [403];
  // Profiles are for all applications; what is new would be in the tenant or in an application that is not theirs.
  if (route.startsWith("GET ") || !/tenants|applications|profiles|devices|gateways|integrations/.test(route))
    return ["reached"];
  return [403, 404];
}

describe.each(table)("%s", (route, allowed, foreign) => {
  test.each(callers)("as %s", async caller => {
    ids = await freshIds();
    const { status, detail } = await statusOf(route, caller);
    if (caller === "nobody" || caller === "expired") expect(status).toBe(401);
    else if (caller === "elsewhere") {
      expect(expectedElsewhere(route, allowed), detail).toContain(
        reachedTheHandler(status, detail) ? "reached" : status,
      );
    } else if (caller === "read-only" && isRead(route) && allowed.includes("admin")) {
      expect(reachedTheHandler(status, detail), detail).toBe(true);
    } else if (caller === "read-only") expect(status, detail).toBe(403);
    else if (caller === "foreign admin" && foreign !== "own") expect(status, detail).toBe(foreign);
    else if (caller === "foreign admin" || allowed.includes(caller)) {
      expect(reachedTheHandler(status, detail), detail).toBe(true);
    } else expect(status, detail).toBe(403);
  });
});

test("the table of rights has every route of the OpenAPI document", async () => {
  const document = (await api.call("GET", "/api/openapi.json")).json<{ paths: Record<string, object> }>();
  const routes = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map(method => `${method.toUpperCase()} ${path}`),
  );
  const open = [
    "POST /api/login",
    "GET /api/login/ways",
    "GET /api/login/oidc",
    "GET /api/login/oidc/callback",
    "GET /api/login/oidc/logout",
    "POST /api/login/oidc/back-channel-logout",
  ];
  const known = [...table.map(([route]) => route), ...open];
  expect(routes.toSorted()).toEqual(known.toSorted());
  expect(api.routes.toSorted(), "a route that the document does not show").toEqual(known.toSorted());
});

test("a route that does not declare a right stops the start", async () => {
  const app = fastify();
  app.register(async scope => {
    addRules(scope, api.deps);
    scope.get("/forgotten", async () => "open");
  });
  await expect(app.ready()).rejects.toThrow("/forgotten does not declare who may use it");
});

test("lists show a tenant's own things only", async () => {
  ids = await freshIds();
  const asForeign = headers.get("foreign admin")!;
  for (const list of [
    "tenants",
    "applications",
    "device-profiles",
    "devices",
    "gateways",
    "api-keys",
    "integrations",
  ]) {
    const { items } = (await api.call("GET", `/api/${list}`, undefined, asForeign)).json<{ items: object[] }>();
    expect(JSON.stringify(items)).not.toContain(ours.tenant.id);
    const named = await api.call("GET", `/api/${list}?tenantId=${ours.tenant.id}`, undefined, asForeign);
    expect(named.statusCode).toBe(list === "tenants" ? 400 : 404);
  }
  const byApplication = await api.call(
    "GET",
    `/api/devices?applicationId=${ours.application.id}`,
    undefined,
    asForeign,
  );
  expect(byApplication.statusCode).toBe(404);
  const stream = await api.call("GET", `/api/events?devEui=${ours.device.devEui}`, undefined, asForeign);
  expect(stream.statusCode).toBe(404);
});

test("a device cannot be put into or moved to another tenant", async () => {
  ids = await freshIds();
  const { items } = await api.repositories.deviceProfiles.list({ tenants: "all" }, { limit: 10 });
  const deviceProfileId = items.find(profile => profile.name === "theirs profile")?.id;
  const asDeviceManager = headers.get("device-manager");
  const { applicationId } = ids;
  const body = { devEui: "00000000000000ff", applicationId, deviceProfileId, name: "spy" };
  const added = await api.call("POST", "/api/devices", body, asDeviceManager);
  expect(added.json()).toMatchObject({ status: 409, code: "different_tenant" });
  const moved = await api.call("PATCH", `/api/devices/${ours.device.devEui}`, { deviceProfileId }, asDeviceManager);
  expect(moved.json()).toMatchObject({ status: 409, code: "different_tenant" });
});

test("a tenant's admin makes no key that reaches beyond the tenant", async () => {
  const asAdmin = headers.get("admin");
  const answer = await api.call("POST", "/api/api-keys", { name: "all", role: "administrator" }, asAdmin);
  expect(answer.statusCode).toBe(403);
  const mixed = { name: "all", role: "administrator", tenantId: ours.tenant.id };
  expect((await api.call("POST", "/api/api-keys", mixed, asAdmin)).statusCode).toBe(422);
});

test("an API key that was deleted or never was opens nothing", async () => {
  for (const token of ["upc_unknown", "upl_unknown", "x".repeat(5000), ""]) {
    const answer = await api.call("GET", "/api/me", undefined, { authorization: `Bearer ${token}` });
    expect(answer.statusCode).toBe(401);
    expect(answer.headers["www-authenticate"]).toBe("Bearer");
  }
});
