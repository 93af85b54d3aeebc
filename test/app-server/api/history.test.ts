import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { csvLine } from "../../../app-server/api/csv.ts";
import type { ApplicationEvent } from "../../../app-server/ports.ts";
import type { TenantId } from "../../../lorawan/ids.ts";
import { downlinkFrame, gatewayOf, uplinkFrame } from "../../platform/frames/records.ts";
import { startTestApi, type TestApi } from "../../support/api.ts";
import { addTenantWithDevice, type TenantWithDevice } from "../../support/catalog.ts";
import { startHistory, startMs, testEvent, upTo } from "../history/support.ts";

let api: TestApi;
let ours: TenantWithDevice;
let theirs: TenantWithDevice;
const gatewayId = gatewayOf(1);

const of = ({ tenant, application, device }: TenantWithDevice, event: ApplicationEvent): ApplicationEvent => ({
  ...event,
  tenantId: tenant.id,
  applicationId: application.id,
  devEui: device.devEui,
});
const subjectOf = ({ tenant, application, device }: TenantWithDevice) => ({
  subject: { tenantId: tenant.id, applicationId: application.id, devEui: device.devEui },
});

beforeAll(async () => {
  api = await startTestApi();
  ours = await addTenantWithDevice(api.repositories, "ours", "0000000000000001");
  theirs = await addTenantWithDevice(api.repositories, "theirs", "0000000000000002");
  await api.call("POST", "/api/gateways", { gatewayId, tenantId: ours.tenant.id, name: "roof" });
  const { keeper, frameWriter } = startHistory(api.sql);
  await keeper.keep([
    ...upTo(5).map(n => of(ours, testEvent(n))),
    of(ours, testEvent(5, { kind: "log", body: { description: '=HYPERLINK("x"), "y"' } })),
    of(theirs, testEvent(6)),
    // The same device while it was another tenant's.
    { ...of(theirs, testEvent(7)), devEui: ours.device.devEui },
  ]);
  const now = Date.now() + 1000;
  await frameWriter.write([
    uplinkFrame(1, {
      ...subjectOf(ours),
      atMs: now + 1,
      rxInfo: [
        { gatewayId, uplinkId: 1 },
        { gatewayId: gatewayOf(2), uplinkId: 2 },
      ],
    }),
    uplinkFrame(2, {
      ...subjectOf(theirs),
      atMs: now + 2,
      rxInfo: [{ gatewayId, uplinkId: 3 }],
      deduplicationId: "secret",
    }),
    downlinkFrame(3, {
      ...subjectOf(ours),
      atMs: now + 3,
      attempts: [{ gatewayId, window: "RX1", status: "TOO_LATE" }],
    }),
    // Heard before the gateway was registered.
    uplinkFrame(4, { ...subjectOf(theirs), atMs: startMs, rxInfo: [{ gatewayId, uplinkId: 4 }] }),
  ]);
});
afterAll(() => api.end());

const viewer = (tenantId: TenantId) => api.keyFor("viewer", tenantId);
const get = async (url: string, headers?: Readonly<Record<string, string>>) => {
  const answer = await api.call("GET", url, undefined, headers ?? (await viewer(ours.tenant.id)));
  return { status: answer.statusCode, headers: answer.headers, text: answer.body, json: () => answer.json() };
};
const counters = (items: readonly { readonly content: { readonly fCnt?: number } }[]) =>
  items.map(({ content }) => content.fCnt);

describe("the history of events", () => {
  test("has what the caller may see, newest first, on pages", async () => {
    const first = (await get("/api/events/history?limit=4")).json();
    expect(counters(first.items)).toEqual([undefined, 4, 3, 2]);
    expect(first.items[1]).toMatchObject({
      kind: "up",
      devEui: ours.device.devEui,
      tenantId: ours.tenant.id,
      time: new Date(startMs + 4).toISOString(),
      content: JSON.parse(testEvent(4).json),
    });
    const second = (await get(`/api/events/history?limit=4&after=${first.next}`)).json();
    expect(counters(second.items)).toEqual([1, 0]);
    expect(second.next).toBeUndefined();
  });

  test("of a device has nothing of what it sent as another tenant's", async () => {
    const { items } = (await get(`/api/devices/${ours.device.devEui}/events`)).json();
    expect(items).toHaveLength(6);
    const whole = (await get("/api/events/history", await api.keyFor("administrator", null))).json();
    expect(whole.items).toHaveLength(8);
  });

  test("is searched by every parameter, each strictly checked", async () => {
    const query = "kind=log&code=OTAA&text=hyperlink&since=2026-01-01T00:00:00Z&until=2026-01-01T00:00:00.006Z";
    const { items } = (await get(`/api/devices/${ours.device.devEui}/events?${query}`)).json();
    expect(items).toHaveLength(1);
    expect((await get(`/api/events/history?gatewayId=${gatewayId}&devAddr=01020304`)).json().items).toHaveLength(5);
    for (const wrong of ["kind=rumour", "code=x", "since=yesterday", "text=", "after=x", "other=1"]) {
      expect((await get(`/api/events/history?${wrong}`)).status, wrong).toBe(400);
    }
    expect((await get("/api/events/history?since=2026-13-01T00:00:00Z")).status).toBe(422);
    expect((await get(`/api/events/history?devEui=${theirs.device.devEui}`)).status).toBe(404);
    expect((await get(`/api/events/history?applicationId=${theirs.application.id}`)).status).toBe(404);
  });

  test("is downloaded as JSON lines", async () => {
    const { text, headers } = await get(`/api/devices/${ours.device.devEui}/events/export`);
    expect(headers["content-type"]).toBe("application/jsonl");
    const lines = text
      .trimEnd()
      .split("\n")
      .map(line => JSON.parse(line));
    expect(lines).toEqual((await get(`/api/devices/${ours.device.devEui}/events`)).json().items);
  });

  test("is downloaded as a table", async () => {
    const { text, headers } = await get("/api/events/history/export?format=csv&kind=log");
    expect(headers["content-disposition"]).toBe('attachment; filename="events.csv"');
    const [names, line, end] = text.split("\r\n");
    expect(names).toBe("time,kind,devEui,applicationId,tenantId,id,content");
    expect(line?.startsWith(`2026-01-01T00:00:00.005Z,log,${ours.device.devEui},`)).toBe(true);
    expect(end).toBe("");
  });
});

