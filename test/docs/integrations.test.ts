import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { mappingFault } from "../../app-server/integration/format.ts";
import { sinkKinds } from "../../app-server/integration/sinks/registry.ts";
import { startTestApi, type TestApi } from "../support/api.ts";
import { addTenantWithDevice } from "../support/catalog.ts";
import { sinkRows } from "./integration-table.ts";
import { blocksOf, rawRows, readText } from "./markdown.ts";

const page = readText("docs/integrations.md");
const blocks = blocksOf(page);

let api: TestApi;
let applicationId: string;
beforeAll(async () => {
  api = await startTestApi();
  applicationId = (await addTenantWithDevice(api.repositories, "T", "0000000000000001")).application.id;
});
afterAll(() => api.end());

describe("docs/integrations.md", () => {
  test.each(sinkKinds)("has the settings of $kind, and an example that the API takes", async kind => {
    expect(rawRows(page, kind.title)).toEqual(sinkRows(kind));
    const examples = blocks.filter(({ label }) => label === `integration ${kind.kind}`);
    expect(examples.length).toBeGreaterThan(0);
    for (const { text } of examples) {
      const answer = await api.call("POST", "/api/integrations", { ...JSON.parse(text), applicationId });
      expect(answer.statusCode, answer.body).toBe(201);
    }
  });

  test("its mappings are expressions", () => {
    const mappings = blocks.filter(({ label }) => label === "mapping");
    expect(mappings.length).toBeGreaterThan(0);
    for (const { text } of mappings) expect(mappingFault(text)).toBeUndefined();
  });

  test("names calls that there are", async () => {
    const { paths } = (await api.call("GET", "/api/openapi.json")).json();
    const named = [...page.matchAll(/`(GET|POST|PATCH|DELETE) (\/api\/[^`?]*)`/g)];
    expect(named.length).toBeGreaterThan(5);
    for (const [, method = "", path = ""] of named)
      expect(Object.keys(paths[path] ?? {})).toContain(method.toLowerCase());
  });
});
