import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestApi, type TestApi } from "../../support/api.ts";

let api: TestApi;
let tenantId: string;
let administrator: Readonly<Record<string, string>>;
beforeAll(async () => {
  api = await startTestApi();
  administrator = await api.keyFor("administrator", null);
  tenantId = (await api.call("POST", "/api/tenants", { name: "Acme" })).json<{ id: string }>().id;
});
afterAll(() => api.end());

const post = (path: string, key: string, body: object, caller = administrator) =>
  api.call("POST", path, body, { ...caller, "idempotency-key": key });

async function applicationsNamed(name: string): Promise<number> {
  const list = await api.call("GET", `/api/applications?search=${name}`);
  return list.json<{ items: unknown[] }>().items.length;
}

describe("a POST with an Idempotency-Key", () => {
  test("is carried out once, and a repeat gets the same answer", async () => {
    const body = { tenantId, name: "once" };
    const first = await post("/api/applications", "k1", body);
    const second = await post("/api/applications", "k1", body);
    expect(first.statusCode).toBe(201);
    expect(second).toMatchObject({ statusCode: 201, body: first.body });
    expect(second.headers["idempotent-replayed"]).toBe("true");
    expect(first.headers["idempotent-replayed"]).toBeUndefined();
    expect(await applicationsNamed("once")).toBe(1);
  });

  test("that is sent twice at once is carried out once", async () => {
    const body = { tenantId, name: "together" };
    const answers = await Promise.all([1, 2, 3].map(() => post("/api/applications", "k2", body)));
    for (const { statusCode } of answers) expect([201, 409]).toContain(statusCode);
    expect(await applicationsNamed("together")).toBe(1);
  });

  test("is refused when the key was for another request, and not when it was another caller's", async () => {
    await post("/api/applications", "k3", { tenantId, name: "mine" });
    const other = await post("/api/applications", "k3", { tenantId, name: "not mine" });
    expect(other.json()).toMatchObject({ status: 422, code: "invalid_value" });
    const someoneElse = await api.keyFor("administrator", null);
    expect((await post("/api/applications", "k3", { tenantId, name: "theirs" }, someoneElse)).statusCode).toBe(201);
  });

  test("that failed can be sent again", async () => {
    const body = { tenantId, name: "sensor", region: "MARS" };
    expect((await post("/api/device-profiles", "k4", body)).statusCode).toBe(400);
    const corrected = { ...body, region: "EU868" };
    expect((await post("/api/device-profiles", "k4", corrected)).statusCode).toBe(201);
    const gateway = { gatewayId: "00000000000000aa", tenantId, name: "roof" };
    await api.call("POST", "/api/gateways", gateway);
    expect((await post("/api/gateways", "k5", gateway)).statusCode).toBe(409);
    await api.call("DELETE", "/api/gateways/00000000000000aa");
    expect((await post("/api/gateways", "k5", gateway)).statusCode).toBe(201);
  });

  test("that a crash cut off is not carried out again by itself", async () => {
    const { id } = (await api.call("GET", "/api/me", undefined, administrator)).json<{ id: string }>();
    const body = { tenantId, name: "cut off" };
    const asked = JSON.stringify(["POST", "/api/applications", body]);
    await api.repositories.idempotencyKeys.begin(`api-key ${id}`, "k6", asked);
    expect((await post("/api/applications", "k6", body)).json()).toMatchObject({ status: 409, code: "conflict" });
    await api.clock.advance(24 * 3600 * 1000 + 1);
    expect((await post("/api/applications", "k6", body)).statusCode).toBe(201);
  });

  test("never shows a secret twice", async () => {
    const body = { tenantId, name: "dashboard", role: "viewer" };
    const first = await post("/api/api-keys", "k7", body);
    expect(first.json()).toHaveProperty("token");
    const second = await post("/api/api-keys", "k7", body);
    expect(second.json()).toMatchObject({ status: 409, code: "conflict" });
    expect(await api.call("GET", "/api/api-keys?search=dashboard").then(list => list.json().items)).toHaveLength(1);
  });

  test("is refused with a key that is none", async () => {
    const answer = await post("/api/applications", "x".repeat(256), { tenantId, name: "long" });
    expect(answer.json()).toMatchObject({ status: 400, code: "invalid_request" });
  });
});
