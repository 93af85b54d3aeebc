import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { Aedes } from "aedes";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { thingsboardSink } from "../../../../app-server/integration/sinks/thingsboard.ts";
import type { SinkMessage } from "../../../../app-server/integration-ports.ts";
import { describeSink } from "../../../contracts/sink.ts";
import { applicationId, devEui, deviceInfo } from "../../support/fixtures.ts";
import { startLastingMosquitto } from "../../support/lasting-mosquitto.ts";
import { mosquittoMissing } from "../../support/mosquitto.ts";
import { integrationOf, sinkContext, sinkMessage } from "../../support/sink-context.ts";
import { telemetryTopic, thingsboardReceived } from "../../support/thingsboard.ts";

const missing = mosquittoMissing();

const openWith = (settings: object, secrets: object, allowedNetworks?: readonly string[]) => {
  expect(thingsboardSink.faults(settings, secrets)).toEqual([]);
  const integration = integrationOf("thingsboard", { settings: { ...settings } });
  const sink = thingsboardSink.open({ integration, secrets: { ...secrets } }, sinkContext(allowedNetworks));
  onTestFinished(() => sink.close());
  return (message: SinkMessage) => sink.deliver([message], new AbortController().signal);
};

describe.skipIf(missing !== undefined)(`with Mosquitto in ThingsBoard's place${missing ? ` (${missing})` : ""}`, () => {
  describeSink(thingsboardSink, async () => {
    const broker = await startLastingMosquitto([], ["topic deny v1/gateway/other"]);
    return {
      settings: { url: `mqtt://127.0.0.1:${broker.port}`, username: "server", deviceName: "{devEui}" },
      secrets: { password: "secret of theirs" },
      received: async () => broker.messages.flatMap(thingsboardReceived),
      start: broker.start,
      stop: broker.stop,
      close: broker.close,
    };
  });
});

/** A broker that takes ThingsBoard's access tokens. */
async function startTokenBroker(token: string) {
  const said: (readonly [topic: string, body: unknown])[] = [];
  const broker = await Aedes.createBroker({
    authenticate: (_client, username, _password, done) => done(null, username === token),
  });
  broker.on("publish", ({ topic, payload }, client) => {
    if (client !== null) said.push([topic, JSON.parse(payload.toString())]);
  });
  const sockets: Socket[] = [];
  const server = createServer(socket => {
    sockets.push(socket);
    broker.handle(socket);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(async () => {
    server.close();
    await new Promise<void>(resolve => broker.close(resolve));
  });
  const address = server.address();
  const port = typeof address === "object" && address ? address.port : 0;
  return { url: `mqtt://127.0.0.1:${port}`, said, endAll: () => sockets.map(socket => socket.destroy()) };
}

const uplink = (members: object, more: Partial<SinkMessage> = {}): SinkMessage => {
  const event = { ...sinkMessage().event, object: { temperature: 27.2, door: { open: true } }, ...members };
  return sinkMessage({ event, body: JSON.stringify(event), ...more });
};

describe("ThingsBoard's gateway API", () => {
  const ts = Date.parse(sinkMessage().time);
  const attributes = {
    key: "value",
    devEui,
    applicationId,
    applicationName: "Test app",
    deviceProfileName: "Test device-profile",
  };

  test("a device is introduced once with its attributes, then each event is telemetry at its time", async () => {
    const broker = await startTokenBroker("token-of-theirs");
    const deliver = openWith({ url: broker.url, deviceType: "{applicationName}" }, { token: "token-of-theirs" });
    expect(await deliver(uplink({}))).toEqual({ kind: "delivered" });
    expect(await deliver(uplink({ fCnt: 5, object: {} }))).toEqual({ kind: "delivered" });
    const status = { deviceInfo: sinkMessage().event.deviceInfo, margin: 8, batteryLevel: 71.5 };
    expect(await deliver(sinkMessage({ kind: "status", event: status, body: JSON.stringify(status) }))).toEqual({
      kind: "delivered",
    });
    expect(broker.said).toEqual([
      ["v1/gateway/connect", { device: "Test device", type: "Test app" }],
      ["v1/gateway/attributes", { "Test device": attributes }],
      [telemetryTopic, { "Test device": [{ ts, values: { fCnt: 4, temperature: 27.2, "door.open": true } }] }],
      [telemetryTopic, { "Test device": [{ ts, values: { fCnt: 5 } }] }],
      [telemetryTopic, { "Test device": [{ ts, values: { margin: 8, batteryLevel: 71.5 } }] }],
    ]);
  });

  test("a device is introduced again over a new connection, and when its tags have changed", async () => {
    const broker = await startTokenBroker("token-of-theirs");
    const deliver = openWith({ url: broker.url, deviceName: "{devEui}" }, { token: "token-of-theirs" });
    await deliver(uplink({}));
    broker.endAll();
    await vi.waitFor(async () => expect(await deliver(uplink({}))).toEqual({ kind: "delivered" }));
    const info = { ...deviceInfo, tags: { room: "2" } };
    await deliver(uplink({ deviceInfo: info }));
    const introductions = broker.said.filter(([topic]) => topic !== telemetryTopic);
    const { key: _, ...others } = attributes;
    expect(introductions).toEqual([
      ["v1/gateway/connect", { device: devEui }],
      ["v1/gateway/attributes", { [devEui]: attributes }],
      ["v1/gateway/connect", { device: devEui }],
      ["v1/gateway/attributes", { [devEui]: attributes }],
      ["v1/gateway/attributes", { [devEui]: { ...others, room: "2" } }],
    ]);
  });

  test("what a mapping makes is the telemetry, and what makes none is refused", async () => {
    const broker = await startTokenBroker("token-of-theirs");
    const deliver = openWith({ url: broker.url }, { token: "token-of-theirs" });
    await deliver(uplink({}, { body: '{"celsius":20}' }));
    expect(broker.said.at(-1)).toEqual([telemetryTopic, { "Test device": [{ ts, values: { celsius: 20 } }] }]);
    expect(await deliver(uplink({}, { body: "[]" }))).toMatchObject({ kind: "rejected" });
    expect(await deliver(uplink({}, { time: "soon" }))).toMatchObject({ kind: "rejected" });
  });

  test("a wrong token is told, and messages wait", async () => {
    const broker = await startTokenBroker("token-of-theirs");
    const deliver = openWith({ url: broker.url }, { token: "another" });
    await expect(deliver(uplink({}))).rejects.toThrow(/not authori[sz]ed|bad user ?name/i);
    expect(broker.said).toEqual([]);
  });

  test("what may not be reached is not, and settings that cannot be meant are told", async () => {
    const url = "mqtt://127.0.0.1:1883";
    await expect(openWith({ url }, { token: "t" }, [])(uplink({}))).rejects.toThrow(/not at a public address/);
    const faultsOf = (settings: object, secrets: object = {}) =>
      thingsboardSink.faults(settings, secrets).map(({ path }) => path);
    expect(faultsOf({ url: "mqtt://thingsboard.example.com:99999" })).toEqual(["/settings/url"]);
    expect(faultsOf({ url, deviceName: "{nothing}" })).toEqual(["/settings/deviceName"]);
    expect(faultsOf({ url, username: "me" }, { token: "t" })).toEqual(["/secrets/token"]);
    expect(faultsOf({ url }, { token: "a b" })).toEqual(["/secrets/token"]);
  });
});
