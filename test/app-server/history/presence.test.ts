import { afterAll, beforeAll, expect, test } from "vitest";
import { notePresence, startPresence } from "../../../app-server/history/presence.ts";
import { parseGatewayId } from "../../../lorawan/ids.ts";
import { createLog } from "../../../platform/log.ts";
import { createLocalPeers } from "../../../platform/peers/local.ts";
import { startTestApi, type TestApi } from "../../support/api.ts";
import { addTenantWithDevice, type TenantWithDevice } from "../../support/catalog.ts";

let api: TestApi;
let ours: TenantWithDevice;
const gatewayId = parseGatewayId("00000000000000a1");
const summary = {
  gatewayId,
  registered: true,
  online: true,
  firstSeenAtMs: 0,
  lastSeenAtMs: 0,
  remoteAddress: "127.0.0.1",
  counts: { uplinks: 0, downlinks: 0, downlinkFailures: 0, refused: 0 },
};

beforeAll(async () => {
  api = await startTestApi();
  ours = await addTenantWithDevice(api.repositories, "ours", "0000000000000001");
  await api.call("POST", "/api/gateways", { gatewayId, tenantId: ours.tenant.id, name: "roof" });
});
afterAll(() => api.end());

const at = (minute: number): number => Date.UTC(2026, 0, 1, 0, minute);
const changes = async (since: number) =>
  (await api.call("GET", `/api/gateways/${gatewayId}/presence?since=${new Date(since).toISOString()}`)).json().items;

test("a gateway that comes and goes has an entry for each change, and the one that held at the beginning", async () => {
  const unknown = { ...summary, gatewayId: parseGatewayId("00000000000000ff"), registered: false };
  const note = (minute: number, online: boolean, lastSeen = minute) =>
    notePresence(api.sql, [{ ...summary, online, lastSeenAtMs: at(lastSeen) }, unknown], at(minute));
  await note(0, true);
  await note(1, true);
  // Silent since the second minute, which shows in the fourth.
  await note(4, false, 2);
  await note(5, false, 2);
  await note(9, true);
  expect(await changes(at(0) - 1)).toEqual([
    { at: "2026-01-01T00:00:00.000Z", isOnline: true },
    { at: "2026-01-01T00:02:00.001Z", isOnline: false },
    { at: "2026-01-01T00:09:00.000Z", isOnline: true },
  ]);
  expect(await changes(at(5))).toMatchObject([{ isOnline: false }, { isOnline: true }]);
  expect(await changes(at(60))).toMatchObject([{ isOnline: true }]);
});

test("what is too old goes, but for what still holds", async () => {
  const { clock, control, sql } = api;
  await clock.advance(40 * 86_400_000);
  control.heard.set(gatewayId, { ...summary, lastSeenAtMs: clock.nowMs() });
  const end = startPresence({
    ...{ sql, control, clock, days: 30 },
    peers: createLocalPeers(clock).join(),
    log: createLog({ level: "silent" }),
  });
  await clock.advance(1);
  await end();
  expect(await changes(0)).toEqual([{ at: "2026-01-01T00:09:00.000Z", isOnline: true }]);
});
