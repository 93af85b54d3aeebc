import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestApi, type TestApi } from "../../support/api.ts";

let api: TestApi;
let tenantId: string;
let url: string;
beforeAll(async () => {
  api = await startTestApi();
  tenantId = (await api.call("POST", "/api/tenants", { name: "Acme" })).json<{ id: string }>().id;
  const { id } = (await api.call("POST", "/api/applications", { tenantId, name: "Cellars" })).json<{ id: string }>();
  url = `/api/applications/${id}`;
});
afterAll(() => api.end());

async function etag(): Promise<string> {
  const { headers } = await api.call("GET", url);
  return String(headers.etag);
}

/** As the administrator, with one more header. */
async function callWith(method: "GET" | "PATCH" | "DELETE", header: Readonly<Record<string, string>>, body?: object) {
  const asAdministrator = await api.keyFor("administrator", null);
  return api.call(method, url, body, { ...asAdministrator, ...header });
}

describe("a record's validator", () => {
  test("is the same until the record changes, wherever it is told", async () => {
    const before = await etag();
    expect(before).toMatch(/^"[\w-]{22}"$/);
    expect(await etag()).toBe(before);
    const changed = await api.call("PATCH", url, { description: "cold" });
    expect(changed.headers.etag).not.toBe(before);
    expect(changed.headers.etag).toBe(await etag());
  });

  test("spares an answer that the client has", async () => {
    const known = await callWith("GET", { "if-none-match": `"other", W/${await etag()}` });
    expect(known).toMatchObject({ statusCode: 304, body: "" });
    expect((await callWith("GET", { "if-none-match": '"other"' })).statusCode).toBe(200);
  });

  test("keeps a change from undoing one that its author has not seen", async () => {
    const read = await etag();
    expect((await callWith("PATCH", { "if-match": read }, { description: "first" })).statusCode).toBe(200);
    const late = await callWith("PATCH", { "if-match": read }, { description: "second" });
    expect(late.json()).toMatchObject({ status: 412, code: "precondition_failed" });
    expect((await api.call("GET", url)).json()).toMatchObject({ description: "first" });
    expect((await callWith("DELETE", { "if-match": read })).statusCode).toBe(412);
    expect((await callWith("DELETE", { "if-match": `"other", ${await etag()}` })).statusCode).toBe(204);
    expect((await callWith("DELETE", { "if-match": "*" })).statusCode).toBe(404);
  });
});

test("of two changes of the same record at once one is refused", async () => {
  const body = { gatewayId: "00000000000000aa", tenantId, name: "roof" };
  const { headers } = await api.call("POST", "/api/gateways", body);
  const asAdministrator = await api.keyFor("administrator", null);
  const expected = { ...asAdministrator, "if-match": String(headers.etag) };
  const answers = await Promise.all(
    ["east", "west"].map(name => api.call("PATCH", "/api/gateways/00000000000000aa", { name }, expected)),
  );
  expect(answers.map(answer => answer.statusCode).sort()).toEqual([200, 412]);
});
