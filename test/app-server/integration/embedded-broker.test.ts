import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  type EmbeddedBroker,
  type EmbeddedBrokerLimits,
  startEmbeddedBroker,
} from "../../../app-server/integration/embedded-broker.ts";
import type { ApplicationEvent, CodecSandbox, MqttCredentials, MqttLogin } from "../../../app-server/ports.ts";
import type { ApplicationId } from "../../../lorawan/ids.ts";
import { systemClock } from "../../../platform/clock.ts";
import { createLog } from "../../../platform/log.ts";
import { createDownlinks } from "../support/downlinks.ts";
import { applicationId, devEui, deviceInfo, otherApplicationId } from "../support/fixtures.ts";
import { closed, connectClient, connectError, grantedFor } from "../support/mqtt.ts";

const noCodecs: CodecSandbox = {
  decode: async () => ({ kind: "failed", message: "no codecs here" }),
  decodeDownlink: async () => ({ kind: "failed", message: "no codecs here" }),
  encode: async () => ({ kind: "failed", message: "no codecs here" }),
  close: async () => undefined,
};
const logins = new Map<string, MqttLogin>();
const loginListeners = new Set<(username?: string) => void>();
const credentials: MqttCredentials = {
  verify: async (username, password) => (password === "secret" ? logins.get(username) : undefined),
  exists: async username => logins.has(username),
  onChange(listener) {
    loginListeners.add(listener);
    return () => loginListeners.delete(listener);
  },
};
const own = { username: "own", password: "secret" };
const reader = { username: "reader", password: "secret" };
const other = { username: "other", password: "secret" };
const administrator = { username: "admin", password: "very secret" };

let downlinks = createDownlinks(systemClock, noCodecs);
let broker: EmbeddedBroker;
let url = "";
const open: { endAsync(force: boolean): Promise<void> }[] = [];

async function start(limits: Partial<EmbeddedBrokerLimits> = {}, port = 0): Promise<EmbeddedBroker> {
  return startEmbeddedBroker({
    host: "127.0.0.1",
    port,
    credentials,
    administrator,
    commands: downlinks.commands,
    qos: 1,
    retain: false,
    clock: systemClock,
    log: createLog({ level: "silent" }),
    metrics: downlinks.metrics,
    limits,
  });
}

async function use(limits: Partial<EmbeddedBrokerLimits> = {}): Promise<void> {
  downlinks = createDownlinks(systemClock, noCodecs);
  broker = await start(limits);
  url = `mqtt://127.0.0.1:${broker.port}`;
}

async function client(login: object, options: object = {}) {
  const opened = await connectClient(url, { ...login, ...options });
  open.push(opened.client);
  return opened;
}

beforeEach(() => {
  logins
    .set("own", { applicationId, isReadOnly: false })
    .set("reader", { applicationId, isReadOnly: true })
    .set("other", { applicationId: otherApplicationId, isReadOnly: false });
  return use();
});
afterEach(async () => {
  await Promise.all(open.splice(0).map(one => one.endAsync(true)));
  await broker.close();
});

const event = (n: number, application: ApplicationId = applicationId): ApplicationEvent => ({
  kind: "up",
  tenantId: deviceInfo.tenantId,
  applicationId: application,
  devEui,
  json: JSON.stringify({ fCnt: n }),
});
const eventTopic = `application/${applicationId}/device/${devEui}/event/up`;
const commandTopic = `application/${applicationId}/device/${devEui}/command/down`;
const refusals = async (): Promise<Record<string, number>> =>
  Object.fromEntries(
    (await downlinks.metrics.mqttRefused.get()).values.map(({ labels, value }) => [labels.what, value]),
  );

