import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { AlertKind } from "../../../app-server/alert-ports.ts";
import { alertDefinitions } from "../../../app-server/alert-rule-ports.ts";
import { watchingRootKeys } from "../../../app-server/alerts/weak-keys.ts";
import type { RootKeys } from "../../../app-server/ports.ts";
import { createIntegrations } from "../../../app-server/storage/integrations.ts";
import type { Sql } from "../../../platform/sql.ts";
import { createAlertRig } from "../../support/alert-rig.ts";
import { migratedTestSql } from "../../support/postgres.ts";

const [second, minute] = [1000, 60_000];
let sql: Sql;
let end: () => Promise<void>;
let rig: Awaited<ReturnType<typeof createAlertRig>>;
beforeAll(async () => {
  ({ sql, end } = await migratedTestSql());
});
afterAll(() => end());
beforeEach(async () => {
  await sql.run("delete from alert_watch");
  rig = await createAlertRig(sql);
  await rig.pass(10 * second);
});
afterEach(() => rig.end());

const kinds = async (): Promise<readonly AlertKind[]> => (await rig.open()).map(({ kind }) => kind).toSorted();
const transitions = () =>
  rig.told.map(({ json }) => JSON.parse(json)).map(({ alert, transition }) => `${alert.kind} ${transition}`);

describe("what events tell", () => {
  const cases: readonly (readonly [AlertKind, string, object])[] = [
    ["join-failures", "OTAA", { context: { result_code: "MICFailed" } }],
    ["smaller-counter", "UPLINK_F_CNT_RESET", { level: "ERROR" }],
    ["counter-reset", "UPLINK_F_CNT_RESET", { level: "WARNING" }],
    ["replay", "UPLINK_F_CNT_RETRANSMISSION", {}],
  ];
  test.each(cases)(
    "%s is raised by so many, told once, survives a restart, and is over by the time",
    async (kind, code, more) => {
      const { raise, windowMinutes } = alertDefinitions[kind].rule;
      for (let n = 1; n < raise; n += 1) await rig.keep(rig.log(rig.devEui, code, more));
      expect(await kinds()).toEqual([]);
      const last = rig.log(rig.devEui, code, more);
      await rig.keep(last);
      await rig.keep(last);
      expect(await kinds()).toEqual([kind]);
      await rig.restart();
      await rig.keep(rig.log(rig.devEui, code, more));
      await rig.pass(minute);
      expect(await rig.alerts()).toHaveLength(1);
      expect(transitions()).toEqual([`${kind} raised`]);
      await rig.pass(windowMinutes * minute);
      expect(await kinds()).toEqual([]);
      expect(await rig.alerts()).toMatchObject([
        { state: "cleared", subject: rig.devEui, subjectName: rig.owner.device.name },
      ]);
      await rig.pass(10 * second);
      expect(transitions()).toEqual([`${kind} raised`, `${kind} cleared`]);
    },
  );

  test("a count goes on over a restart", async () => {
    await rig.keep(rig.log(rig.devEui, "OTAA"), rig.log(rig.devEui, "OTAA"));
    await rig.restart();
    await rig.keep(rig.log(rig.devEui, "OTAA"));
    expect(await kinds()).toEqual(["join-failures"]);
  });

  test("repeated-dev-nonce is raised beside join-failures", async () => {
    for (let n = 0; n < 3; n += 1)
      await rig.keep(rig.log(rig.devEui, "OTAA", { context: { result_code: "FrameReplayed" } }));
    expect(await kinds()).toEqual(["join-failures", "repeated-dev-nonce"]);
  });

  test("duty-budget is of the gateway that had none left", async () => {
    const gatewayId = await rig.addGateway();
    const context = { duty_cycle_gateways: gatewayId };
    for (let n = 0; n < 3; n += 1) await rig.keep(rig.log(rig.devEui, "DOWNLINK_GATEWAY", { context }));
    await rig.keep(rig.log(rig.devEui, "DOWNLINK_GATEWAY", { description: `${await rig.addGateway()}: TOO_LATE` }));
    expect(await rig.open()).toMatchObject([
      { kind: "duty-budget", subjectType: "gateway", subject: gatewayId, subjectName: "roof" },
    ]);
    await rig.pass(61 * minute, 30 * minute);
    expect(await kinds()).toEqual([]);
  });

  test("battery-low has its two values, also over a restart, and power from outside ends it", async () => {
    await rig.keep(rig.status(rig.devEui, 40), rig.status(rig.devEui, 20.4));
    expect(await kinds()).toEqual([]);
    await rig.keep(rig.status(rig.devEui, 19));
    expect(await rig.open()).toMatchObject([{ kind: "battery-low", value: 19, threshold: 20 }]);
    await rig.restart();
    await rig.keep(rig.status(rig.devEui, 25));
    expect(await kinds()).toEqual(["battery-low"]);
    await rig.keep(rig.status(rig.devEui, 0, { externalPowerSource: true }));
    expect(await kinds()).toEqual([]);
    await rig.keep(rig.status(rig.devEui, 0, { batteryLevelUnavailable: true }));
    expect(await kinds()).toEqual([]);
  });
});

