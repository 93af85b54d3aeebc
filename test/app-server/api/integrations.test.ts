import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseIntegrationId } from "../../../lorawan/ids.ts";
import { startTestApi, type TestApi } from "../../support/api.ts";
import { addTenantWithDevice, type TenantWithDevice } from "../../support/catalog.ts";

let api: TestApi;
let ours: TenantWithDevice;
let path: string;
const signingKey = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const webhook = { kind: "http", name: "dashboard", settings: { url: "https://example.com/upchirp" } };

beforeAll(async () => {
  api = await startTestApi();
  ours = await addTenantWithDevice(api.repositories, "ours", "0000000000000001");
  const made = await api.call("POST", "/api/integrations", {
    ...webhook,
    applicationId: ours.application.id,
    secrets: { signingKey, headers: { authorization: "Bearer abcdefghij" } },
  });
  expect(made.statusCode, made.body).toBe(201);
  path = `/api/integrations/${made.json().id}`;
});
afterAll(() => api.end());

const letter = async (reason: string, fCnt: number): Promise<void> => {
  await api.sql.run(
    `insert into integration_dead_letters (integration_id, seq, partition, dev_eui, application_id, tenant_id, kind, event,
         size, enqueued_at, reason, message, attempts)
       values ($1, $2, 0, $3, $4, $5, 'up', $6, 10, now(), $7, 'said no', 1)`,
    [
      path.split("/").at(-1),
      fCnt,
      ours.device.devEui,
      ours.application.id,
      ours.tenant.id,
      JSON.stringify({ fCnt }),
      reason,
    ],
  );
};

describe("an integration", () => {
  test("is read back with what it did not say, without its secrets", async () => {
    const { body } = await api.call("GET", path);
    expect(JSON.parse(body)).toMatchObject({
      ...webhook,
      tenantId: ours.tenant.id,
      applicationId: ours.application.id,
      mode: "active",
      format: "chirpstack",
      filter: { events: [], fPorts: [], tags: {} },
      limits: { maxMessages: 100_000, onOverflow: "dead-letter" },
      secretNames: ["headers", "signingKey"],
    });
    const audit = await api.call("GET", "/api/audit-log");
    for (const text of [body, audit.body, JSON.stringify(api.logged)]) {
      expect(text).not.toContain(signingKey);
      expect(text).not.toContain("abcdefghij");
    }
  });

  test("keeps members of filter, limits and secrets that a change does not name", async () => {
    await api.call("PATCH", path, { filter: { events: ["up"] }, limits: { maxMessages: 5 } });
    const changed = await api.call("PATCH", path, { filter: { fPorts: [2] }, secrets: { headers: null } });
    expect(changed.json()).toMatchObject({
      filter: { events: ["up"], fPorts: [2] },
      limits: { maxMessages: 5, maxAgeHours: 168 },
      secretNames: ["signingKey"],
    });
    expect(await api.repositories.integrations.secrets(parseIntegrationId(changed.json().id))).toEqual({ signingKey });
  });

  test("is changed by nobody who has not seen the last change", async () => {
    const { headers } = await api.call("GET", path);
    await api.call("PATCH", path, { description: "first" });
    const administrator = await api.keyFor("administrator", null);
    const late = { ...administrator, "if-match": String(headers.etag) };
    expect((await api.call("PATCH", path, { description: "second" }, late)).statusCode).toBe(412);
  });

  test.each([
    [{ settings: { url: "ftp://example.com" } }, "/body/settings/url"],
    [{ settings: {} }, "/body/settings"],
    [{ secrets: { signingKey: "short" } }, "/body/secrets/signingKey"],
    [{ mapping: "{a: " }, "/body/mapping"],
  ])("with %j is refused, and the fault is named", async (fault, where) => {
    const body = { ...webhook, applicationId: ours.application.id, ...fault };
    const answer = await api.call("POST", "/api/integrations", body);
    expect(answer.statusCode).toBe(422);
    expect(answer.json().errors[0].path).toBe(where);
    expect(answer.body).not.toContain("short");
    expect((await api.call("PATCH", path, fault)).statusCode).toBe(422);
  });

  test("of a kind that is none, or of no place or two, is refused", async () => {
    const { application, tenant } = ours;
    const applicationId = application.id;
    for (const body of [
      { ...webhook, kind: "pigeon", applicationId },
      { ...webhook, applicationId, tenantId: tenant.id },
      webhook,
    ]) {
      expect((await api.call("POST", "/api/integrations", body)).statusCode).toBe(422);
    }
  });

  test("of the whole tenant is out of reach for who is limited to an application; their own is not", async () => {
    const { token } = (
      await api.call("POST", "/api/api-keys", {
        tenantId: ours.tenant.id,
        name: "limited",
        role: "device-manager",
        applicationIds: [ours.application.id],
      })
    ).json();
    const limited = { authorization: `Bearer ${token}` };
    const all = await api.call("POST", "/api/integrations", { ...webhook, name: "all", tenantId: ours.tenant.id });
    expect(all.json().applicationId).toBeNull();
    expect((await api.call("GET", `/api/integrations/${all.json().id}`, undefined, limited)).statusCode).toBe(404);
    const refused = await api.call("POST", "/api/integrations", { ...webhook, tenantId: ours.tenant.id }, limited);
    expect(refused.statusCode).toBe(403);
    const own = { ...webhook, name: "own", applicationId: ours.application.id };
    expect((await api.call("POST", "/api/integrations", own, limited)).statusCode).toBe(201);
    const { items } = (await api.call("GET", "/api/integrations", undefined, limited)).json();
    expect(items.map(({ name }: { name: string }) => name)).toEqual(["dashboard", "own"]);
  });

  test("its test says why nothing arrived", async () => {
    await api.call("PATCH", path, { settings: { url: "http://127.0.0.1:1/" } });
    const answer = await api.call("POST", `${path}/test`);
    expect(answer.json()).toMatchObject({ outcome: "unavailable" });
    expect(answer.json().message).toContain("not at a public address");
  });
});