describe("events", () => {
  test("reach the application's subscribers in order, and no other application's", async () => {
    const [mine, theirs] = [await client(own), await client(other)];
    await mine.client.subscribeAsync(`application/${applicationId}/#`, { qos: 1 });
    await theirs.client.subscribeAsync(`application/${otherApplicationId}/#`, { qos: 1 });
    for (let n = 0; n < 200; n += 1) await broker.sink.deliver(event(n));
    await broker.sink.deliver(event(1000, otherApplicationId));
    for (let n = 0; n < 200; n += 1) expect(await mine.next()).toEqual({ topic: eventTopic, body: { fCnt: n } });
    expect((await theirs.next()).body).toEqual({ fCnt: 1000 });
    expect(theirs.messages).toEqual([]);
  });

  test("wait for a client with a lasting session that is away", async () => {
    const session = { clean: false, clientId: "dashboard" };
    const first = await client(own, session);
    await first.client.subscribeAsync(`application/${applicationId}/#`, { qos: 1 });
    await first.client.endAsync();
    for (let n = 0; n < 5; n += 1) await broker.sink.deliver(event(n));
    const second = await client(own, session);
    for (let n = 0; n < 5; n += 1) expect((await second.next()).body).toEqual({ fCnt: n });
  });

  test("of a lasting session are bounded: the oldest go", async () => {
    await broker.close();
    await use({ maxQueuedPerSession: 3 });
    const session = { clean: false, clientId: "dashboard" };
    const first = await client(own, session);
    await first.client.subscribeAsync(`application/${applicationId}/#`, { qos: 1 });
    await first.client.endAsync();
    for (let n = 0; n < 10; n += 1) await broker.sink.deliver(event(n));
    const second = await client(own, session);
    for (let n = 7; n < 10; n += 1) expect((await second.next()).body).toEqual({ fCnt: n });
  });

  test("reach subscribers over WebSocket", async () => {
    const http = createServer();
    http.on("upgrade", (request, socket, head) => broker.upgrade(request, socket, head));
    await new Promise<void>(resolve => http.listen(0, "127.0.0.1", resolve));
    const address = http.address() as AddressInfo;
    const mine = await connectClient(`ws://127.0.0.1:${address.port}/mqtt`, own);
    await mine.client.subscribeAsync(`application/${applicationId}/#`, { qos: 1 });
    await broker.sink.deliver(event(7));
    expect((await mine.next()).body).toEqual({ fCnt: 7 });
    await mine.client.endAsync(true);
    http.close();
  });

  test("are handed over although a subscriber does not read, and that one is disconnected", async () => {
    await broker.close();
    await use({ maxUnreadBytes: 200_000 });
    const [deaf, healthy] = [await client(own), await client(own)];
    for (const one of [deaf, healthy]) await one.client.subscribeAsync(`application/${applicationId}/#`, { qos: 1 });
    deaf.client.stream.pause();
    const large = { ...event(0), json: JSON.stringify({ filler: "x".repeat(100_000) }) };
    const count = 150;
    for (let n = 0; n < count; n += 1) await broker.sink.deliver(large);
    for (let n = 0; n < count; n += 1) await healthy.next();
    expect((await refusals()).unread).toBe(1);
  });
});

describe("logins", () => {
  test.each([
    ["anonymous", {}],
    ["wrong password", { username: "own", password: "wrong" }],
    ["unknown name", { username: "nobody", password: "secret" }],
    ["name alone", { username: "own" }],
    ["administrator with a wrong password", { username: "admin", password: "secret" }],
  ])("%s is refused", async (_name, login) => {
    expect(await connectError(url, login)).toMatch(/refused|not authorized|bad user/i);
    expect(await refusals()).toEqual({ login: 1 });
  });

  test.each([
    ["is told of", "own"],
    ["learns after news were lost of", undefined],
  ])("the broker %s a login that is gone, and ends its connections alone", async (_how, told) => {
    const [gone, another] = [await client(own, { reconnectPeriod: 0 }), await client(other)];
    logins.delete("own");
    for (const listener of loginListeners) listener(told);
    await closed(gone.client);
    expect(another.client.connected).toBe(true);
    expect(await connectError(url, own)).toContain("Bad username or password");
  });

  test("nobody takes over the session of another application by its client identifier", async () => {
    const session = { clean: false, clientId: "shared" };
    const mine = await client(own, session);
    await mine.client.subscribeAsync(`application/${applicationId}/#`, { qos: 1 });
    const theirs = await client(other, session);
    await broker.sink.deliver(event(1));
    expect((await mine.next()).body).toEqual({ fCnt: 1 });
    expect(mine.client.connected).toBe(true);
    expect(theirs.messages).toEqual([]);
  });
});

describe("subscriptions", () => {
  test("each filter is judged on its own, and refused ones get 128", async () => {
    const mine = await client(own);
    const filters = [
      `application/${applicationId}/#`,
      "#",
      `application/${otherApplicationId}/#`,
      "$SYS/#",
      "application/#",
    ];
    expect(await grantedFor(mine.client, filters)).toEqual([1, 128, 128, 128, 128]);
    await broker.sink.deliver(event(1, otherApplicationId));
    await broker.sink.deliver(event(2));
    expect((await mine.next()).body).toEqual({ fCnt: 2 });
    expect(await refusals()).toEqual({ subscribe: 4 });
  });

  test("a wildcard in place of the application brings the own application's events, live, kept and after a pause", async () => {
    const session = { clean: false, clientId: "any application" };
    const mine = await client(own, session);
    expect(await grantedFor(mine.client, ["application/+/device/+/event/up"])).toEqual([1]);
    await broker.sink.deliver(event(1, otherApplicationId));
    await broker.sink.deliver(event(2));
    expect((await mine.next()).body).toEqual({ fCnt: 2 });
    await mine.client.endAsync();
    await broker.sink.deliver(event(3, otherApplicationId));
    await broker.sink.deliver(event(4));
    const again = await client(own, session);
    expect((await again.next()).body).toEqual({ fCnt: 4 });
  });

  test("a refused filter does not come back with a lasting session", async () => {
    const session = { clean: false, clientId: "sneaky" };
    const mine = await client(own, session);
    const filters = [`application/${applicationId}/#`, `application/${otherApplicationId}/#`];
    expect(await grantedFor(mine.client, filters)).toEqual([1, 128]);
    await mine.client.endAsync();
    await broker.sink.deliver(event(1, otherApplicationId));
    await broker.sink.deliver(event(2));
    const again = await client(own, session);
    expect((await again.next()).body).toEqual({ fCnt: 2 });
    await broker.sink.deliver(event(3, otherApplicationId));
    await broker.sink.deliver(event(4));
    expect((await again.next()).body).toEqual({ fCnt: 4 });
  });

  test("the administrator reads every application", async () => {
    const admin = await client(administrator);
    expect(await grantedFor(admin.client, ["application/#", "#"])).toEqual([1, 128]);
    await broker.sink.deliver(event(1));
    await broker.sink.deliver(event(2, otherApplicationId));
    expect([(await admin.next()).body, (await admin.next()).body]).toEqual([{ fCnt: 1 }, { fCnt: 2 }]);
  });
});

