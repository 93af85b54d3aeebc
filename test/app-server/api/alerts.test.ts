import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { AlertStep, AlertSubject } from "../../../app-server/alert-ports.ts";
import { alertKinds } from "../../../app-server/alert-ports.ts";
import { ruleOf } from "../../../app-server/alert-rule-ports.ts";
import { createAlertStore } from "../../../app-server/storage/alerts.ts";
import { startTestApi, type TestApi } from "../../support/api.ts";
import { addTenantWithDevice, type TenantWithDevice } from "../../support/catalog.ts";

let api: TestApi;
let ours: TenantWithDevice;
beforeAll(async () => {
  api = await startTestApi();
  ours = await addTenantWithDevice(api.repositories, "ours", "0102030405060708");
});
afterAll(() => api.end());
beforeEach(async () => {
  await api.sql.run("delete from alerts");
  await api.sql.run("delete from alert_conditions");
});

let raised = 0;
/** Raised one after the other. */
async function raise(subject: Partial<AlertSubject> = {}): Promise<string> {
  const store = createAlertStore(api.sql);
  const whole: AlertSubject = {
    tenantId: ours.tenant.id,
    applicationId: ours.application.id,
    kind: "battery-low",
    type: "device",
    id: ours.device.devEui,
    ...subject,
  };
  const rule = ruleOf(whole.kind, undefined);
  const step = (): AlertStep => ({
    condition: { value: 5, times: [], isRaised: true },
    transition: { kind: "raise", value: 5, rule, details: { batteryLevel: 5 } },
  });
  await store.change([whole], Date.UTC(2026, 0, 1) + ++raised * 1000, step);
  const [alert] = (await list("")).items;
  return alert?.id ?? "";
}

interface Listed {
  readonly items: readonly { readonly id: string; readonly kind: string; readonly state: string }[];
  readonly next?: string;
}
const list = async (query: string, headers?: Readonly<Record<string, string>>): Promise<Listed> =>
  (await api.call("GET", `/api/alerts${query}`, undefined, headers)).json();

test("an alert says what is wrong with what, since when, and what to do", async () => {
  const id = await raise();
  expect((await api.call("GET", `/api/alerts/${id}`)).json()).toMatchObject({
    kind: "battery-low",
    state: "raised",
    severity: "warning",
    subject: { type: "device", id: ours.device.devEui, name: ours.device.name },
    title: "A battery is low",
    value: 5,
    threshold: 20,
    whatToDo: expect.stringContaining("change the battery"),
    clearedAt: null,
  });
});

test("alerts are listed newest first, by page and by what they are", async () => {
  const ids: string[] = [];
  for (const kind of ["battery-low", "replay", "join-failures"] as const) ids.push(await raise({ kind }));
  const first = await list("?limit=2");
  expect(first.items.map(({ id }) => id)).toEqual(ids.toReversed().slice(0, 2));
  const second = await list(`?limit=2&after=${first.next}`);
  expect(second.items.map(({ id }) => id)).toEqual(ids.slice(0, 1));
  expect(second.next).toBeUndefined();
  expect((await list("?kind=replay")).items.map(({ kind }) => kind)).toEqual(["replay"]);
  await createAlertStore(api.sql).change(
    [{ tenantId: ours.tenant.id, applicationId: null, kind: "replay", type: "device", id: ours.device.devEui }],
    Date.UTC(2026, 0, 2),
    () => ({ condition: undefined, transition: { kind: "clear" } }),
  );
  expect((await list("?state=cleared")).items.map(({ kind }) => kind)).toEqual(["replay"]);
  expect((await list("?state=open")).items.map(({ kind }) => kind)).toEqual(["join-failures", "battery-low"]);
  expect((await list(`?subject=${ours.device.devEui.toUpperCase()}&severity=warning`)).items).toHaveLength(3);
  expect((await list("?since=2027-01-01T00:00:00Z")).items).toEqual([]);
  expect((await api.call("GET", "/api/alerts?after=nonsense")).statusCode).toBe(200);
});

