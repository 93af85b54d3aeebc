import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestApi, type TestApi } from "../../support/api.ts";
import { addTenantWithDevice, type TenantWithDevice } from "../../support/catalog.ts";

let api: TestApi;
let ours: TenantWithDevice;
beforeAll(async () => {
  api = await startTestApi();
  ours = await addTenantWithDevice(api.repositories, "ours", "0000000000000001");
});
afterAll(() => api.end());

describe("a clone", () => {
  test("of an application has its description and tags, and none of its devices", async () => {
    const url = `/api/applications/${ours.application.id}`;
    await api.call("PATCH", url, { description: "Tomatoes.", tags: { site: "north" } });
    const answer = await api.call("POST", `${url}/clone`, { name: "South" });
    expect(answer.statusCode, answer.body).toBe(201);
    const clone = answer.json<{ id: string }>();
    expect(clone).toMatchObject({
      tenantId: ours.tenant.id,
      name: "South",
      description: "Tomatoes.",
      tags: { site: "north" },
    });
    expect(clone.id).not.toBe(ours.application.id);
    const devices = await api.call("GET", `/api/devices?applicationId=${clone.id}`);
    expect(devices.json<{ items: object[] }>().items).toEqual([]);
  });

  test("of a device profile has everything but the name, and is changed for itself", async () => {
    const url = `/api/device-profiles/${ours.profile.id}`;
    const settings = { codec: "javascript", codecScript: "// decodes", adrMaxDataRate: 3, mac: { rx1DelaySeconds: 5 } };
    const { id: _id, createdAt, updatedAt: _updatedAt, ...original } = (await api.call("PATCH", url, settings)).json();
    const clone = (await api.call("POST", `${url}/clone`, { name: "Like it" })).json();
    expect(clone).toMatchObject({ ...original, ...settings, name: "Like it" });
    expect(clone.createdAt).not.toBe(createdAt);
    await api.call("PATCH", `/api/device-profiles/${clone.id}`, { codecScript: "// another" });
    expect((await api.call("GET", url)).json()).toMatchObject({ codecScript: "// decodes" });
  });

  test("is not made by who is limited to single applications, who makes no application either", async () => {
    const key = await api.call("POST", "/api/api-keys", {
      tenantId: ours.tenant.id,
      name: "limited",
      role: "device-manager",
      applicationIds: [ours.application.id],
    });
    const headers = { authorization: `Bearer ${key.json().token}` };
    for (const url of [`/api/applications/${ours.application.id}`, `/api/device-profiles/${ours.profile.id}`]) {
      expect((await api.call("POST", `${url}/clone`, { name: "Mine" }, headers)).statusCode, url).toBe(403);
    }
  });
});
