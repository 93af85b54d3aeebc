import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Alert } from "../../app-server/alert-ports.ts";
import { alertKinds } from "../../app-server/alert-ports.ts";
import { alertDefinitions } from "../../app-server/alert-rule-ports.ts";
import { alertEvent } from "../../app-server/alerts/notifier.ts";
import { parseApplicationId, parseTenantId } from "../../lorawan/ids.ts";
import { startTestApi, type TestApi } from "../support/api.ts";
import { addTenantWithDevice } from "../support/catalog.ts";
import { blocksOf, plain, readText, tableUnder } from "./markdown.ts";

const page = readText("docs/alerts.md");
const blocks = blocksOf(page);
let api: TestApi;
let tenantId: string;
beforeAll(async () => {
  api = await startTestApi();
  tenantId = (await addTenantWithDevice(api.repositories, "T", "0000000000000001")).tenant.id;
});
afterAll(() => api.end());

describe("docs/alerts.md", () => {
  test("its table has every kind with the rule of a tenant that has changed nothing", () => {
    const rows = tableUnder(page, "What is watched").map(cells => cells.map(plain));
    const expected = alertKinds.map(kind => {
      const { rule, counts, measures } = alertDefinitions[kind];
      const { raise, clear, raiseAfterSeconds, clearAfterSeconds, windowMinutes, severity } = rule;
      const lasting = `${raiseAfterSeconds} s, ${clearAfterSeconds} s`;
      return [kind, measures, String(raise), String(clear), lasting, counts ? `${windowMinutes} min` : "", severity];
    });
    expect(rows).toEqual(expected);
  });

  test("the API takes its integrations and rules", async () => {
    const integrations = blocks.filter(({ label }) => label === "integration");
    expect(integrations).toHaveLength(2);
    for (const { text } of integrations) {
      const answer = await api.call("POST", "/api/integrations", { ...JSON.parse(text), tenantId });
      expect(answer.statusCode, answer.body).toBe(201);
      expect(answer.json().filter.events).toEqual(["alert"]);
    }
    const rules = blocks.filter(({ label }) => label.startsWith("rule "));
    expect(rules).toHaveLength(2);
    for (const { label, text } of rules) {
      const answer = await api.call(
        "PATCH",
        `/api/tenants/${tenantId}/alert-rules/${label.slice(5)}`,
        JSON.parse(text),
      );
      expect(answer.json()).toMatchObject(JSON.parse(text));
    }
  });

  test("an alert is told as the page shows it", () => {
    const shown = JSON.parse(blocks.find(({ label }) => label === "event")?.text ?? "");
    const { subject, title: _, measures: __, whatToDo: ___, ...rest } = shown.alert;
    const alert: Alert = {
      ...rest,
      tenantId: parseTenantId(shown.tenantId),
      applicationId: parseApplicationId(shown.deviceInfo.applicationId),
      subjectType: subject.type,
      subject: subject.id,
      subjectName: subject.name,
    };
    expect(JSON.parse(alertEvent([{ alert, transition: "raised" }]).json)).toEqual(shown);
  });

  test("names calls that there are", async () => {
    const { paths } = (await api.call("GET", "/api/openapi.json")).json();
    const named = [...page.matchAll(/`(GET|POST|PATCH|DELETE) (\/api\/[^`?]*)[^`]*`/g)];
    expect(named.length).toBeGreaterThan(5);
    for (const [, method = "", path = ""] of named)
      expect(Object.keys(paths[path] ?? {})).toContain(method.toLowerCase());
  });
});