describe("publishing", () => {
  test("a command is in the device's queue when it is acknowledged", async () => {
    const mine = await client(own);
    await mine.client.publishAsync(commandTopic, JSON.stringify({ fPort: 2, data: "AQI=" }), { qos: 1, retain: true });
    expect(await downlinks.queue.list(devEui)).toMatchObject([{ fPort: 2, data: "AQI=" }]);
    const late = await client(own);
    await late.client.subscribeAsync(`application/${applicationId}/#`, { qos: 1 });
    await broker.sink.deliver(event(5));
    expect((await late.next()).body).toEqual({ fCnt: 5 });
  });

  test("a command that comes in many pieces is taken", async () => {
    const mine = await client(own);
    const write = mine.client.stream.write.bind(mine.client.stream);
    mine.client.stream.write = (data: Buffer | string) => {
      const chunk = Buffer.from(data);
      for (let start = 0; start < chunk.length; start += 1000) write(chunk.subarray(start, start + 1000));
      return true;
    };
    const note = "x".repeat(40_000);
    await mine.client.publishAsync(commandTopic, JSON.stringify({ fPort: 2, data: "AQI=", note }), { qos: 1 });
    expect(await downlinks.queue.list(devEui)).toHaveLength(1);
  });

  test("a refused command is answered by a log event", async () => {
    const mine = await client(own);
    await mine.client.subscribeAsync(`application/${applicationId}/device/+/event/log`, { qos: 1 });
    await mine.client.publishAsync(commandTopic, "not JSON", { qos: 1 });
    const { topic, body } = await mine.next();
    expect(topic).toBe(`application/${applicationId}/device/${devEui}/event/log`);
    expect(body).toMatchObject({ level: "ERROR", code: "DOWNLINK_CODEC", context: { reason: "malformed" } });
  });

  test.each([
    ["an event topic", eventTopic, own],
    ["another application's device", `application/${otherApplicationId}/device/${devEui}/command/down`, own],
    ["$SYS", "$SYS/x", own],
    ["anything else", "hello", own],
    ["its own device by a read-only login", commandTopic, reader],
  ])("to %s ends the connection and reaches nobody", async (_name, topic, login) => {
    const [mine, admin] = [await client(login), await client(administrator)];
    await admin.client.subscribeAsync("application/#", { qos: 1 });
    const gone = closed(mine.client);
    mine.client.publish(topic, "{}", { qos: 1 }, () => undefined);
    await gone;
    await broker.sink.deliver(event(9));
    expect((await admin.next()).body).toEqual({ fCnt: 9 });
    expect(await downlinks.queue.list(devEui)).toEqual([]);
    expect((await refusals()).publish).toBe(1);
  });

  test("a last will to an event topic is not published", async () => {
    const will = { topic: eventTopic, payload: Buffer.from('{"forged":true}'), qos: 1 as const, retain: false };
    const [mine, admin] = [await client(own, { will }), await client(administrator)];
    await admin.client.subscribeAsync("application/#", { qos: 1 });
    mine.client.stream.destroy();
    await expect.poll(refusals).toMatchObject({ publish: 1 });
    await broker.sink.deliver(event(9));
    expect((await admin.next()).body).toEqual({ fCnt: 9 });
  });
});

describe("limits", () => {
  test("a packet that announces too much ends the connection, before any login", async () => {
    const socket = connect(broker.port, "127.0.0.1");
    const gone = new Promise<void>(resolve => socket.once("close", () => resolve()));
    socket.on("error", () => undefined);
    socket.write(Uint8Array.of(0x10, 0xff, 0xff, 0xff, 0x7f));
    await gone;
    expect(await refusals()).toEqual({ packet: 1 });
  });

  test("one connection more than allowed is closed", async () => {
    await broker.close();
    await use({ maxConnections: 1 });
    await client(own);
    expect(await connectError(url, own)).not.toBe("connected");
    expect(await refusals()).toEqual({ connection: 1 });
  });

  test("a taken port is named together with its option", async () => {
    await expect(start({}, broker.port)).rejects.toThrow(/--mqtt-port/);
  });

  test("a closed broker refuses events, so that they stay in the log", async () => {
    const another = await start();
    await another.close();
    await expect(another.sink.deliver(event(1))).rejects.toThrow(/closed/);
  });
});
