import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestApi, type TestApi } from "../../support/api.ts";
import { addTenantWithDevice, profileFor, type TenantWithDevice } from "../../support/catalog.ts";

let api: TestApi;
let ours: TenantWithDevice;
beforeAll(async () => {
  api = await startTestApi();
  ours = await addTenantWithDevice(api.repositories, "ours", "0000000000000001");
  const theirs = await addTenantWithDevice(api.repositories, "theirs", "0000000000000002");
  const add = (tenantId: typeof ours.tenant.id, name: string, vendorProfileId: number) =>
    api.repositories.deviceProfiles.create({ ...profileFor(tenantId, name), vendorId: 0x02a4, vendorProfileId });
  await add(ours.tenant.id, "single", 1);
  await add(ours.tenant.id, "twice EU868", 2);
  await add(ours.tenant.id, "twice US915", 2);
  await add(theirs.tenant.id, "not ours", 3);
});
afterAll(() => api.end());

const scan = async (text: string) => {
  const headers = await api.keyFor("device-manager", ours.tenant.id);
  return api.call("POST", "/api/devices/qr", { applicationId: ours.application.id, text }, headers);
};
const label = (profileId: string, more = "") => `LW:D0:70B3D57ED0000001:70B3D57ED0001234:${profileId}${more}`;

test("a scanned label becomes a device that can be added, with its profile", async () => {
  const answer = (await scan(label("02A40001", ":OSECRETTOKEN:S4711"))).json();
  expect(answer).toMatchObject({
    device: {
      devEui: "70b3d57ed0001234",
      joinEui: "70b3d57ed0000001",
      applicationId: ours.application.id,
      tags: { serialNumber: "4711" },
    },
    isTaken: false,
    vendorId: 0x02a4,
    vendorProfileId: 1,
    serialNumber: "4711",
    deviceProfiles: [{ name: "single", region: "EU868" }],
  });
  expect(JSON.stringify(answer)).not.toContain("SECRETTOKEN");
  const added = await api.call("POST", "/api/devices", answer.device);
  expect(added.statusCode).toBe(201);
  expect((await scan(label("02A40001"))).json()).toMatchObject({ isTaken: true });
});

test("a label that several profiles fit, or none of the tenant's, leaves the choice", async () => {
  const several = (await scan(label("02A40002"))).json();
  expect(several.device).not.toHaveProperty("deviceProfileId");
  expect(several.deviceProfiles).toHaveLength(2);
  expect((await scan(label("02A40003"))).json()).toMatchObject({ deviceProfiles: [] });
});

test("what is no label is refused with what to do, and nothing is noted", async () => {
  const { length } = (await api.call("GET", "/api/audit-log?limit=1000")).json().items;
  expect((await scan("https://example.com")).json()).toMatchObject({ status: 422, errors: [{ path: "/body/text" }] });
  expect((await scan(label("02A40001", ":C0000"))).json()).toMatchObject({
    detail: expect.stringContaining("scan it again"),
  });
  expect((await api.call("GET", "/api/audit-log?limit=1000")).json().items).toHaveLength(length);
});
