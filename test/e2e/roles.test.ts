import { existsSync } from "node:fs";
import { join } from "node:path";
import { connectAsync } from "mqtt";
import Type, { type Static } from "typebox";
import Value from "typebox/value";
import { expect, onTestFinished, test } from "vitest";
import { regionOf } from "../../lorawan/region/regions.ts";
import { systemClock } from "../../platform/clock.ts";
import { openUdpPort } from "../../simulators/datagram.ts";
import { createFleet, describeFleet } from "../../simulators/fleet.ts";
import { provision } from "../../simulators/provision.ts";
import { startInstallation, whyNoInstallation } from "../support/installation.ts";
import { runUpchirp, temporaryFolder } from "../support/upchirp-process.ts";

const up = Type.Object({
  deduplicationId: Type.String(),
  deviceInfo: Type.Object({ devEui: Type.String() }),
  fCnt: Type.Integer(),
  rxInfo: Type.Array(Type.Object({ gatewayId: Type.String() })),
});

test.skipIf(whyNoInstallation !== undefined)(
  "C14 roles in processes of their own join devices and deliver once what gateways at two network servers hear",
  async () => {
    const installation = await startInstallation();
    const [network, second, joins, app] = await Promise.all([
      installation.start(["network-server"]),
      installation.start(["network-server"]),
      installation.start(["join-server"]),
      installation.start(["app-server"]),
    ]);
    expect(network.output()).toContain("is ready as network-server");
    expect(app.output()).toMatch(/password {2}\S{20}/);
    // Redis keeps the state, and what its settings may lose is said.
    for (const { dataFolder, output } of [network, second, app]) {
      expect(existsSync(join(dataFolder, "state"))).toBe(false);
      expect(output()).toContain("changes of the last second");
    }
    for (const { output } of [network, joins]) expect(output()).not.toContain("password");
    const size = { seed: 5, devices: 3, gateways: 2 };
    const shape = { region: regionOf("EU868", "RP002-1.0.4"), macVersion: "1.0.4" as const };
    const { gateways } = describeFleet(size);
    await provision({ ...describeFleet(size), ...shape, apiUrl: app.apiUrl, access: { token: app.token() } });
    const url = `mqtt://127.0.0.1:${installation.mqttPort}`;
    const client = await connectAsync(url, { username: "server", password: "secret" });
    onTestFinished(() => client.endAsync(true));
    const events: Static<typeof up>[] = [];
    client.on("message", (_topic, payload) => events.push(Value.Parse(up, JSON.parse(payload.toString()))));
    await client.subscribeAsync("application/+/device/+/event/up", { qos: 1 });
    const fleet = createFleet({
      ...size,
      ...shape,
      clock: systemClock,
      connect: gatewayId =>
        openUdpPort({
          host: "127.0.0.1",
          port: gatewayId === gateways[0]?.gatewayId ? network.udpPort : second.udpPort,
        }),
      intervalSeconds: 2,
      startWithinSeconds: 1,
      radiusM: 200,
    });
    onTestFinished(() => fleet.stop());
    fleet.start();
    const ofBoth = () => events.filter(({ rxInfo }) => new Set(rxInfo.map(({ gatewayId }) => gatewayId)).size === 2);
    const devEuis = (some: typeof events) => new Set(some.map(({ deviceInfo }) => deviceInfo.devEui));
    while (devEuis(ofBoth()).size < size.devices || ofBoth().length < 9) {
      await new Promise(resolve => setTimeout(resolve, 50));
    }
    const frames = events.map(({ deviceInfo, fCnt }) => `${deviceInfo.devEui} ${fCnt}`);
    expect(frames).toHaveLength(new Set(frames).size);
    expect(fleet.statistics().violations).toEqual([]);
    expect(fleet.statistics().joins).toBe(size.devices);

    const headers = { authorization: `Bearer ${app.token()}` };
    const session = await fetch(`${app.apiUrl}/api/devices/${[...devEuis(events)][0]}/activation`, { headers });
    expect(await session.json()).toMatchObject({ region: "EU868" });
    for (const { gatewayId } of gateways) {
      const status = await fetch(`${app.apiUrl}/api/gateways/${gatewayId}`, { headers });
      expect(status.status).toBe(200);
    }
  },
);

test("a role on its own says in one line each what it needs from its surroundings", async () => {
  const run = runUpchirp(["start", "--data", temporaryFolder(), "--role", "network-server", "--log-level", "error"]);
  expect(await run.exited).toBe(1);
  const lines = run.output().trim().split("\n");
  const options = ["postgres.url", "state.redis.url", "keyEncryptionKeys", "networkServer.joinServer.url"];
  expect(lines.map(line => line.replace(/^error: /, "").split(":")[0])).toEqual(options);
});