test("whoever looks after it says so, once, with the right to what it is about", async () => {
  const [device, gateway] = [
    await raise(),
    await raise({ kind: "noise", type: "gateway", id: "00000000000000aa", applicationId: null }),
  ];
  const as = async (role: "viewer" | "device-manager" | "gateway-manager", id: string) =>
    (
      await api.call(
        "POST",
        `/api/alerts/${id}/acknowledge`,
        { note: "Ben is on his way." },
        await api.keyFor(role, ours.tenant.id),
      )
    ).statusCode;
  expect(await as("viewer", device)).toBe(403);
  expect(await as("gateway-manager", device)).toBe(403);
  expect(await as("device-manager", gateway)).toBe(403);
  expect(await as("gateway-manager", gateway)).toBe(200);
  expect(await as("device-manager", device)).toBe(200);
  expect(await as("device-manager", device)).toBe(409);
  expect((await api.call("GET", `/api/alerts/${device}`)).json()).toMatchObject({
    state: "acknowledged",
    acknowledgedBy: "device-manager",
    note: "Ben is on his way.",
  });
});

test("who is limited to some applications sees the alerts of these", async () => {
  const { id } = await api.repositories.applications.create({
    tenantId: ours.tenant.id,
    name: "other",
    description: "",
    tags: {},
  });
  await raise();
  await raise({ kind: "noise", type: "gateway", id: "00000000000000aa", applicationId: null });
  const key = async (applicationId: string) => {
    const more = { applicationIds: [applicationId === id ? id : ours.application.id] };
    const { token } = await api.repositories.apiKeys.create({
      tenantId: ours.tenant.id,
      name: "k",
      role: "viewer",
      expiresAt: null,
      ...more,
    });
    return { authorization: `Bearer ${token}` };
  };
  expect((await list("", await key(ours.application.id))).items.map(({ kind }) => kind)).toEqual(["battery-low"]);
  expect((await list("", await key(id))).items).toEqual([]);
});

test("rules are the program's until a tenant changes them, and again when it takes them back", async () => {
  const path = `/api/tenants/${ours.tenant.id}/alert-rules`;
  const rules = async () => (await api.call("GET", path)).json().items;
  expect((await rules()).map(({ kind }: { kind: string }) => kind)).toEqual([...alertKinds]);
  const changed = await api.call("PATCH", `${path}/battery-low`, { raise: 30, clear: 40 });
  expect(changed.json()).toMatchObject({ kind: "battery-low", raise: 30, clear: 40, isEnabled: true, isChanged: true });
  await api.call("PATCH", `${path}/battery-low`, { severity: "critical" });
  expect((await rules())[2]).toMatchObject({ raise: 30, clear: 40, severity: "critical" });
  const crossed = await api.call("PATCH", `${path}/battery-low`, { clear: 10 });
  expect(crossed.json()).toMatchObject({ status: 422, errors: [{ path: "/body/clear" }] });
  expect((await api.call("PATCH", `${path}/noise`, { clear: 90 })).statusCode).toBe(422);
  expect((await api.call("PATCH", `${path}/nothing`, { raise: 1 })).statusCode).toBe(400);
  expect((await api.call("DELETE", `${path}/battery-low`)).statusCode).toBe(204);
  expect((await rules())[2]).toMatchObject({
    raise: 20,
    clear: 30,
    severity: "warning",
    isLow: true,
    counts: false,
    isChanged: false,
  });
});

test("an integration by e-mail gets alerts unless it says something else", async () => {
  const settings = { host: "mail.example.org", from: "upchirp@example.org", to: ["ada@example.org"] };
  const add = async (more: object) =>
    (
      await api.call("POST", "/api/integrations", {
        tenantId: ours.tenant.id,
        kind: "email",
        name: "mail",
        settings,
        ...more,
      })
    ).json();
  expect((await add({})).filter.events).toEqual(["alert"]);
  expect((await add({ filter: { events: ["join"] } })).filter.events).toEqual(["join"]);
});
