import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { AuditEntry } from "../../../app-server/audit-ports.ts";
import { parseTenantId } from "../../../lorawan/ids.ts";
import { startTestApi, type TestApi } from "../../support/api.ts";

let api: TestApi;
let tenantId: string;
beforeAll(async () => {
  api = await startTestApi();
  tenantId = (await api.call("POST", "/api/tenants", { name: "Acme" })).json<{ id: string }>().id;
});
afterAll(() => api.end());

interface EntryPage {
  readonly items: readonly AuditEntry[];
  readonly next?: string;
}

async function entries(query = "", headers?: Readonly<Record<string, string>>): Promise<readonly AuditEntry[]> {
  const answer = await api.call("GET", `/api/audit-log?${query}`, undefined, headers);
  expect(answer.statusCode, answer.body).toBe(200);
  return answer.json<EntryPage>().items;
}

const verification = async () => (await api.call("GET", "/api/audit-log/verification")).json();

describe("the audit log", () => {
  test("says who changed what, whose it was and what came of it", async () => {
    const admin = await api.keyFor("admin", parseTenantId(tenantId));
    const { id } = (await api.call("POST", "/api/applications", { tenantId, name: "Cellars" }, admin)).json();
    await api.call("PATCH", `/api/applications/${id}`, { name: "Attics" }, admin);
    await api.call("PATCH", `/api/applications/${id}`, { name: "" }, admin);
    const [patched, created] = await entries("action=P&limit=2", admin);
    expect(patched).toMatchObject({
      actor: { kind: "api-key", name: "admin" },
      address: "127.0.0.1",
      tenantId,
      action: "PATCH /api/applications/:applicationId",
      subject: { applicationId: id },
      request: { name: "Attics" },
      status: 200,
    });
    expect(created).toMatchObject({ action: "POST /api/applications", status: 201 });
  });

  test("has what was refused by the catalog, and not what was no request or not allowed", async () => {
    const viewer = await api.keyFor("viewer", parseTenantId(tenantId));
    const before = (await entries()).length;
    await api.call("POST", "/api/tenants", { name: "" });
    await api.call("POST", "/api/applications", { tenantId, name: "x" }, viewer);
    await api.call("GET", "/api/applications");
    expect(await entries()).toHaveLength(before);
    const gateway = { gatewayId: "00000000000000aa", tenantId, name: "roof" };
    await api.call("POST", "/api/gateways", gateway);
    await api.call("POST", "/api/gateways", gateway);
    expect((await entries("limit=2")).map(entry => entry.status)).toEqual([409, 201]);
  });

  test("has log-ins, and whose were tried in vain", async () => {
    const user = { email: "ann@example.org", password: "a good password" };
    await api.call("POST", "/api/users", user);
    await api.call("POST", "/api/login", { ...user, password: "a bad password" }, {});
    await api.call("POST", "/api/login", user, {});
    const [good, bad, made] = await entries("limit=3");
    expect(good).toMatchObject({ action: "POST /api/login", actor: { kind: "nobody", name: user.email }, status: 200 });
    expect(bad).toMatchObject({ action: "POST /api/login", actor: { name: user.email }, status: 401 });
    expect(made).toMatchObject({ request: { email: user.email, password: "(hidden)" } });
    expect(JSON.stringify(await entries())).not.toContain('password":"a ');
  });

  test("shows a tenant's admin what was done in the tenant, and nobody below anything", async () => {
    const other = (await api.call("POST", "/api/tenants", { name: "Other" })).json<{ id: string }>().id;
    await api.call("POST", "/api/applications", { tenantId: other, name: "theirs" });
    const admin = await api.keyFor("admin", parseTenantId(other));
    expect(new Set((await entries("", admin)).map(entry => entry.tenantId))).toEqual(new Set([other]));
    const viewer = await api.keyFor("viewer", parseTenantId(other));
    expect((await api.call("GET", "/api/audit-log", undefined, viewer)).statusCode).toBe(403);
  });

  test("is walked page by page, and searched by person and time", async () => {
    const all = await entries("limit=1000");
    const seen: number[] = [];
    let after = "";
    do {
      const page = (await api.call("GET", `/api/audit-log?limit=3${after}`)).json<EntryPage>();
      seen.push(...page.items.map(entry => entry.number));
      after = page.next === undefined ? "" : `&after=${page.next}`;
    } while (after !== "");
    expect(seen).toEqual(all.map(entry => entry.number));
    expect((await entries("actor=ann@example.org")).map(entry => entry.status)).toEqual([200, 401]);
    expect(await entries("until=2000-01-01T00:00:00Z")).toEqual([]);
  });

  test("is one chain, also when changes come at once", async () => {
    const names = Array.from({ length: 20 }, (_, index) => `app ${index}`);
    await Promise.all(names.map(name => api.call("POST", "/api/applications", { tenantId, name })));
    expect(await verification()).toMatchObject({ intact: true, reason: null });
  });

  test("is only ever added to", async () => {
    for (const statement of ["update audit_log set entry = ''", "delete from audit_log", "truncate audit_log"]) {
      await expect(api.sql.run(statement)).rejects.toThrow();
    }
  });

  test("shows where somebody who could write the database changed or removed an entry", async () => {
    await api.sql.run("alter table audit_log disable trigger audit_log_kept");
    await api.sql.run("update audit_log set entry = replace(entry, 'Attics', 'Lofts') where entry like '%Attics%'");
    const [changed] = (await entries("limit=1000")).filter(entry => JSON.stringify(entry.request)?.includes("Lofts"));
    expect(await verification()).toMatchObject({ intact: false, entries: (changed?.number ?? 0) - 1, head: null });
    await api.sql.run("delete from audit_log where number = 3");
    expect(await verification()).toMatchObject({ intact: false, entries: 2, reason: "Entry 3: the entry is missing." });
  });
});