test("the kinds are listed with schemas that say of every member what it is", async () => {
  const { items } = (await api.call("GET", "/api/integrations/kinds")).json();
  for (const { title, settings, secrets } of items) {
    expect(title).toMatch(/./);
    for (const part of [settings, secrets]) {
      expect(part.additionalProperties).toBe(false);
      for (const member of Object.values<{ description?: string }>(part.properties)) {
        expect(member.description).toMatch(/./);
      }
    }
    expect(secrets.required ?? []).toEqual([]);
  }
});

test("dead letters are listed by page and filter, queued again, and dropped", async () => {
  await letter("rejected", 1);
  await letter("mapping", 2);
  await letter("rejected", 3);
  const first = (await api.call("GET", `${path}/dead-letters?limit=2`)).json();
  expect(first.items).toMatchObject([
    { id: "1", event: { fCnt: 1 }, message: "said no" },
    { id: "2", reason: "mapping" },
  ]);
  const rest = (await api.call("GET", `${path}/dead-letters?after=${first.next}`)).json();
  expect(rest.items).toMatchObject([{ id: "3" }]);
  expect(rest.next).toBeUndefined();
  expect((await api.call("GET", `${path}/dead-letters?reason=mapping`)).json().items).toHaveLength(1);
  expect((await api.call("GET", `${path}/state`)).json()).toMatchObject({ deadLetters: 3, queue: { messages: 0 } });
  await api.call("POST", "/api/integrations", { ...webhook, name: "idle", tenantId: ours.tenant.id });
  const { items } = (await api.call("GET", "/api/integrations/states")).json();
  expect(items.filter(({ name }: { name: string }) => name !== "own" && name !== "all")).toMatchObject([
    { integrationId: path.split("/").at(-1), name: "dashboard", mode: "active", deadLetters: 3, lastError: null },
    { name: "idle", applicationId: null, deadLetters: 0, queue: { messages: 0, bytes: 0, oldestAt: null } },
  ]);
  const replayed = await api.call("POST", `${path}/dead-letters/replay`, { reason: "rejected" });
  expect(replayed.json()).toEqual({ count: 2 });
  expect((await api.call("POST", `${path}/dead-letters/drop`, { ids: ["2", "99"] })).json()).toEqual({ count: 1 });
  expect((await api.call("GET", `${path}/state`)).json()).toMatchObject({ deadLetters: 0, queue: { messages: 2 } });
  expect((await api.call("DELETE", `${path}/queue`)).json()).toEqual({ count: 2 });
});
