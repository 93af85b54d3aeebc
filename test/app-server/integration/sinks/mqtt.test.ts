import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test, vi } from "vitest";
import { mqttSink } from "../../../../app-server/integration/sinks/mqtt.ts";
import { commandFilterOf, commandOf } from "../../../../app-server/integration/sinks/mqtt-commands.ts";
import { describeSink } from "../../../contracts/sink.ts";
import { applicationId, devEui, deviceInfo } from "../../support/fixtures.ts";
import { startLastingMosquitto } from "../../support/lasting-mosquitto.ts";
import { freePort, mosquittoMissing } from "../../support/mosquitto.ts";
import { integrationOf, sinkContext, sinkMessage } from "../../support/sink-context.ts";

const missing = mosquittoMissing();
const loopback = ["127.0.0.0/8", "::1/128"];
const secrets = { password: "secret of theirs" };

describe.skipIf(missing !== undefined)(`with Mosquitto${missing ? ` (${missing})` : ""}`, () => {
  describeSink(mqttSink, async () => {
    const broker = await startLastingMosquitto([], ["topic deny up/+/99"]);
    return {
      settings: {
        url: `mqtt://127.0.0.1:${broker.port}`,
        username: "server",
        protocolVersion: 5,
        topic: "up/{devEui}/{fPort}",
      },
      secrets,
      received: async () =>
        broker.messages.map(({ text }) => {
          const { deviceInfo: info, fCnt } = JSON.parse(text);
          return { devEui: info.devEui, fCnt };
        }),
      start: broker.start,
      stop: broker.stop,
      close: broker.close,
      refused: { fPort: 99 },
    };
  });

  const cleanups: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });
  const openWith = async (settings: object, context: object = {}, brokerSettings: readonly string[] = []) => {
    const broker = await startLastingMosquitto(brokerSettings);
    cleanups.push(broker.close);
    const whole = { url: `mqtt://127.0.0.1:${broker.port}`, username: "server", ...settings };
    const integration = integrationOf("mqtt", { settings: whole });
    const sink = mqttSink.open({ integration, secrets }, { ...sinkContext(), ...context });
    cleanups.push(() => sink.close());
    return { broker, deliver: (message = sinkMessage()) => sink.deliver([message], new AbortController().signal) };
  };

  test("a topic is of the format's own system unless given, and a value is one level of it", async () => {
    const { broker, deliver } = await openWith({});
    await deliver();
    const named = await openWith({ topic: "site/{deviceName}/{kind}" });
    await named.deliver(sinkMessage({ event: { deviceInfo: { deviceName: "a/b#c" } } }));
    const ttn = await openWith({}, { format: "ttn-v3" });
    await ttn.deliver(sinkMessage({ kind: "ack", event: { acknowledged: false } }));
    const topics = () =>
      [broker, named.broker, ttn.broker].flatMap(({ messages }) => messages.map(({ topic }) => topic));
    await vi.waitFor(() =>
      expect(topics()).toEqual([
        `application/${applicationId}/device/${devEui}/event/up`,
        "site/a_b_c/up",
        `v3/${applicationId}@${deviceInfo.tenantId}/devices/eui-${devEui}/down/nack`,
      ]),
    );
  });

  test("a message that a broker closes the connection for has failed, and others go on", async () => {
    const { deliver } = await openWith({}, {}, ["max_packet_size 1000"]);
    expect((await deliver(sinkMessage({ body: "x".repeat(2000) }))).kind).toBe("failed");
    expect(await deliver()).toEqual({ kind: "delivered" });
  });

  test("a wrong password is told and no connection is held", async () => {
    const { broker } = await openWith({});
    const integration = integrationOf("mqtt", {
      settings: { url: `mqtt://127.0.0.1:${broker.port}`, username: "server" },
    });
    const sink = mqttSink.open({ integration, secrets: { password: "wrong" } }, sinkContext());
    await expect(sink.deliver([sinkMessage()], new AbortController().signal)).rejects.toThrow(/not authori[sz]ed/i);
    await sink.close();
  });

  test("TLS with a client certificate goes to a broker of the given authority alone", async () => {
    const port = await freePort();
    const file = (name: string): string => fileURLToPath(new URL(`../../../support/tls/${name}`, import.meta.url));
    const pem = (name: string): string => readFileSync(file(name), "utf8");
    const { broker } = await openWith({}, {}, [
      `listener ${port} 127.0.0.1`,
      `cafile ${file("ca.pem")}`,
      `certfile ${file("server.pem")}`,
      `keyfile ${file("server.key")}`,
      "require_certificate true",
    ]);
    const attempt = async (caCertificate: string, certificate: object) => {
      const settings = { url: `mqtts://localhost:${port}`, username: "server", caCertificate: pem(caCertificate) };
      const integration = integrationOf("mqtt", { settings });
      const sink = mqttSink.open({ integration, secrets: { ...secrets, ...certificate } }, sinkContext(loopback));
      cleanups.push(() => sink.close());
      return sink.deliver([sinkMessage()], new AbortController().signal);
    };
    const own = { clientCertificate: pem("network-13.pem"), clientKey: pem("network-13.key") };
    expect(await attempt("ca.pem", own)).toEqual({ kind: "delivered" });
    await expect(attempt("other-ca.pem", own)).rejects.toThrow(/certificate/);
    await expect(attempt("ca.pem", {})).rejects.toThrow();
    await vi.waitFor(() => expect(broker.messages).toHaveLength(1));
  });

  test("measurements are announced to Home Assistant once, before the first state", async () => {
    const { broker, deliver } = await openWith({ homeAssistantPrefix: "homeassistant" });
    const event = { deviceInfo, object: { temperature: 21.5, door: { open: true }, note: "text", "bad{{": 1 } };
    await deliver(sinkMessage({ event, body: JSON.stringify(event) }));
    await deliver(sinkMessage({ event, body: JSON.stringify(event) }));
    await vi.waitFor(() => expect(broker.messages).toHaveLength(4));
    const [first, second, ...states] = broker.messages;
    expect(first?.topic).toBe(`homeassistant/sensor/upchirp_${devEui}/temperature/config`);
    expect(second?.topic).toBe(`homeassistant/binary_sensor/upchirp_${devEui}/door_open/config`);
    expect(JSON.parse(first?.text ?? "")).toMatchObject({
      unique_id: `upchirp_${devEui}_temperature`,
      state_topic: states[0]?.topic,
      value_template: expect.stringContaining('value_json["object"]["temperature"]'),
      device_class: "temperature",
      unit_of_measurement: "°C",
      device: { identifiers: [`upchirp_${devEui}`], name: deviceInfo.deviceName },
    });
    expect(new Set(states.map(({ topic }) => topic)).size).toBe(1);
  });

  test("commands come back from the broker, of its application alone, also after the broker was away", async () => {
    const taken: string[] = [];
    const commands = {
      async down(application: string, device: string, body: Uint8Array) {
        taken.push(`${application} ${device} ${Buffer.from(body)}`);
        return { kind: "enqueued", id: "1" } as const;
      },
    };
    const { broker } = await openWith({ takesCommands: true }, { commands });
    const command = `application/${applicationId}/device/${devEui}/command/down`;
    const body = '{"fPort":10,"data":"AQI="}';
    await vi.waitFor(async () => {
      await broker.publish(command, body);
      expect(taken).toContain(`${applicationId} ${devEui} ${body}`);
    });
    await broker.publish(`application/${deviceInfo.tenantId}/device/${devEui}/command/down`, body);
    await broker.stop();
    await broker.start();
    taken.length = 0;
    await vi.waitFor(
      async () => {
        await broker.publish(command, body);
        expect(new Set(taken)).toEqual(new Set([`${applicationId} ${devEui} ${body}`]));
      },
      { timeout: 10_000, interval: 200 },
    );
  });
});

describe("commands in The Things Stack's form", () => {
  const scope = { applicationId, tenantId: deviceInfo.tenantId, format: "ttn-v3" } as const;
  const topic = commandFilterOf(scope).replace("+", `eui-${devEui}`);
  const bodiesOf = (text: string) =>
    commandOf(scope, topic, Buffer.from(text)).map(command => [command.devEui, JSON.parse(command.body.toString())]);

  test("become commands, one for each downlink", () => {
    const downlinks = [
      { f_port: 2, frm_payload: "AQI=", confirmed: true },
      { f_port: 3, decoded_payload: { led: 1 } },
    ];
    expect(bodiesOf(JSON.stringify({ downlinks }))).toEqual([
      [devEui, { fPort: 2, data: "AQI=", confirmed: true }],
      [devEui, { fPort: 3, object: { led: 1 } }],
    ]);
  });

  test("that are none become none", () => {
    for (const text of ["", "[]", "{", '{"downlinks":{}}', '{"downlinks":[1]}']) expect(bodiesOf(text)).toEqual([]);
    expect(commandOf(scope, "v3/other/devices/x/down/push", Buffer.from("{}"))).toEqual([]);
  });
});
