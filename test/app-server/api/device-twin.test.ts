import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createTwinStore } from "../../../app-server/storage/twins.ts";
import { parseDevEui, type TenantId } from "../../../lorawan/ids.ts";
import { startTestApi, type TestApi } from "../../support/api.ts";
import { addTenantWithDevice } from "../../support/catalog.ts";

let api: TestApi;
let tenantId: TenantId;
const devEui = parseDevEui("0102030405060708");
const path = `/api/devices/${devEui}/twin`;
beforeAll(async () => {
  api = await startTestApi();
  tenantId = (await addTenantWithDevice(api.repositories, "one", devEui)).tenant.id;
});
afterAll(() => api.end());
beforeEach(() => api.call("DELETE", path));

const patch = (body: object, headers: Readonly<Record<string, string>> = {}) =>
  api.app.inject({ method: "PATCH", url: path, payload: body, headers });
const withKey = async (more: Readonly<Record<string, string>> = {}) => ({
  ...(await api.keyFor("device-manager", tenantId)),
  ...more,
});

test("a device that nobody desired anything of has an empty twin", async () => {
  const answer = await api.call("GET", path);
  expect(answer.json()).toMatchObject({
    devEui,
    desired: {},
    reported: {},
    delta: {},
    version: { desired: 0, reported: 0 },
    delivery: { state: "in-sync" },
  });
  expect(answer.headers.etag).toBe('"0"');
  expect((await api.call("GET", "/api/devices/ffffffffffffffff/twin")).statusCode).toBe(404);
});

test("changes are merged, each with a time and a version of its own, and what changes nothing is none", async () => {
  const headers = await withKey();
  await patch({ desired: { interval: 600, led: { on: true, level: 3 } } }, headers);
  const answer = await patch({ desired: { led: { level: null } } }, headers);
  const { metadata, ...twin } = answer.json();
  expect(twin).toMatchObject({
    desired: { interval: 600, led: { on: true } },
    delta: { interval: 600, led: { on: true } },
    version: { desired: 2, reported: 0 },
    delivery: { state: "due", attempts: 0 },
  });
  expect(metadata.desired).toEqual({
    interval: { $lastUpdated: "2026-01-01T00:00:00.000Z" },
    led: { on: { $lastUpdated: "2026-01-01T00:00:00.000Z" } },
  });
  expect(answer.headers.etag).toBe('"2"');
  expect((await patch({ desired: { interval: 600 } }, headers)).json()).toMatchObject({ version: { desired: 2 } });
});

test("who decided on an old state is told, by If-Match with 412 and by the version with 409", async () => {
  const headers = await withKey();
  await patch({ desired: { interval: 600 } }, headers);
  expect((await patch({ desired: { interval: 1 }, version: 0 }, headers)).json()).toMatchObject({
    status: 409,
    code: "conflict",
  });
  expect((await patch({ desired: { interval: 1 } }, { ...headers, "if-match": '"0"' })).statusCode).toBe(412);
  expect((await patch({ desired: { interval: 1 } }, { ...headers, "if-match": "nonsense" })).statusCode).toBe(412);
  expect((await patch({ desired: { interval: 2 }, version: 1 }, headers)).statusCode).toBe(200);
  expect((await patch({ desired: { interval: 3 } }, { ...headers, "if-match": '"2"' })).statusCode).toBe(200);
  // What the device says meanwhile is no other desired state.
  const store = createTwinStore(api.sql);
  await store.change([devEui], twin => ({ ...twin, reportedVersion: 7 }));
  expect((await patch({ desired: { interval: 4 } }, { ...headers, "if-match": '"3"' })).statusCode).toBe(200);
});

test("what does not fit is refused with its place, and nothing is changed", async () => {
  const headers = await withKey();
  expect((await patch({ desired: { a: { $b: 1 } } }, headers)).json()).toMatchObject({
    status: 422,
    errors: [{ path: "/body/desired/a/$b" }],
  });
  expect((await patch({ desired: { text: "x".repeat(9000) } }, headers)).json()).toMatchObject({ status: 422 });
  expect((await patch({ reported: { a: 1 } }, headers)).statusCode).toBe(400);
  expect((await api.call("GET", path)).json()).toMatchObject({ desired: {}, version: { desired: 0 } });
});

test("a twin that is forgotten takes its downlink with it", async () => {
  const id = "$twin-1-1";
  await api.queue.enqueue(devEui, { id, fPort: 1, confirmed: false, data: "AA==" });
  await createTwinStore(api.sql).change([devEui], twin => ({
    ...twin,
    delivery: { ...twin.delivery, state: "queued", itemId: id },
  }));
  expect((await api.call("DELETE", path)).statusCode).toBe(204);
  expect(await api.queue.list(devEui)).toEqual([]);
  expect((await api.call("GET", path)).json()).toMatchObject({ desired: {} });
});
