import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { connectAsync } from "mqtt";
import Type from "typebox";
import Value from "typebox/value";
import { expect, onTestFinished, test } from "vitest";
import { regionOf } from "../../lorawan/region/regions.ts";
import { systemClock } from "../../platform/clock.ts";
import type { DeviceEvent } from "../../simulators/device-events.ts";
import { createFleet, describeFleet, type Fleet } from "../../simulators/fleet.ts";
import { provision } from "../../simulators/provision.ts";
import { followingPort } from "../support/following-port.ts";
import { startUpchirp, temporaryFolder, type UpchirpProcess } from "../support/upchirp-process.ts";

const seed = 7;
const size = { seed, devices: 4, gateways: 1 };

/** A fleet that speaks to the server over real UDP, with everything that its devices report. */
async function startFleet(server: UpchirpProcess) {
  const region = regionOf("EU868", "RP002-1.0.4");
  const described = describeFleet(size);
  const access = { token: server.token() };
  const shape = { ...described, region, macVersion: "1.0.4" as const };
  const { applicationId } = await provision({ ...shape, apiUrl: server.apiUrl, access });
  const events: { readonly devEui: string; readonly event: DeviceEvent }[] = [];
  let port = server.udpPort;
  const fleet: Fleet = createFleet({
    ...size,
    clock: systemClock,
    region,
    macVersion: "1.0.4",
    connect: () => followingPort(() => port),
    intervalSeconds: 3,
    startWithinSeconds: 1,
    confirmedShare: 0.5,
    // Near enough that no device is out of reach at its first data rate.
    radiusM: 200,
    listener: (device, event) => events.push({ devEui: device.credentials.devEui, event }),
  });
  onTestFinished(() => fleet.stop());
  fleet.start();
  return {
    fleet,
    applicationId,
    events,
    moveTo(next: UpchirpProcess) {
      port = next.udpPort;
    },
  };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise(resolve => setTimeout(resolve, 50));
}

const mqttLogin = Type.Object({ password: Type.String() });

async function loginFor(server: UpchirpProcess, applicationId: string): Promise<string> {
  const answer = await fetch(`${server.apiUrl}/api/applications/${applicationId}/mqtt-credentials`, {
    method: "POST",
    headers: { authorization: `Bearer ${server.token()}`, "content-type": "application/json" },
    body: JSON.stringify({ username: "reader" }),
  });
  return Value.Parse(mqttLogin, await answer.json()).password;
}

const uplink = Type.Object({
  deduplicationId: Type.String(),
  deviceInfo: Type.Object({ devEui: Type.String() }),
  fCnt: Type.Integer(),
  object: Type.Record(Type.String(), Type.Unknown()),
  rxInfo: Type.Array(Type.Object({ gatewayId: Type.String() })),
});

test("C15 after kill -9 devices go on without a new join, and no uplink counter is delivered twice or goes back", async () => {
  const folder = temporaryFolder();
  const first = await startUpchirp(folder);
  const { fleet, events, moveTo, applicationId } = await startFleet(first);
  const joins = () => events.filter(({ event }) => event.kind === "joined").length;
  const sent = () => events.filter(({ event }) => event.kind === "uplink-sent").length;
  await until(() => joins() === size.devices && sent() >= 12);

  first.child.kill("SIGKILL");
  await first.exited;
  const second = await startUpchirp(folder);
  moveTo(second);
  const password = await loginFor(second, applicationId);
  const client = await connectAsync(`mqtt://127.0.0.1:${second.mqttPort}`, { username: "reader", password });
  onTestFinished(() => client.endAsync(true));
  const heard: { devEui: string; fCnt: number }[] = [];
  client.on("message", (_topic, payload) => {
    const { deviceInfo, fCnt } = Value.Parse(uplink, JSON.parse(payload.toString()));
    heard.push({ devEui: deviceInfo.devEui, fCnt });
  });
  await client.subscribeAsync(`application/${applicationId}/device/+/event/up`, { qos: 1 });
  await until(() => new Set(heard.map(({ devEui }) => devEui)).size === size.devices && heard.length >= 12);

  expect(joins()).toBe(size.devices);
  expect(fleet.statistics().violations).toEqual([]);
  for (const devEui of new Set(heard.map(event => event.devEui))) {
    const counters = heard.filter(event => event.devEui === devEui).map(event => event.fCnt);
    expect(counters).toEqual([...new Set(counters)].sort((left, right) => left - right));
  }
});

test("C16 no downlink counter is used twice, however often the server is killed", async () => {
  const folder = temporaryFolder();
  let server = await startUpchirp(folder);
  const { fleet, events, moveTo } = await startFleet(server);
  const joins = () => events.filter(({ event }) => event.kind === "joined").length;
  const downlinks = () => events.filter(({ event }) => event.kind === "downlink").length;
  await until(() => joins() === size.devices);
  for (const pauseMs of [700, 1900, 2600]) {
    const before = downlinks();
    await queueDownlinks(server, fleet);
    await until(() => downlinks() > before + 2);
    await new Promise(resolve => setTimeout(resolve, pauseMs));
    server.child.kill("SIGKILL");
    await server.exited;
    server = await startUpchirp(folder);
    moveTo(server);
  }
  const before = downlinks();
  await until(() => downlinks() > before + size.devices);
  expect(joins()).toBe(size.devices);
  expect(fleet.statistics().violations).toEqual([]);
});

async function queueDownlinks(server: UpchirpProcess, fleet: Fleet): Promise<void> {
  for (const { credentials } of fleet.devices) {
    const answer = await fetch(`${server.apiUrl}/api/devices/${credentials.devEui}/queue`, {
      method: "POST",
      headers: { authorization: `Bearer ${server.token()}`, "content-type": "application/json" },
      body: JSON.stringify({ fPort: 10, confirmed: true, data: "AQID" }),
    });
    expect(answer.status).toBe(201);
  }
}

const hasMosquitto = ["/usr/bin/mosquitto_sub", "/usr/local/bin/mosquitto_sub"].some(path => existsSync(path));
if (!hasMosquitto && process.env.CI === "true") throw new Error("mosquitto_sub is needed where CI=true");

test.skipIf(!hasMosquitto)(
  "a client that others wrote prints decoded readings (skipped without mosquitto_sub)",
  async () => {
    const server = await startUpchirp(temporaryFolder());
    const { applicationId } = await startFleet(server);
    const password = await loginFor(server, applicationId);
    const args = ["-h", "127.0.0.1", "-p", String(server.mqttPort), "-u", "reader", "-P", password];
    const topic = "application/+/device/+/event/up";
    const reader = spawn("mosquitto_sub", [...args, "-t", topic.replace("+", applicationId), "-C", "4", "-W", "60"]);
    let text = "";
    reader.stdout.on("data", chunk => {
      text += chunk;
    });
    const code = await new Promise(resolve => reader.once("exit", resolve));
    expect(code).toBe(0);
    const events = text
      .trim()
      .split("\n")
      .map(line => Value.Parse(uplink, JSON.parse(line)));
    expect(events).toHaveLength(4);
    for (const event of events) expect(Object.keys(event.object).length).toBeGreaterThan(0);
  },
);