describe("a gateway", () => {
  test("that is silent is told after its time, and is well when it has been heard for a while", async () => {
    const gatewayId = await rig.addGateway();
    rig.hear(gatewayId);
    await rig.pass(170 * second, 10 * second);
    expect(await kinds()).toEqual([]);
    await rig.pass(20 * second, 10 * second);
    expect(await rig.open()).toMatchObject([{ kind: "gateway-silent", severity: "critical", subject: gatewayId }]);
    rig.hear(gatewayId);
    await rig.pass(20 * second, 10 * second);
    expect(await kinds()).toEqual(["gateway-silent"]);
    rig.hear(gatewayId);
    await rig.pass(60 * second, 10 * second);
    expect(await kinds()).toEqual([]);
  });

  test("that is away is one alert, not one for each of its devices, who get their time again after it", async () => {
    const [gatewayId, other] = [await rig.addGateway(), await rig.addGateway()];
    const devices = await rig.addDevices(30);
    rig.hear(gatewayId);
    rig.hear(other);
    await rig.keep(
      ...devices.map(devEui => rig.up(devEui, [gatewayId], "0a0b0c0d")),
      rig.up(rig.devEui, [gatewayId, other]),
    );
    rig.state.hearing.add(other);
    await rig.pass(200 * minute, 2 * minute);
    expect((await rig.open()).map(({ kind, subject }) => [kind, subject])).toEqual(
      expect.arrayContaining([
        ["gateway-silent", gatewayId],
        ["device-silent", rig.devEui],
      ]),
    );
    expect((await kinds()).filter(kind => kind === "device-silent")).toHaveLength(1);
    rig.state.hearing.add(gatewayId);
    await rig.pass(40 * minute, 2 * minute);
    expect((await kinds()).filter(kind => kind !== "shared-dev-addr")).toEqual(["device-silent"]);
  });

  test("that hears mostly noise for a quarter of an hour is told", async () => {
    const gatewayId = await rig.addGateway();
    const noisy = async (rxok: number, minutes: number) => {
      for (let n = 0; n < minutes; n += 1) {
        rig.hear(gatewayId, { rxnb: 100, rxok });
        await rig.pass(minute);
      }
    };
    await noisy(10, 13);
    expect(await kinds()).toEqual([]);
    await noisy(10, 3);
    expect(await rig.open()).toMatchObject([{ kind: "noise", value: 90 }]);
    await noisy(30, 17);
    expect(await kinds()).toEqual(["noise"]);
    await noisy(90, 17);
    expect(await kinds()).toEqual([]);
  });
});

test("sink-trouble is told while a receiver has been away for a minute, with its last words", async () => {
  const key = { id: "00000000", key: Buffer.alloc(32, 1) };
  const integration = await createIntegrations(sql, { current: key, older: [] }).create(
    {
      tenantId: rig.owner.tenant.id,
      applicationId: rig.owner.application.id,
      name: "webhook",
      description: "",
      kind: "http",
      mode: "active",
      filter: { events: [], fPorts: [], tags: {} },
      format: "chirpstack",
      mapping: "",
      settings: {},
      limits: { maxMessages: 1, maxMegabytes: 1, maxAgeHours: 1, onOverflow: "drop", maxAttempts: 1 },
    },
    {},
  );
  const circuit = (value: string) =>
    sql.run(
      `insert into integration_states (integration_id, circuit, last_error) values ($1, $2, 'connection refused')
         on conflict (integration_id) do update set circuit = excluded.circuit`,
      [integration.id, value],
    );
  await circuit("open");
  await rig.pass(50 * second, 10 * second);
  expect(await kinds()).toEqual([]);
  await rig.pass(20 * second, 10 * second);
  expect(await rig.open()).toMatchObject([
    {
      kind: "sink-trouble",
      subject: integration.id,
      subjectName: "webhook",
      details: { lastError: "connection refused" },
    },
  ]);
  await circuit("closed");
  await rig.pass(80 * second, 10 * second);
  expect(await kinds()).toEqual([]);
});

