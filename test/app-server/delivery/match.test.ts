import { describe, expect, test } from "vitest";
import { Matcher } from "../../../app-server/delivery/match.ts";
import type { Integration, IntegrationFilter } from "../../../app-server/integration-ports.ts";
import type { ApplicationEvent } from "../../../app-server/ports.ts";
import { parseIntegrationId, parseTenantId } from "../../../lorawan/ids.ts";
import { usualLimits } from "../support/delivery.ts";
import { applicationId, devEui, deviceInfo, otherApplicationId } from "../support/fixtures.ts";

const id = parseIntegrationId("37c82e96-be03-4f38-aef3-f83d48582d97");
const { tenantId } = deviceInfo;

const integrationWith = (filter: Partial<IntegrationFilter>, more: Partial<Integration> = {}): Integration => ({
  id,
  tenantId,
  applicationId,
  name: "n",
  description: "",
  kind: "http",
  mode: "active",
  filter: { events: [], fPorts: [], tags: {}, ...filter },
  format: "chirpstack",
  mapping: "",
  settings: {},
  limits: usualLimits,
  secretNames: [],
  createdAt: "",
  updatedAt: "",
  ...more,
});

const event = (kind: ApplicationEvent["kind"], members: object = {}): ApplicationEvent => ({
  kind,
  tenantId,
  applicationId,
  devEui,
  json: JSON.stringify({ deviceInfo, ...members }),
});

const passes = (filter: Partial<IntegrationFilter>, given: ApplicationEvent): boolean => {
  const matcher = new Matcher();
  matcher.set(integrationWith(filter));
  return matcher.match(given).length > 0;
};

describe("a filter", () => {
  test("lets alerts through only where it names them", () => {
    expect(passes({}, event("alert"))).toBe(false);
    expect(passes({ events: ["up"] }, event("alert"))).toBe(false);
    expect(passes({ events: ["alert"] }, event("alert"))).toBe(true);
    expect(passes({ events: ["alert"] }, event("up"))).toBe(false);
  });

  test("that is empty lets every event through", () => {
    expect(passes({}, event("up", { fPort: 1 }))).toBe(true);
    expect(passes({}, event("log"))).toBe(true);
  });

  test("of kinds lets those through", () => {
    expect(passes({ events: ["join", "status"] }, event("join"))).toBe(true);
    expect(passes({ events: ["join", "status"] }, event("up"))).toBe(false);
  });

  test("of ports lets uplinks of those ports through, and events that have none", () => {
    expect(passes({ fPorts: [2, 3] }, event("up", { fPort: 3 }))).toBe(true);
    expect(passes({ fPorts: [2, 3] }, event("up", { fPort: 1 }))).toBe(false);
    expect(passes({ fPorts: [2, 3] }, event("join"))).toBe(true);
  });

  test("of tags lets devices through that have every one of them", () => {
    expect(passes({ tags: { key: "value" } }, event("up"))).toBe(true);
    expect(passes({ tags: { key: "other" } }, event("up"))).toBe(false);
    expect(passes({ tags: { key: "value", site: "roof" } }, event("up"))).toBe(false);
    expect(passes({ tags: { toString: "x" } }, event("up"))).toBe(false);
  });
});

describe("an integration", () => {
  const matched = (integration: Integration, given: ApplicationEvent): boolean => {
    const matcher = new Matcher();
    matcher.set(integration);
    return matcher.match(given).length > 0;
  };

  test("of an application gets that application's events alone", () => {
    expect(matched(integrationWith({}), { ...event("up"), applicationId: otherApplicationId })).toBe(false);
  });

  test("of a tenant gets those of every application, and of no other tenant", () => {
    const all = integrationWith({}, { applicationId: null });
    expect(matched(all, { ...event("up"), applicationId: otherApplicationId })).toBe(true);
    const foreign = parseTenantId("00000000-0000-0000-0000-000000000001");
    expect(matched(all, { ...event("up"), tenantId: foreign })).toBe(false);
  });

  test("that is off gets nothing, and without any other nothing is looked at", () => {
    const matcher = new Matcher();
    matcher.set(integrationWith({}));
    expect(matcher.isEmpty).toBe(false);
    matcher.set(integrationWith({}, { mode: "off" }));
    expect(matcher.match(event("up"))).toEqual([]);
    expect(matcher.isEmpty).toBe(true);
  });
});
