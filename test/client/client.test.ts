import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { ApiProblem, allItems, type Client, createClient, dataOf, type Schemas } from "../../client/client.ts";
import { startTestApi, type TestApi } from "../support/api.ts";
import { addTenantWithDevice, type TenantWithDevice } from "../support/catalog.ts";

let api: TestApi;
let ours: TenantWithDevice;
let client: Client;
let url: string;
beforeAll(async () => {
  api = await startTestApi();
  ours = await addTenantWithDevice(api.repositories, "ours", "0000000000000001");
  url = await api.app.listen({ host: "127.0.0.1", port: 0 });
  client = createClient({ url, token: await tokenOf("administrator") });
});
afterAll(() => api.end());

async function tokenOf(role: "administrator" | "viewer"): Promise<string> {
  const tenantId = role === "viewer" ? ours.tenant.id : null;
  return (await api.repositories.apiKeys.create({ tenantId, name: role, role, expiresAt: null })).token;
}

describe("the client", () => {
  test("makes, reads and changes records", async () => {
    const body = { tenantId: ours.tenant.id, name: "Greenhouses" };
    const made: Schemas["Application"] = dataOf(await client.POST("/api/applications", { body }));
    const params = { path: { applicationId: made.id } };
    const { data, response } = await client.GET("/api/applications/{applicationId}", { params });
    expect(data).toEqual(made);
    const changed = await client.PATCH("/api/applications/{applicationId}", {
      params: { ...params, header: { "If-Match": response.headers.get("etag") ?? "" } },
      body: { description: "Tomatoes." },
    });
    expect(dataOf(changed)).toMatchObject({ id: made.id, description: "Tomatoes." });
  });

  test("gives refusals as problems, and throws them where data is asked for", async () => {
    const answer = await client.GET("/api/devices/{devEui}", { params: { path: { devEui: "00000000000000ff" } } });
    expect(answer.error).toMatchObject({ status: 404, code: "not_found" });
    expect(() => dataOf(answer)).toThrow(ApiProblem);
    expect(() => dataOf(answer)).toThrow("There is no such device.");
  });

  test("reads a list over all of its pages", async () => {
    for (const name of ["a", "b", "c"]) {
      dataOf(await client.POST("/api/applications", { body: { tenantId: ours.tenant.id, name, tags: { many: "" } } }));
    }
    const names: string[] = [];
    const query = { limit: 1, tag: "many=", sort: "-name" } as const;
    for await (const { name } of allItems(page =>
      client.GET("/api/applications", { params: { query: { ...query, ...page } } }),
    )) {
      names.push(name);
    }
    expect(names).toEqual(["c", "b", "a"]);
  });

  test("follows live events until it is told to stop, and goes on where it was", async () => {
    const stop = new AbortController();
    const events = client.events({ devEui: ours.device.devEui, kind: ["up", "join"] }, { signal: stop.signal });
    const first = events.next();
    await vi.waitUntil(() => api.feed.listeners.size > 0, { timeout: 20_000 });
    const { tenantId, applicationId, devEui } = { ...ours.device, tenantId: ours.tenant.id };
    for (const kind of ["log", "up"] as const) {
      api.feed.emit({ kind, tenantId, applicationId, devEui, json: '{"fCnt":1}' });
    }
    const { value } = await first;
    expect(value).toMatchObject({ kind: "up", content: { fCnt: 1 } });
    stop.abort();
    await expect(events.next()).rejects.toThrow();
    api.feed.emit({ kind: "up", tenantId, applicationId, devEui, json: '{"fCnt":2}' });
    const later = client.events({ devEui }, { lastEventId: value?.id ?? "" });
    expect((await later.next()).value).toMatchObject({ kind: "up", content: { fCnt: 2 } });
    await later.return(undefined);
  });

  test("is refused what its key may not see", async () => {
    const viewer = createClient({ url, token: await tokenOf("viewer") });
    await expect(viewer.events({ devEui: "00000000000000ff" }).next()).rejects.toThrow("There is no such device.");
    const { error } = await viewer.POST("/api/tenants", { body: { name: "Mine" } });
    expect(error?.code).toBe("forbidden");
  });
});
