import { createHash } from "node:crypto";
import { Validator } from "@seriousme/openapi-schema-validator";
import { Ajv2020 } from "ajv/dist/2020.js";
import type { OpenAPIV3_1 } from "openapi-types";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { operations } from "../../app-server/api/operations.ts";
import { startTestApi, type TestApi } from "../support/api.ts";
import { addTenantWithDevice } from "../support/catalog.ts";
import { raisedAlert } from "../support/raised-alert.ts";
import { readText } from "./markdown.ts";

interface Named {
  readonly name: string;
  readonly method: string;
  readonly path: string;
  readonly operation: OpenAPIV3_1.OperationObject;
}

let api: TestApi;
let document: OpenAPIV3_1.Document;
let all: readonly Named[];
let ids: Readonly<Record<string, string>>;

beforeAll(async () => {
  api = await startTestApi();
  document = (await api.call("GET", "/api/openapi.json")).json();
  all = Object.entries(document.paths ?? {}).flatMap(([path, item = {}]) =>
    (["get", "post", "put", "patch", "delete"] as const).flatMap(method => {
      const { [method]: operation } = item;
      return operation ? [{ name: `${method.toUpperCase()} ${path}`, method, path, operation }] : [];
    }),
  );
  const { tenant, application, profile, device } = await addTenantWithDevice(api.repositories, "T", "0000000000000001");
  const gateway = await api.call("POST", "/api/gateways", {
    gatewayId: "00000000000000aa",
    tenantId: tenant.id,
    name: "roof",
  });
  const user = await api.call("POST", "/api/users", { email: "someone@example.org", password: "long enough" });
  const integration = await api.call("POST", "/api/integrations", {
    applicationId: application.id,
    kind: "http",
    name: "hook",
    settings: { url: "https://example.org/hook" },
  });
  const apiKey = await api.call("POST", "/api/api-keys", { tenantId: tenant.id, name: "docs", role: "viewer" });
  const regionConfig = await api.call("POST", "/api/region-configs", { id: "eu868", region: "EU868" });
  ids = {
    apiKeyId: apiKey.json().id,
    integrationId: integration.json().id,
    tenantId: tenant.id,
    applicationId: application.id,
    deviceProfileId: profile.id,
    devEui: device.devEui,
    gatewayId: gateway.json().gatewayId,
    userId: user.json().id,
    alertId: await raisedAlert(api.sql, tenant.id, application.id),
    kind: "battery-low",
    regionConfigId: regionConfig.json().id,
  };
});
afterAll(() => api.end());

const urlOf = (path: string): string => path.replace(/\{(\w+)\}/g, (_text, name: string) => ids[name] ?? "none");
const headerNames = ({ parameters = [] }: OpenAPIV3_1.OperationObject): readonly string[] =>
  parameters.flatMap(parameter => ("in" in parameter && parameter.in === "header" ? [parameter.name] : []));
const mediaOf = ({ requestBody }: OpenAPIV3_1.OperationObject): OpenAPIV3_1.MediaTypeObject | undefined =>
  requestBody && "content" in requestBody ? Object.values(requestBody.content)[0] : undefined;

