import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createCodecSandbox } from "../../app-server/codec/sandbox.ts";
import type { ApplicationEvent } from "../../app-server/ports.ts";
import { createTwinStore } from "../../app-server/storage/twins.ts";
import { createTwinDriver } from "../../app-server/twin/driver.ts";
import { createReports } from "../../app-server/twin/reports.ts";
import { createTwinRequests } from "../../app-server/twin/requests.ts";
import { type TwinMessage, twinDeliveryStates, twinOperations } from "../../app-server/twin-ports.ts";
import { parseDevEui } from "../../lorawan/ids.ts";
import { systemClock } from "../../platform/clock.ts";
import { createLog } from "../../platform/log.ts";
import { createMetrics } from "../../platform/metrics.ts";
import { partitionOf } from "../../platform/state/store.ts";
import { directoryDevice } from "../app-server/support/fixtures.ts";
import { startTestApi, type TestApi } from "../support/api.ts";
import { addTenantWithDevice, type TenantWithDevice } from "../support/catalog.ts";
import { blocksOf, plain, readText, tableUnder } from "./markdown.ts";

const page = readText("docs/twin.md");
const blocks = blocksOf(page);
const textOf = (label: string): string => {
  const block = blocks.find(one => one.label === label);
  if (block === undefined) throw new Error(`docs/twin.md has no example "${label}"`);
  return block.text;
};
const jsonOf = (label: string): Record<string, unknown> => JSON.parse(textOf(label));

const devEui = parseDevEui("0101010101010101");
const path = `/api/devices/${devEui}/twin`;
const metrics = createMetrics();
const sandbox = createCodecSandbox({ clock: systemClock, metrics, workers: 1, timeMs: 500, graceMs: 20_000 });
const told: TwinMessage[] = [];
const policy = { firstRetryMs: 60_000, longestRetryMs: 3_600_000, maxAirtimeMs: 10_000 };
let api: TestApi;
let owner: TenantWithDevice;
beforeAll(async () => {
  api = await startTestApi();
  owner = await addTenantWithDevice(api.repositories, "meters", devEui);
});
afterAll(async () => {
  await sandbox.close();
  await api.end();
});

/** An application server's part in twins, on the same database. */
function parts() {
  const { sql, clock, queue } = api;
  const store = createTwinStore(sql);
  const codec = { kind: "javascript", script: textOf("codec") } as const;
  const device = directoryDevice(codec, { devEui, applicationId: owner.application.id });
  const directory = { device: async () => device };
  const outlets = [async (message: TwinMessage) => void told.push(message)];
  const log = createLog({ level: "silent" });
  const own = { ...queue, enqueueAlone: queue.enqueue };
  const driver = createTwinDriver({ store, directory, queue: own, sandbox, outlets, policy, clock, log, metrics });
  const reports = createReports({ store, policy, clock, metrics, onChanged: () => driver.wake() });
  const requests = createTwinRequests({ twins: api.deps.twins, directory, metrics });
  return { driver, reports, requests, codec, device };
}

const eventOf = (kind: "up" | "txack", n: number, fields: object): ApplicationEvent => ({
  kind,
  tenantId: owner.tenant.id,
  applicationId: owner.application.id,
  devEui,
  json: JSON.stringify({ deduplicationId: `00000000-0000-4000-8000-00000000000${n}`, ...fields }),
});
const settled = async (condition: () => Promise<void> | void): Promise<void> => {
  const endMs = performance.now() + 20_000;
  for (;;) {
    await api.clock.advance(200);
    await new Promise(resolve => setTimeout(resolve, 5));
    try {
      return await condition();
    } catch (error) {
      if (performance.now() > endMs) throw error;
    }
  }
};