test("weak-root-key is told as long as it is stored, and the key is nowhere", async () => {
  const store: RootKeys = {
    put: async () => undefined,
    putAll: async keys => new Set(keys.keys()),
    remove: async () => true,
    has: async () => true,
    forgetDevNonces: async () => undefined,
  };
  const keys = watchingRootKeys(store, rig.store);
  await keys.put(rig.devEui, { nwkKey: "2B7E151628AED2A6ABF7158809CF4F3C" });
  await rig.pass(11 * minute);
  const alerts = await rig.open();
  expect(alerts).toMatchObject([{ kind: "weak-root-key", details: { reason: "a key of published examples" } }]);
  expect(JSON.stringify([alerts, rig.told]).toLowerCase()).not.toContain("2b7e1516");
  await keys.putAll(new Map([[rig.devEui, { nwkKey: "8f3a1c5d9b7e24608f31aa5d09be7c42" }]]), sql, false);
  await rig.pass(11 * minute);
  expect(await kinds()).toEqual([]);
});

test("shared-dev-addr is told at so many devices", async () => {
  const devices = await rig.addDevices(5);
  await rig.keep(...devices.slice(0, 3).map(devEui => rig.up(devEui, [], "0badcafe")));
  await rig.pass(11 * minute);
  expect(await kinds()).toEqual([]);
  await rig.keep(...devices.map(devEui => rig.up(devEui, [], "0badcafe")));
  await rig.pass(11 * minute);
  expect(await rig.open()).toMatchObject([{ kind: "shared-dev-addr", value: 5, details: { devAddr: "0badcafe" } }]);
  await rig.keep(...devices.slice(1).map((devEui, n) => rig.up(devEui, [], `0000000${n}`)));
  await rig.pass(11 * minute);
  expect(await kinds()).toEqual([]);
});

describe("notifications", () => {
  test("of many devices at once are a few and one for the rest", async () => {
    const devices = await rig.addDevices(200);
    await rig.keep(...devices.map(devEui => rig.status(devEui, 5)));
    await rig.pass(minute, 10 * second);
    expect(await rig.open()).toHaveLength(200);
    expect(rig.told).toHaveLength(11);
    expect(JSON.parse(rig.told.at(-1)?.json ?? "")).toMatchObject({
      count: 190,
      sentence: expect.stringContaining("and 189 more"),
    });
  });

  test("are told again, with the same identifier, when nobody knows whether they were", async () => {
    rig.state.outletFails = true;
    await rig.keep(rig.status(rig.devEui, 5));
    await rig.pass(30 * second, 10 * second);
    expect(rig.told).toEqual([]);
    rig.state.outletFails = false;
    rig.crash();
    await rig.pass(20 * second, 10 * second);
    const [alert] = await rig.open();
    expect(rig.told.map(({ json }) => JSON.parse(json).deduplicationId)).toEqual([`${alert?.id}-raised`]);
  });

  test("of two servers that find the same are one", async () => {
    const battery = rig.status(rig.devEui, 5);
    const other = await createAlertRig(sql);
    await Promise.all([rig.keep(battery), other.keep(battery), rig.keep(rig.status(rig.devEui, 4))]);
    expect(await rig.alerts()).toHaveLength(1);
    await other.end();
  });
});

test("a rule of the tenant's own goes before the program's, and one that is off raises nothing", async () => {
  const { tenant } = rig.owner;
  await rig.desk.changeRule(tenant.id, "battery-low", { raise: 50, clear: 60 });
  await rig.desk.changeRule(tenant.id, "replay", { isEnabled: false });
  await rig.pass(20 * second, 10 * second);
  await rig.keep(rig.status(rig.devEui, 45));
  for (let n = 0; n < 9; n += 1) await rig.keep(rig.log(rig.devEui, "UPLINK_F_CNT_RETRANSMISSION"));
  expect(await kinds()).toEqual(["battery-low"]);
  await rig.desk.changeRule(tenant.id, "battery-low", undefined);
  await rig.pass(20 * second, 10 * second);
  await rig.keep(rig.status(rig.devEui, 45));
  expect(await kinds()).toEqual([]);
});

test("an alert of a device that is deleted is over, and nobody is told", async () => {
  const [devEui] = await rig.addDevices(1);
  if (devEui === undefined) throw new Error("there is no device");
  await rig.keep(rig.status(devEui, 5));
  await rig.pass(20 * second, 10 * second);
  await sql.run("delete from devices where dev_eui = $1", [devEui]);
  await rig.pass(11 * minute);
  expect(await kinds()).toEqual([]);
  expect(transitions()).toEqual(["battery-low raised"]);
});