test.each([
  ["=1+1", `"'=1+1"`],
  ["+49", `"'+49"`],
  ["-5", `"'-5"`],
  ["@SUM(A1)", `"'@SUM(A1)"`],
  ["\t=1", `"'\t=1"`],
  ["\r=1", `"'\r=1"`],
  ['say "so"', '"say ""so"""'],
  ["a,b", '"a,b"'],
  ["a=b", "a=b"],
])("the cell %j of a table is no formula and one cell", (cell, written) => {
  expect(csvLine([cell, "x"])).toBe(`${written},x\r\n`);
});

describe("the history of frames", () => {
  test("of a device has each frame with all that is known of it", async () => {
    const { items } = (await get(`/api/devices/${ours.device.devEui}/frames`)).json();
    expect(items).toMatchObject([
      {
        direction: "down",
        outcome: "sent",
        attempts: [{ gatewayId, window: "RX1", status: "TOO_LATE" }],
        delayMs: 1000,
      },
      { direction: "up", verdict: "accepted", rxInfo: [{ gatewayId }, { gatewayId: gatewayOf(2) }], fCnt: 1 },
    ]);
    const some = await get(`/api/devices/${ours.device.devEui}/frames?direction=up&result=accepted&limit=1`);
    expect(some.json().items).toHaveLength(1);
    expect((await get(`/api/devices/${ours.device.devEui}/frames?result=replay`)).json().items).toEqual([]);
  });

  test("of a gateway has its own receptions since it is the tenant's, and keeps others' devices to itself", async () => {
    const { items } = (await get(`/api/gateways/${gatewayId}/frames`)).json();
    expect(items.map(({ devEui }: { devEui?: string }) => devEui)).toEqual([
      ours.device.devEui,
      undefined,
      ours.device.devEui,
    ]);
    expect(items[2].rxInfo).toEqual([{ gatewayId, uplinkId: 1 }]);
    expect(JSON.stringify(items)).not.toContain("secret");
    const page = (await get(`/api/gateways/${gatewayId}/frames?limit=2`)).json();
    expect((await get(`/api/gateways/${gatewayId}/frames?limit=2&after=${page.next}`)).json().items).toEqual([
      items[2],
    ]);
    const whole = (await get(`/api/gateways/${gatewayId}/frames`, await api.keyFor("administrator", null))).json();
    expect(whole.items).toHaveLength(4);
    expect(whole.items[1]).toMatchObject({ devEui: theirs.device.devEui, deduplicationId: "secret" });
  });

  test("is downloaded as JSON lines and as a table", async () => {
    const lines = (await get(`/api/gateways/${gatewayId}/frames/export`)).text.trimEnd().split("\n");
    expect(lines).toHaveLength(3);
    const table = (await get(`/api/devices/${ours.device.devEui}/frames/export?format=csv`)).text.split("\r\n");
    expect(table).toHaveLength(4);
    expect(table[0]).toContain("phyPayload");
  });
});

test("limits of a tenant are read by its members and set by administrators; null is what the configuration says", async () => {
  const url = `/api/tenants/${ours.tenant.id}/history`;
  const before = (await get(url)).json();
  expect(before).toMatchObject({
    own: { eventDays: null },
    limits: { eventDays: 30 },
    events: { rows: 6, since: "2026-01-01" },
  });
  const changed = await api.call("PATCH", url, { eventDays: 90, maxMegabytes: 5 });
  expect(changed.json()).toMatchObject({
    own: { eventDays: 90, frameDays: null },
    limits: { eventDays: 90, frameDays: 7, maxMegabytes: 5 },
  });
  const back = await api.call("PATCH", url, { eventDays: null });
  expect(back.json()).toMatchObject({ own: { eventDays: null, maxMegabytes: 5 }, limits: { eventDays: 30 } });
  expect((await api.call("PATCH", url, { eventDays: 0 })).statusCode).toBe(400);
});
