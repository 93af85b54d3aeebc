import { createServer } from "node:net";
import { Aedes } from "aedes";
import { afterEach, describe, expect, test } from "vitest";
import { createMqttIntegration, type MqttIntegration } from "../../../app-server/integration/mqtt.ts";
import type { ApplicationCommands, ApplicationEvent, CodecSandbox } from "../../../app-server/ports.ts";
import { systemClock } from "../../../platform/clock.ts";
import { createLog } from "../../../platform/log.ts";
import { createDownlinks } from "../support/downlinks.ts";
import { applicationId, devEui, deviceInfo } from "../support/fixtures.ts";
import { freePort, mosquittoMissing, mosquittoPub, mosquittoSub, startMosquitto } from "../support/mosquitto.ts";
import { connectClient } from "../support/mqtt.ts";

const noCodecs: CodecSandbox = {
  decode: async () => ({ kind: "failed", message: "no codecs here" }),
  decodeDownlink: async () => ({ kind: "failed", message: "no codecs here" }),
  encode: async () => ({ kind: "failed", message: "no codecs here" }),
  close: async () => undefined,
};
const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** An ordinary broker, so that these tests need no other program. */
async function startBroker(port: number) {
  const aedes = await Aedes.createBroker();
  const server = createServer(aedes.handle);
  await new Promise<void>(resolve => server.listen(port, "127.0.0.1", resolve));
  const stop = async () => {
    const closed = new Promise<void>(resolve => server.close(() => resolve()));
    await new Promise<void>(resolve => aedes.close(resolve));
    await closed;
  };
  return { stop };
}

interface Options {
  readonly clientId?: string;
  readonly commandGroup?: string;
  readonly commands?: ApplicationCommands;
  readonly login?: object;
}

function integrate(port: number, options: Options = {}) {
  const downlinks = createDownlinks(systemClock, noCodecs);
  const integration: MqttIntegration = createMqttIntegration({
    url: `mqtt://127.0.0.1:${port}`,
    qos: 1,
    retain: false,
    commands: options.commands ?? downlinks.commands,
    log: createLog({ level: "silent" }),
    metrics: downlinks.metrics,
    reconnectMs: 20,
    ...(options.clientId === undefined ? {} : { clientId: options.clientId }),
    ...(options.commandGroup === undefined ? {} : { commandGroup: options.commandGroup }),
    ...options.login,
  });
  ends.push(() => integration.close());
  return { integration, ...downlinks };
}

async function subscriber(port: number) {
  const opened = await connectClient(`mqtt://127.0.0.1:${port}`, {});
  ends.push(() => opened.client.endAsync(true));
  await opened.client.subscribeAsync("application/#", { qos: 1 });
  return opened;
}

const event = (n: number): ApplicationEvent => ({
  kind: "up",
  tenantId: deviceInfo.tenantId,
  applicationId,
  devEui,
  json: JSON.stringify({ fCnt: n }),
});
const eventTopic = `application/${applicationId}/device/${devEui}/event/up`;
const commandTopic = `application/${applicationId}/device/${devEui}/command/down`;