describe("the OpenAPI document", () => {
  test("is valid OpenAPI 3.1", async () => {
    const validator = new Validator();
    expect(await validator.validate(structuredClone(document))).toMatchObject({ valid: true });
    expect(validator.version).toBe("3.1");
  });

  test("is client/openapi.json; else `npm run client` makes that anew", async () => {
    await expect(`${JSON.stringify(document, null, 2)}\n`).toMatchFileSnapshot("../../client/openapi.json");
  });

  test("has types that were made of it", () => {
    const sha256 = createHash("sha256").update(readText("client/openapi.json")).digest("hex");
    expect(readText("client/openapi.d.ts")).toContain(`SHA-256 ${sha256}\n`);
  });

  test("names every operation once, says what it does, and knows no operation that is not there", () => {
    for (const { name, operation } of all) {
      expect(operation.operationId, `${name} has no entry in app-server/api/operations.ts`).toMatch(/^[a-z]\w+$/);
      expect(operation.summary, name).toMatch(/^[A-Z].*[^.]$/);
      expect(operation.tags, name).toHaveLength(1);
    }
    const operationIds = all.map(({ operation }) => operation.operationId);
    expect(new Set(operationIds).size).toBe(operationIds.length);
    expect(Object.keys(operations).toSorted()).toEqual(all.map(({ name }) => name).toSorted());
  });

  test("has for every body an example that fits its schema", () => {
    // Unknown words are those of OpenAPI, which are no part of a schema's judgement.
    const ajv = new Ajv2020({ strict: false, allErrors: true });
    const withBody = all.filter(
      ({ name, operation }) => operation.requestBody !== undefined && !operations[name]?.takesFile,
    );
    expect(withBody.length).toBeGreaterThan(15);
    for (const { name, operation } of withBody) {
      const { schema, example } = mediaOf(operation) ?? {};
      expect(example, `${name} has no example`).toBeDefined();
      const fits = ajv.compile(schema ?? false);
      fits(example);
      expect(fits.errors, name).toBeNull();
    }
  });

  test("has examples that the API takes", async () => {
    for (const { name, method, path, operation } of all) {
      const { example } = mediaOf(operation) ?? {};
      if (example === undefined || path.startsWith("/api/login") || path.startsWith("/api/me")) continue;
      const known = Object.entries(example).map(([key, value]) => [
        key,
        key.endsWith("Id") ? (ids[key] ?? value) : value,
      ]);
      const body = { ...Object.fromEntries(known), ...(path === "/api/gateways" && { gatewayId: example.gatewayId }) };
      const answer = await api.app.inject({
        method: method === "put" ? "PUT" : method === "patch" ? "PATCH" : "POST",
        url: urlOf(path),
        headers: await api.keyFor("administrator", null),
        payload: body,
      });
      expect(answer.statusCode, `${name}: ${answer.body}`).toBeLessThan(300);
    }
  });
});

describe("the headers that the OpenAPI document shows", () => {
  const methodOf = (method: string) => (method === "delete" ? "DELETE" : method === "patch" ? "PATCH" : "GET");

  test("If-Match refuses a change of what was changed meanwhile", async () => {
    const conditional = all.filter(({ operation }) => headerNames(operation).includes("If-Match"));
    expect(conditional.map(({ operation }) => operation.operationId)).toEqual(
      expect.arrayContaining(["updateDevice", "deleteDevice", "updateGateway", "deleteTenant", "updateUser"]),
    );
    const administrator = await api.keyFor("administrator", null);
    for (const { name, method, path, operation } of conditional) {
      const headers = { ...administrator, "if-match": '"of another day"' };
      const answer = await api.call(methodOf(method), urlOf(path), mediaOf(operation)?.example, headers);
      expect(answer.statusCode, `${name}: ${answer.body}`).toBe(412);
    }
  });

  test("If-None-Match with the ETag of before is answered without the record", async () => {
    const administrator = await api.keyFor("administrator", null);
    const readable = all.filter(({ operation }) => headerNames(operation).includes("If-None-Match"));
    expect(readable.length).toBeGreaterThan(4);
    for (const { name, path, operation } of readable) {
      expect(operation.responses).toMatchObject({ 200: { headers: { ETag: {} } }, 304: {} });
      const first = await api.call("GET", urlOf(path));
      const headers = { ...administrator, "if-none-match": String(first.headers.etag) };
      expect((await api.call("GET", urlOf(path), undefined, headers)).statusCode, name).toBe(304);
    }
  });

  test("Idempotency-Key is on every POST of a caller who is known", () => {
    const posts = all.filter(({ method, operation }) => method === "post" && operation.security !== undefined);
    expect(posts.length).toBeGreaterThan(8);
    for (const { name, operation } of posts) expect(headerNames(operation), name).toEqual(["Idempotency-Key"]);
  });
});
