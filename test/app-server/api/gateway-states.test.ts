import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseGatewayId } from "../../../lorawan/ids.ts";
import { downlinkFrame, gatewayOf } from "../../platform/frames/records.ts";
import { startTestApi, type TestApi } from "../../support/api.ts";
import { addTenantWithDevice, type TenantWithDevice } from "../../support/catalog.ts";
import { startHistory } from "../history/support.ts";

let api: TestApi;
let ours: TenantWithDevice;
let theirs: TenantWithDevice;

beforeAll(async () => {
  api = await startTestApi();
  ours = await addTenantWithDevice(api.repositories, "ours", "0000000000000001");
  theirs = await addTenantWithDevice(api.repositories, "theirs", "0000000000000002");
});
afterAll(() => api.end());

const summary = {
  registered: true,
  firstSeenAtMs: 1_000,
  lastSeenAtMs: 2_000,
  remoteAddress: "127.0.0.1",
  counts: { uplinks: 1, downlinks: 0, downlinkFailures: 0, refused: 0 },
};
const viewer = () => api.keyFor("viewer", ours.tenant.id);

test("the states of gateways say where each is and whether it is there, of one's own alone", async () => {
  const add = (id: string, tenantId: string, more: object = {}) =>
    api.call("POST", "/api/gateways", { gatewayId: id, tenantId, name: id, ...more });
  await add("00000000000000a1", ours.tenant.id, { location: { latitude: 1, longitude: 2, altitude: 3 } });
  await add("00000000000000a2", ours.tenant.id);
  await add("00000000000000a3", ours.tenant.id);
  await add("00000000000000a4", theirs.tenant.id);
  const [one, two] = [parseGatewayId("00000000000000a1"), parseGatewayId("00000000000000a2")];
  const told = { latitude: 7, longitude: 8, altitude: 9 };
  api.control.heard.set(one, { ...summary, gatewayId: one, online: true, location: told });
  api.control.heard.set(two, { ...summary, gatewayId: two, online: false, location: told });
  const { items } = (await api.call("GET", "/api/gateways/states", undefined, await viewer())).json();
  expect(items).toMatchObject([
    { gatewayId: one, state: "online", lastSeenAt: "1970-01-01T00:00:02.000Z", location: { latitude: 1 } },
    { gatewayId: two, state: "offline", location: told },
    { gatewayId: "00000000000000a3", state: "never-seen", lastSeenAt: null, location: null },
  ]);
  for (const [state, found] of [
    ["online", [one]],
    ["offline", [two]],
    ["never-seen", ["00000000000000a3"]],
  ] as const) {
    const narrowed = await api.call("GET", `/api/gateways/states?state=${state}`, undefined, await viewer());
    expect(narrowed.json().items.map(({ gatewayId }: { gatewayId: string }) => gatewayId)).toEqual(found);
  }
  const page = (await api.call("GET", "/api/gateways/states?limit=1&sort=-name", undefined, await viewer())).json();
  expect(page.items).toMatchObject([{ gatewayId: "00000000000000a3" }]);
  expect(page.next).toBeDefined();
});

describe("the airtime of a gateway", () => {
  const gatewayId = gatewayOf(1);

  test("is summed up by sub-band, with what the region allows, of what it sent itself", async () => {
    await api.call("POST", "/api/gateways", { gatewayId, tenantId: ours.tenant.id, name: "roof" });
    const nowMs = api.clock.nowMs();
    const subject = {
      tenantId: ours.tenant.id,
      applicationId: ours.application.id,
      devEui: ours.device.devEui,
    };
    const lora = { bandwidth: 125_000, spreadingFactor: 12, codeRate: "CR_4_5" };
    const rx2 = { frequency: 869_525_000, modulation: { lora } };
    const { frameWriter } = startHistory(api.sql);
    await frameWriter.write([
      downlinkFrame(1, { subject, atMs: nowMs - 1000 }),
      downlinkFrame(2, {
        subject,
        atMs: nowMs - 2000,
        txInfo: rx2,
        attempts: [{ gatewayId, window: "RX2", status: "OK" }],
      }),
      downlinkFrame(3, {
        atMs: nowMs - 3000,
        attempts: [
          { gatewayId, window: "RX1", status: "TOO_LATE" },
          { gatewayId: gatewayOf(2), window: "RX1", status: "OK" },
        ],
      }),
      downlinkFrame(4, { atMs: nowMs - 3_700_000 }),
      downlinkFrame(5, {
        atMs: nowMs - 4000,
        outcome: "failed",
        attempts: [{ gatewayId, window: "RX1", status: "TOO_LATE" }],
      }),
    ]);
    const url = `/api/gateways/${gatewayId}/airtime`;
    const all = (await api.call("GET", url)).json();
    expect(all).toMatchObject({ region: "EU868", isWhole: true, otherAirtimeMs: 0 });
    const used = all.subBands.filter((band: { airtimeMs: number }) => band.airtimeMs > 0);
    // 12 bytes at SF7 and at SF12, by the calculator of Semtech.
    expect(used).toEqual([
      { fromHz: 868_000_000, toHz: 868_600_000, dutyCycle: 0.01, airtimeMs: 41.216, budgetMs: 36_000 },
      { fromHz: 869_400_000, toHz: 869_650_000, dutyCycle: 0.1, airtimeMs: 991.232, budgetMs: 360_000 },
    ]);
    expect(all.transmissions).toMatchObject([
      { frequency: 868_100_000, durationMs: 41.216, window: "RX1" },
      { frequency: 869_525_000, durationMs: 991.232, window: "RX2" },
    ]);
    // What it sent before it was registered is not this tenant's to see.
    expect((await api.call("GET", url, undefined, await viewer())).json()).toMatchObject({ transmissions: [] });
  });
});
