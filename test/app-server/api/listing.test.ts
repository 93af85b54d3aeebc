import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestApi, type TestApi } from "../../support/api.ts";

let api: TestApi;
let tenantId: string;
beforeAll(async () => {
  api = await startTestApi();
  tenantId = (await api.call("POST", "/api/tenants", { name: "Acme" })).json<{ id: string }>().id;
  const tags: readonly object[] = [{ site: "roof" }, { site: "roof", floor: "2" }, {}];
  for (const [index, name] of ["beta", "alpha", "gamma"].entries()) {
    const body = { tenantId, name, tags: tags[index] };
    expect((await api.call("POST", "/api/applications", body)).statusCode).toBe(201);
  }
});
afterAll(() => api.end());

interface Page {
  readonly items: readonly { readonly name: string }[];
  readonly next?: string;
}

const page = async (query: string): Promise<Page> => {
  const answer = await api.call("GET", `/api/applications?tenantId=${tenantId}&${query}`);
  expect(answer.statusCode, answer.body).toBe(200);
  return answer.json<Page>();
};
const names = async (query: string) => (await page(query)).items.map(item => item.name);

describe("lists", () => {
  test.each([
    ["name", ["alpha", "beta", "gamma"]],
    ["-name", ["gamma", "beta", "alpha"]],
    ["createdAt", ["beta", "alpha", "gamma"]],
    ["-createdAt", ["gamma", "alpha", "beta"]],
  ])("are in the order of %s, on one page and over pages", async (sort, expected) => {
    expect(await names(`sort=${sort}`)).toEqual(expected);
    const seen: string[] = [];
    let after = "";
    do {
      const { items, next = "" } = await page(`sort=${sort}&limit=1${after && `&after=${after}`}`);
      seen.push(...items.map(item => item.name));
      after = next;
    } while (after !== "");
    expect(seen).toEqual(expected);
  });

  test("go on in the order they began in only", async () => {
    const { next } = await page("sort=name&limit=1");
    const answer = await api.call("GET", `/api/applications?sort=-name&limit=1&after=${next}`);
    expect(answer.json()).toMatchObject({ status: 400, code: "malformed_value" });
  });

  test("are limited to what has every tag asked for, and to a beginning of the name", async () => {
    expect(await names("tag=site=roof")).toEqual(["alpha", "beta"]);
    expect(await names("tag=site=roof&tag=floor=2")).toEqual(["alpha"]);
    expect(await names("tag=site=cellar")).toEqual([]);
    expect(await names("search=GAM")).toEqual(["gamma"]);
    expect(await names("search=amma")).toEqual([]);
    const answer = await api.call("GET", "/api/applications?tag=roof");
    expect(answer.json()).toMatchObject({ status: 422, code: "invalid_value" });
  });

  test("of gateways find an EUI in any spelling", async () => {
    const gatewayId = "aabbccddeeff0042";
    await api.call("POST", "/api/gateways", { gatewayId, tenantId, name: "mast" });
    const found = await api.call("GET", "/api/gateways?search=AA:BB-cc");
    expect(found.json<{ items: { gatewayId: string }[] }>().items.map(item => item.gatewayId)).toEqual([gatewayId]);
  });
});
