import { connectAsync } from "mqtt";
import Type, { type Static, type TSchema } from "typebox";
import Value from "typebox/value";
import { expect, onTestFinished, test, vi } from "vitest";
import { recordOf } from "../app-server/support/mqtt.ts";
import { startUpchirp, temporaryFolder } from "../support/upchirp-process.ts";

test("a running server answers for twins over MQTT, puts what is desired into the device's queue, and has rules for alerts", async () => {
  const server = await startUpchirp(temporaryFolder());
  const call = async <Answer extends TSchema>(
    answer: Answer,
    method: string,
    path: string,
    body?: object,
  ): Promise<Static<Answer>> => {
    const headers = { authorization: `Bearer ${server.token()}`, ...(body && { "content-type": "application/json" }) };
    const response = await fetch(`${server.apiUrl}/api${path}`, {
      method,
      headers,
      ...(body && { body: JSON.stringify(body) }),
    });
    return Value.Parse(answer, await response.json());
  };
  const Made = Type.Object({ id: Type.String() });
  const List = Type.Object({ items: Type.Array(Type.Unknown()) });
  const [tenant] = (await call(Type.Object({ items: Type.Array(Made) }), "GET", "/tenants")).items;
  const tenantId = tenant?.id;
  const applicationId = (await call(Made, "POST", "/applications", { tenantId, name: "valves" })).id;
  const profile = { tenantId, name: "valve", region: "EU868", codec: "cayenne-lpp" };
  const deviceProfileId = (await call(Made, "POST", "/device-profiles", profile)).id;
  const devEui = "0102030405060708";
  await call(Type.Object({}), "POST", "/devices", { devEui, applicationId, deviceProfileId, name: "valve 1" });
  const Login = Type.Object({ username: Type.String(), password: Type.String() });
  const login = await call(Login, "POST", `/applications/${applicationId}/mqtt-credentials`, {});
  const client = await connectAsync(`mqtt://127.0.0.1:${server.mqttPort}`, login);
  onTestFinished(() => client.endAsync(true));
  const { messages } = recordOf(client);
  const topic = `application/${applicationId}/device/${devEui}/twin/`;
  await client.subscribeAsync(`${topic}+/+`, { qos: 1 });
  await client.publishAsync(`${topic}update`, JSON.stringify({ desired: { digitalOutput: { 1: 1 } } }), { qos: 1 });
  await vi.waitFor(
    async () => {
      expect(messages.map(one => one.topic.slice(topic.length)).toSorted()).toEqual([
        "update/accepted",
        "update/delta",
        "update/documents",
      ]);
      const { items } = await call(List, "GET", `/devices/${devEui}/queue`);
      expect(items).toMatchObject([{ id: expect.stringMatching(/^\$twin-1-/), confirmed: false }]);
    },
    { timeout: 20_000, interval: 50 },
  );
  expect(
    (await call(Type.Object({ delivery: Type.Unknown() }), "GET", `/devices/${devEui}/twin`)).delivery,
  ).toMatchObject({ state: "queued", attempts: 1 });
  expect((await call(List, "GET", "/alerts?state=open")).items).toEqual([]);
  expect((await call(List, "GET", `/tenants/${tenantId}/alert-rules`)).items.length).toBeGreaterThan(10);
}, 60_000);