describe("an external broker", () => {
  test("gets events in order, and deliver resolves when it has them", async () => {
    const port = await freePort();
    const broker = await startBroker(port);
    ends.push(broker.stop);
    const reader = await subscriber(port);
    const { integration } = integrate(port);
    await integration.ready();
    for (let n = 0; n < 50; n += 1) await integration.sink.deliver(event(n));
    for (let n = 0; n < 50; n += 1) expect(await reader.next()).toEqual({ topic: eventTopic, body: { fCnt: n } });
  });

  test("that is away makes deliver wait, and gets the event when it is back", async () => {
    const port = await freePort();
    const first = await startBroker(port);
    const { integration, metrics } = integrate(port);
    const failures = async () => (await metrics.sinkFailures.get()).values;
    await integration.ready();
    await first.stop();
    await expect.poll(() => integration.connected()).toBe(false);
    expect(await failures()).toEqual([]);
    let delivered = false;
    const delivery = integration.sink.deliver(event(1)).then(() => {
      delivered = true;
    });
    await expect.poll(failures).toMatchObject([{ labels: { sink: "mqtt" } }]);
    const second = await startBroker(port);
    ends.push(second.stop);
    expect(delivered).toBe(false);
    await delivery;
    expect(integration.connected()).toBe(true);
  });

  test("that was never there: deliver rejects when the integration closes", async () => {
    const { integration } = integrate(await freePort());
    const delivery = integration.sink.deliver(event(1));
    await integration.close();
    await expect(delivery).rejects.toThrow(/closing/);
  });

  test("brings commands, which are queued before they are acknowledged, and refusals are answered", async () => {
    const port = await freePort();
    const broker = await startBroker(port);
    ends.push(broker.stop);
    const reader = await subscriber(port);
    const { integration, queue } = integrate(port);
    await integration.ready();
    await reader.client.publishAsync(commandTopic, JSON.stringify({ fPort: 2, data: "AQI=" }), { qos: 1 });
    await expect.poll(() => queue.list(devEui)).toMatchObject([{ fPort: 2, data: "AQI=" }]);
    await reader.next();
    await reader.client.publishAsync(commandTopic, JSON.stringify({ fPort: 0, data: "AQI=" }), { qos: 1 });
    await reader.next();
    const { topic, body } = await reader.next();
    expect(topic).toBe(`application/${applicationId}/device/${devEui}/event/log`);
    expect(body).toMatchObject({ level: "ERROR", code: "DOWNLINK_CODEC", context: { reason: "invalid" } });
  });

  test("gives a command again that could not be stored", async () => {
    const port = await freePort();
    const broker = await startBroker(port);
    ends.push(broker.stop);
    const tries: string[] = [];
    const commands: ApplicationCommands = {
      async down(_applicationId, _devEui, body) {
        tries.push(Buffer.from(body).toString());
        if (tries.length === 1) throw new Error("the store cannot answer");
        return { kind: "enqueued", id: "x" };
      },
    };
    const { integration } = integrate(port, { clientId: "upchirp", commands });
    await integration.ready();
    const reader = await subscriber(port);
    await reader.client.publishAsync(commandTopic, '{"a":1}', { qos: 1 });
    await expect.poll(() => tries).toEqual(['{"a":1}', '{"a":1}']);
  });

  test("keeps commands for an integration with a name while it is away", async () => {
    const port = await freePort();
    const broker = await startBroker(port);
    ends.push(broker.stop);
    const first = integrate(port, { clientId: "upchirp" });
    await first.integration.ready();
    await first.integration.close();
    const reader = await subscriber(port);
    await reader.client.publishAsync(commandTopic, JSON.stringify({ fPort: 2, data: "AQI=" }), { qos: 1 });
    const second = integrate(port, { clientId: "upchirp" });
    await expect.poll(() => second.queue.list(devEui)).toMatchObject([{ fPort: 2 }]);
  });
});

const missing = mosquittoMissing();
describe.skipIf(missing !== undefined)(`Mosquitto${missing === undefined ? "" : ` (skipped: ${missing})`}`, () => {
  const login = { username: "server", password: "secret" };

  test("carries events to mosquitto_sub and commands from mosquitto_pub", async () => {
    const port = await freePort();
    const broker = await startMosquitto(port);
    ends.push(broker.stop);
    // Retained, so that it does not matter when mosquitto_sub has subscribed.
    const { integration, queue } = integrate(port, { login: { ...login, retain: true } });
    await integration.ready();
    await integration.sink.deliver(event(1));
    mosquittoPub(port, commandTopic, JSON.stringify({ devEui, fPort: 7, confirmed: true, data: "AQI=" }));
    await expect.poll(() => queue.list(devEui)).toMatchObject([{ fPort: 7, confirmed: true }]);
    mosquittoPub(port, commandTopic, "oops");
    const [log, up] = await mosquittoSub(port, "application/+/device/+/event/#", 2);
    expect(up).toBe(`${eventTopic} {"fCnt":1}`);
    expect(log).toContain("event/log");
  });

  test("gives each command to one of the integrations of a group, and all to the one that is left", async () => {
    const port = await freePort();
    const broker = await startMosquitto(port);
    ends.push(broker.stop);
    const taken: string[] = [];
    const commandsOf = (who: string): ApplicationCommands => ({
      async down(_applicationId, _devEui, body) {
        taken.push(`${who} ${Buffer.from(body).toString()}`);
        return { kind: "enqueued", id: "x" };
      },
    });
    const [one, other] = ["one", "other"].map(who =>
      integrate(port, { commands: commandsOf(who), commandGroup: "upchirp", login }),
    );
    await Promise.all([one?.integration.ready(), other?.integration.ready()]);
    for (let n = 0; n < 6; n += 1) mosquittoPub(port, commandTopic, String(n));
    await expect.poll(() => taken.map(text => text.split(" ")[1]).sort()).toEqual(["0", "1", "2", "3", "4", "5"]);
    expect(new Set(taken.map(text => text.split(" ")[0])).size).toBe(2);
    await other?.integration.close();
    taken.length = 0;
    for (let n = 0; n < 4; n += 1) mosquittoPub(port, commandTopic, String(n));
    await expect.poll(() => taken).toEqual([0, 1, 2, 3].map(n => `one ${n}`));
  });

  test("that goes away and comes back loses no delivery", async () => {
    const port = await freePort();
    const first = await startMosquitto(port);
    const { integration } = integrate(port, { login });
    await integration.ready();
    await first.stop();
    const deliveries = [1, 2, 3].map(n => integration.sink.deliver(event(n)));
    const second = await startMosquitto(port);
    ends.push(second.stop);
    await Promise.all(deliveries);
    expect(integration.connected()).toBe(true);
  });
});
