import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { EmbeddedBroker } from "../../../app-server/integration/embedded-broker.ts";
import type { MqttLogin } from "../../../app-server/ports.ts";
import { createTwinRequests } from "../../../app-server/twin/requests.ts";
import { createTwins } from "../../../app-server/twin/twins.ts";
import { systemClock } from "../../../platform/clock.ts";
import { createMetrics } from "../../../platform/metrics.ts";
import { startTestBroker } from "../../support/embedded-broker.ts";
import { createMemoryTwins } from "../../support/memory-twins.ts";
import { applicationId, devEui, directoryDevice, otherApplicationId } from "../support/fixtures.ts";
import { closed, connectClient } from "../support/mqtt.ts";

const logins: Readonly<Record<string, MqttLogin>> = {
  own: { applicationId, isReadOnly: false },
  reader: { applicationId, isReadOnly: true },
  other: { applicationId: otherApplicationId, isReadOnly: false },
};
const directory = { device: async (one: string) => (one === devEui ? directoryDevice() : undefined) };
const queue = { remove: async () => false };
const folder = mkdtempSync(join(tmpdir(), "upchirp-twin-"));
let broker: EmbeddedBroker;
const open: { endAsync(force: boolean): Promise<void> }[] = [];

beforeAll(async () => {
  const twins = createTwins({ store: createMemoryTwins(), directory, queue, clock: systemClock });
  broker = await startTestBroker(folder, applicationId, {
    twins: createTwinRequests({ twins, directory, metrics: createMetrics() }),
    credentials: {
      verify: async username => logins[username],
      exists: async () => true,
      onChange: () => () => undefined,
    },
  });
});
afterAll(async () => {
  await Promise.all(open.map(client => client.endAsync(true)));
  await broker.close();
  rmSync(folder, { recursive: true });
});

async function connected(username: string) {
  const one = await connectClient(`mqtt://127.0.0.1:${broker.port}`, { username, password: "secret" });
  open.push(one.client);
  return one;
}

const topicOf = (rest: string, application: string = applicationId) =>
  `application/${application}/device/${devEui}/twin/${rest}`;
const send = (
  client: Awaited<ReturnType<typeof connected>>["client"],
  rest: string,
  body: unknown,
  application?: string,
) =>
  client.publishAsync(topicOf(rest, application), typeof body === "string" ? body : JSON.stringify(body), { qos: 1 });

test("an update is answered before it is acknowledged, with the token that it came with", async () => {
  const { client, next } = await connected("own");
  await client.subscribeAsync(topicOf("+/+"), { qos: 1 });
  await send(client, "update", { desired: { interval: 600 }, clientToken: "one" });
  expect(await next()).toMatchObject({
    topic: topicOf("update/accepted"),
    body: { clientToken: "one", delta: { interval: 600 }, version: { desired: 1 } },
  });
  await send(client, "get", "");
  expect(await next()).toMatchObject({ topic: topicOf("get/accepted"), body: { desired: { interval: 600 } } });
});

test("what is refused has a number, a reason and a sentence", async () => {
  const { client, next } = await connected("own");
  await client.subscribeAsync(topicOf("+/rejected"), { qos: 1 });
  const refused = async (operation: string, body: unknown) => {
    await send(client, operation, body);
    return (await next()).body;
  };
  expect(await refused("update", { desired: { a: 1 }, version: 77, clientToken: "t" })).toMatchObject({
    code: 409,
    reason: "conflict",
    clientToken: "t",
  });
  expect(await refused("update", "no JSON")).toMatchObject({ code: 400 });
  expect(await refused("update", { reported: { a: 1 } })).toMatchObject({ code: 400 });
  expect(await refused("update", { desired: { $a: 1 } })).toMatchObject({
    code: 400,
    message: expect.stringContaining("/$a"),
  });
  expect(await refused("update", { desired: { a: "x".repeat(9000) } })).toMatchObject({
    code: 413,
    reason: "too_large",
  });
  expect(await refused("get", [])).toMatchObject({ code: 400 });
});

test("nobody reaches another application's twins, and who may only read asks for nothing", async () => {
  const [other, owner] = [await connected("other"), await connected("own")];
  await owner.client.subscribeAsync(topicOf("+/+"), { qos: 1 });
  // As if the device were of its own application: it is told nothing.
  await other.client.subscribeAsync(`application/${otherApplicationId}/device/+/twin/+/+`, { qos: 1 });
  await send(other.client, "update", { desired: { stolen: true } }, otherApplicationId);
  await send(owner.client, "get", {});
  expect((await owner.next()).body.desired).not.toHaveProperty("stolen");
  expect(other.messages).toEqual([]);
  const ended = closed(other.client);
  other.client.publish(topicOf("update"), "{}", { qos: 1 });
  await ended;
  const reader = await connected("reader");
  const refused = closed(reader.client);
  reader.client.publish(topicOf("get"), "{}", { qos: 1 });
  await refused;
  const forger = await connected("own");
  const caught = closed(forger.client);
  forger.client.publish(topicOf("update/documents"), "{}", { qos: 1 });
  await caught;
});
