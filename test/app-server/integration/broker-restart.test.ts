import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { EmbeddedBroker } from "../../../app-server/integration/embedded-broker.ts";
import type { ApplicationEvent } from "../../../app-server/ports.ts";
import { createMetrics } from "../../../platform/metrics.ts";
import { startTestBroker } from "../../support/embedded-broker.ts";
import { applicationId, devEui, deviceInfo } from "../support/fixtures.ts";
import { connectClient } from "../support/mqtt.ts";

const script = fileURLToPath(new URL("../../support/broker-process.ts", import.meta.url));
const login = { username: "own", password: "secret" };
const lasting = { ...login, clean: false, clientId: "dashboard" };
const allEvents = `application/${applicationId}/#`;

let folder = "";
const ends: (() => Promise<unknown>)[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "upchirp-broker-"));
});
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
  rmSync(folder, { recursive: true });
});

async function startProcess() {
  const child = spawn(process.execPath, [script, folder, applicationId], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const nextLine = async () => Number((await lines.next()).value);
  const port = await nextLine();
  const kill = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
  };
  ends.push(kill);
  return { port, kill, nextLine, deliver: (n: number) => void child.stdin.write(`${n}\n`) };
}

async function startBroker(
  maxQueuedPerSession = 1000,
): Promise<{ broker: EmbeddedBroker; url: string; metrics: ReturnType<typeof createMetrics> }> {
  const metrics = createMetrics();
  const options = { retain: true, metrics, limits: { maxQueuedPerSession } };
  const broker = await startTestBroker(folder, applicationId, options);
  ends.push(() => broker.close());
  return { broker, metrics, url: `mqtt://127.0.0.1:${broker.port}` };
}

async function client(url: string, options: object) {
  const opened = await connectClient(url, options);
  ends.push(() => opened.client.endAsync(true));
  return opened;
}

const event = (fCnt: number): ApplicationEvent => ({
  kind: "up",
  tenantId: deviceInfo.tenantId,
  applicationId,
  devEui,
  json: JSON.stringify({ fCnt }),
});

test("what was handed over for a client that is away is there after a kill -9", async () => {
  const first = await startProcess();
  const before = await client(`mqtt://127.0.0.1:${first.port}`, lasting);
  await before.client.subscribeAsync(allEvents, { qos: 1 });
  await before.client.endAsync();
  const count = 200;
  for (let n = 0; n < count; n += 1) first.deliver(n);
  // Some are on their way when the process dies; those that it called handed over must be there.
  const handedOver = new Set<number>();
  while (handedOver.size < count / 2) handedOver.add(await first.nextLine());
  await first.kill();

  const second = await startProcess();
  const after = await client(`mqtt://127.0.0.1:${second.port}`, lasting);
  const seen = new Set<unknown>();
  while ([...handedOver].some(n => !seen.has(n))) seen.add((await after.next()).body.fCnt);
  second.deliver(1000);
  while (!seen.has(1000)) seen.add((await after.next()).body.fCnt);
});

test("a message that the client acknowledged does not come again after a restart, and one that it left does", async () => {
  const first = await startBroker();
  const before = await client(first.url, lasting);
  await before.client.subscribeAsync(allEvents, { qos: 1 });
  await first.broker.sink.deliver(event(1));
  await before.next();
  await before.client.endAsync();
  await first.broker.sink.deliver(event(2));
  await first.broker.close();

  const second = await startBroker();
  const after = await client(second.url, lasting);
  expect((await after.next()).body).toEqual({ fCnt: 2 });
});

test("retained messages survive a restart", async () => {
  const first = await startBroker();
  for (let n = 0; n < 3; n += 1) await first.broker.sink.deliver(event(n));
  await first.broker.close();
  const second = await startBroker();
  const reader = await client(second.url, login);
  await reader.client.subscribeAsync(allEvents, { qos: 1 });
  expect((await reader.next()).body).toEqual({ fCnt: 2 });
});

test("a session that its client gave up is gone after a restart", async () => {
  const first = await startBroker();
  const before = await client(first.url, lasting);
  await before.client.subscribeAsync(allEvents, { qos: 1 });
  await before.client.endAsync();
  await (await client(first.url, { ...lasting, clean: true })).client.endAsync();
  await first.broker.close();
  const second = await startBroker();
  await second.broker.sink.deliver(event(1));
  const after = await connectClient(second.url, lasting);
  ends.push(() => after.client.endAsync(true));
  await after.client.subscribeAsync(`application/${applicationId}/device/+/event/join`, { qos: 1 });
  await second.broker.sink.deliver({ ...event(2), kind: "join" });
  expect((await after.next()).body).toEqual({ fCnt: 2 });
});

test("what waits is bounded, on the disk as well, and what the limit costs is counted", async () => {
  const first = await startBroker(3);
  const before = await client(first.url, lasting);
  await before.client.subscribeAsync(allEvents, { qos: 1 });
  await before.client.endAsync();
  for (let n = 0; n < 10; n += 1) await first.broker.sink.deliver(event(n));
  expect((await first.metrics.mqttDropped.get()).values).toMatchObject([{ value: 7 }]);
  await first.broker.close();
  const second = await startBroker(3);
  const after = await client(second.url, lasting);
  for (let n = 7; n < 10; n += 1) expect((await after.next()).body).toEqual({ fCnt: n });
});
