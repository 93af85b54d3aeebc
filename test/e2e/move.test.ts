import { once } from "node:events";
import { connect, createServer } from "node:net";
import { connectAsync } from "mqtt";
import { expect, onTestFinished, test } from "vitest";
import { createClient, dataOf } from "../../client/client.ts";
import { regionOf } from "../../lorawan/region/regions.ts";
import { systemClock } from "../../platform/clock.ts";
import { createFleet, describeFleet } from "../../simulators/fleet.ts";
import { provision } from "../../simulators/provision.ts";
import { freePort, mosquittoMissing, startMosquitto } from "../app-server/support/mosquitto.ts";
import { followingPort } from "../support/following-port.ts";
import { startUpchirp, temporaryFolder } from "../support/upchirp-process.ts";

const key = "000102030405060708090a0b0c0d0e0f";
const devEui = "70b3d57ed0001234";
const params = { path: { devEui } };

test("a device that moves to another application keeps its session and its queue", async () => {
  const server = await startUpchirp(temporaryFolder());
  const client = createClient({ url: server.apiUrl, token: server.token() });
  const { id: tenantId } = dataOf(await client.POST("/api/tenants", { body: { name: "Acme" } }));
  const profile = { tenantId, name: "Meters", region: "EU868" } as const;
  const { id: deviceProfileId } = dataOf(await client.POST("/api/device-profiles", { body: profile }));
  const before = dataOf(await client.POST("/api/applications", { body: { tenantId, name: "Before" } }));
  const after = dataOf(
    await client.POST("/api/applications/{applicationId}/clone", {
      params: { path: { applicationId: before.id } },
      body: { name: "After" },
    }),
  );
  const activation = { devAddr: "01020304", appSKey: key, nwkSKey: key, fCntUp: 17, nFCntDown: 4 };
  const device = { devEui, name: "Meter", applicationId: before.id, deviceProfileId, activation };
  dataOf(await client.POST("/api/devices", { body: device }));
  for (const data of ["AQ==", "Ag=="]) {
    dataOf(await client.POST("/api/devices/{devEui}/queue", { params, body: { fPort: 10, data } }));
  }
  const state = async () => ({
    session: dataOf(await client.GET("/api/devices/{devEui}/activation", { params })),
    queue: dataOf(await client.GET("/api/devices/{devEui}/queue", { params })),
  });
  const stateBefore = await state();
  expect(stateBefore).toMatchObject({ session: { fCntUp: 17, nFCntDown: 4 }, queue: { items: [{}, {}] } });

  const moved = await client.PATCH("/api/devices/{devEui}", { params, body: { applicationId: after.id } });
  expect(dataOf(moved)).toMatchObject({ applicationId: after.id });
  expect(await state()).toEqual(stateBefore);
  const listed = async (applicationId: string) =>
    dataOf(await client.GET("/api/devices", { params: { query: { applicationId } } })).items.length;
  expect([await listed(before.id), await listed(after.id)]).toEqual([0, 1]);
  server.child.kill("SIGTERM");
  expect(await server.exited).toBe(0);
});

interface Told {
  readonly topic: string;
  readonly fCnt: number;
  readonly applicationId: string;
}

/** A broker with a reader of all uplinks, and a way to it that is closed at first. */
async function startGatedBroker() {
  const [brokerPort, gatePort] = [await freePort(), await freePort()];
  const mosquitto = await startMosquitto(brokerPort);
  onTestFinished(() => mosquitto.stop());
  const login = { username: "server", password: "secret" };
  const reader = await connectAsync(`mqtt://127.0.0.1:${brokerPort}`, login);
  onTestFinished(() => reader.endAsync(true));
  const told: Told[] = [];
  reader.on("message", (topic, payload) => {
    const { fCnt, deviceInfo } = JSON.parse(payload.toString());
    told.push({ topic, fCnt, applicationId: deviceInfo.applicationId });
  });
  await reader.subscribeAsync("application/+/device/+/event/up", { qos: 1 });
  const gate = createServer(socket => {
    const broker = connect(brokerPort, "127.0.0.1");
    for (const end of [socket, broker]) end.on("error", () => end.destroy());
    socket.pipe(broker).pipe(socket);
  });
  onTestFinished(() => void gate.close());
  const args = [`url=mqtt://127.0.0.1:${gatePort}`, "username=server", "password=secret"].flatMap(assignment => [
    "--set",
    `appServer.mqtt.external.${assignment}`,
  ]);
  const open = async (): Promise<void> => {
    gate.listen(gatePort, "127.0.0.1");
    await once(gate, "listening");
  };
  return { args, told, open };
}

test.skipIf(mosquittoMissing() !== undefined)(
  "what a device sent before it moved arrives under the application that it was in, what it sends next under the new one",
  async () => {
    const { args, told, open } = await startGatedBroker();
    const server = await startUpchirp(temporaryFolder(), args);
    const client = createClient({ url: server.apiUrl, token: server.token() });
    const size = { seed: 5, devices: 1, gateways: 1 };
    const shape = { region: regionOf("EU868", "RP002-1.0.4"), macVersion: "1.0.4" as const };
    await provision({ ...describeFleet(size), ...shape, apiUrl: server.apiUrl, access: { token: server.token() } });
    const connectGateway = () => followingPort(() => server.udpPort);
    const fleet = createFleet({
      ...{ ...size, ...shape, clock: systemClock, connect: connectGateway },
      ...{ intervalSeconds: 2, startWithinSeconds: 1, radiusM: 200 },
    });
    onTestFinished(() => fleet.stop());
    fleet.start();

    const [device] = dataOf(await client.GET("/api/devices", {})).items;
    if (device === undefined) throw new Error("there is no device");
    const params = { path: { devEui: device.devEui } };
    /** Frames with counters below this have been accepted. */
    const accepted = async (): Promise<number> =>
      (await client.GET("/api/devices/{devEui}/activation", { params })).data?.fCntUp ?? 0;
    await expect.poll(accepted, { timeout: 60_000 }).toBeGreaterThanOrEqual(2);
    const body = { tenantId: device.tenantId, name: "After" };
    const after = dataOf(await client.POST("/api/applications", { body }));
    const before = await accepted();
    dataOf(await client.PATCH("/api/devices/{devEui}", { params, body: { applicationId: after.id } }));
    const moved = await accepted();
    await expect.poll(accepted, { timeout: 60_000 }).toBeGreaterThanOrEqual(moved + 2);
    expect(told).toEqual([]);
    await open();
    await expect.poll(() => told.length, { timeout: 60_000 }).toBeGreaterThanOrEqual(moved + 2);
    expect(told.map(({ fCnt }) => fCnt)).toEqual(told.map((_, index) => index));
    for (const { topic, fCnt, applicationId } of told) {
      expect(topic).toBe(`application/${applicationId}/device/${device.devEui}/event/up`);
      if (fCnt < before) expect(applicationId).toBe(device.applicationId);
      if (fCnt > moved) expect(applicationId).toBe(after.id);
    }
  },
);