describe("docs/twin.md", () => {
  test("a change goes out as the codec writes it, and the twin becomes what the page shows", async () => {
    const { driver, reports, codec, device } = parts();
    await driver.start();
    driver.holder.acquired(partitionOf(devEui));
    const uplink = async (n: number, fPort: number, bytes: readonly number[], time: string) => {
      const { variables } = device;
      const decoded = await sandbox.decode(codec, { bytes: Uint8Array.from(bytes), fPort, recvTimeMs: 0, variables });
      if (decoded.kind === "failed") throw new Error(decoded.message);
      await reports.keep([eventOf("up", n, { time, object: decoded.object })]);
    };
    const [, body = ""] = /-d '(.*)'/.exec(textOf("change")) ?? [];
    const [, url = ""] = /UPCHIRP_URL([^"]*)"/.exec(textOf("change")) ?? [];
    expect((await api.call("PATCH", url, JSON.parse(body))).statusCode).toBe(200);
    await settled(async () => expect(await api.queue.list(devEui)).toHaveLength(1));
    const [item] = await api.queue.list(devEui);
    const [, written = "", port] = /the downlink `([0-9a-f ]+)` goes out on port (\d+)/.exec(page) ?? [];
    expect(item).toMatchObject({ fPort: Number(port), confirmed: false });
    expect(Buffer.from(item?.data ?? "", "base64").toString("hex")).toBe(written.replaceAll(" ", ""));
    await uplink(1, 1, [42], "2026-01-01T00:10:00.000Z");
    await api.queue.flush(devEui);
    const modulation = { lora: { bandwidth: 125_000, spreadingFactor: 7, codeRate: "CR_4_5" } };
    const sent = { queueItemId: item?.id, deviceInfo: { deviceClassEnabled: "CLASS_A" }, txInfo: { modulation } };
    await reports.keep([eventOf("txack", 2, { time: "2026-01-01T00:10:00.500Z", ...sent })]);
    await uplink(3, 20, [2, 88, 0], "2026-01-01T00:20:00.000Z");
    await settled(async () => {
      const { metadata, ...twin } = (await api.call("GET", path)).json();
      const { metadata: shown, ...rest } = jsonOf("twin");
      expect(twin).toEqual(rest);
      expect(metadata.reported).toEqual(Object(shown).reported);
      expect(Object.keys(metadata.desired)).toEqual(["interval"]);
    });
    await driver.close();
  });

  test("a conflict is answered as the page shows", async () => {
    expect((await api.call("PATCH", path, jsonOf("conflict request"))).json()).toEqual(jsonOf("conflict answer"));
  });

  test("an update over MQTT, its delta and a second one that is too late are as the page shows", async () => {
    const { driver, requests } = parts();
    const ask = () => requests.take("update", owner.application.id, devEui, Buffer.from(textOf("update")));
    const first = await ask();
    expect(first).toMatchObject({ topic: "update/accepted" });
    expect(JSON.parse(first?.json ?? "")).toMatchObject({
      clientToken: jsonOf("update").clientToken,
      version: { desired: 2 },
    });
    await driver.start();
    driver.holder.acquired(partitionOf(devEui));
    await settled(() => expect(told.map(({ topic }) => topic)).toContain("update/delta"));
    await driver.close();
    const delta = told.findLast(({ topic }) => topic === "update/delta");
    expect(JSON.parse(delta?.json ?? "")).toEqual(jsonOf("delta"));
    const second = await ask();
    expect(second).toMatchObject({ topic: "update/rejected" });
    expect(JSON.parse(second?.json ?? "")).toEqual(jsonOf("rejected"));
  });

  test("its tables have every topic and every state", () => {
    const topics = tableUnder(page, "MQTT").map(([topic]) => plain(topic));
    expect(topics.filter(topic => !topic.includes("/"))).toEqual([...twinOperations]);
    for (const { topic } of told) expect(topics).toContain(topic);
    const states = tableUnder(page, "How a desired state reaches the device").map(([state]) => plain(state));
    expect(states).toEqual([...twinDeliveryStates]);
  });
});
