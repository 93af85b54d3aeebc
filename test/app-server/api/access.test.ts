import fastify from "fastify";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { addRules } from "../../../app-server/api/api.ts";
import { type ApiKeyRole, apiKeyRoles, type NewApiKey } from "../../../app-server/catalog-ports.ts";
import type { NewImport } from "../../../app-server/import-ports.ts";
import { parseDevEui, parseGatewayId, type TenantId } from "../../../lorawan/ids.ts";
import { type Method, startTestApi, type TestApi } from "../../support/api.ts";
import { bodyOf, readsByPost } from "../../support/api-bodies.ts";
import { addTenantWithDevice, type TenantWithDevice } from "../../support/catalog.ts";
import { raisedAlert } from "../../support/raised-alert.ts";
import { routeRights } from "../support/route-rights.ts";

/** Besides roles: an admin's key for reading only, an expired one, a device manager of another application alone. */
type Caller = ApiKeyRole | "foreign admin" | "nobody" | "read-only" | "expired" | "elsewhere";
const callers: readonly Caller[] = [...apiKeyRoles, "foreign admin", "nobody", "read-only", "expired", "elsewhere"];

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
    regionConfigId: "eu868",
    username: "none",
    itemId: "none",
    sessionId: nobody,
    alertId: await raisedAlert(api.sql, tenant.id, application.id),
    kind: "replay",
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
  if (/\{(applicationId|devEui|gatewayId|integrationId|alertId)\}/.test(route)) return [404];
  // Files and sums are of the whole tenant.
  if (/ \/api\/(exports|imports\/)|(api|\{tenantId\})\/(metrics|overview)$/.test(route)) return [403, 404];
  if (!allowed.includes("device-manager")) return route.includes("{apiKeyId}") ? [404] : [403];
  // Profiles are for all applications; what is new would be in the tenant or in an application that is not theirs.
  if (
    route.startsWith("GET ") ||
    route.includes("/generate-") ||
    !/tenants|applications|profiles|devices|gateways|integrations/.test(route)
  )
    return ["reached"];
  return [403, 404];
}

describe.each(routeRights)("%s", (route, allowed, foreign) => {
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
  const known = [...routeRights.map(([route]) => route), ...open];
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
