import { existsSync } from "node:fs";
import { join } from "node:path";
import { connectAsync } from "mqtt";
import Type from "typebox";
import Value from "typebox/value";
import { expect, onTestFinished, test } from "vitest";
import { regionOf } from "../../lorawan/region/regions.ts";
import { systemClock } from "../../platform/clock.ts";
import { openUdpPort } from "../../simulators/datagram.ts";
import { createFleet, describeFleet } from "../../simulators/fleet.ts";
import { provision } from "../../simulators/provision.ts";
import { startInstallation, whyNoInstallation } from "../support/installation.ts";
import { runUpchirp, temporaryFolder } from "../support/upchirp-process.ts";

const up = Type.Object({ deviceInfo: Type.Object({ devEui: Type.String() }), fCnt: Type.Integer() });

test.skipIf(whyNoInstallation !== undefined)(
  "three roles in three processes join devices and deliver what they send",
  async () => {
    const installation = await startInstallation();
    const [network, joins, app] = await Promise.all([
      installation.start(["network-server"]),
      installation.start(["join-server"]),
      installation.start(["app-server"]),
    ]);
    expect(network.output()).toContain("is ready as network-server");
    expect(app.output()).toMatch(/password {2}\S{20}/);
    // Redis keeps the state, and what its settings may lose is said.
    for (const { dataFolder, output } of [network, app]) {
      expect(existsSync(join(dataFolder, "state"))).toBe(false);
      expect(output()).toContain("changes of the last second");
    }
    for (const { output } of [network, joins]) expect(output()).not.toContain("password");
    const size = { seed: 5, devices: 3, gateways: 1 };
    const shape = { region: regionOf("EU868", "RP002-1.0.4"), macVersion: "1.0.4" as const };
    await provision({ ...describeFleet(size), ...shape, apiUrl: app.apiUrl, access: { token: app.token() } });
    const url = `mqtt://127.0.0.1:${installation.mqttPort}`;
    const client = await connectAsync(url, { username: "server", password: "secret" });
    onTestFinished(() => client.endAsync(true));
    const heard = new Set<string>();
    client.on("message", (_topic, payload) => {
      heard.add(Value.Parse(up, JSON.parse(payload.toString())).deviceInfo.devEui);
    });
    await client.subscribeAsync("application/+/device/+/event/up", { qos: 1 });
    const fleet = createFleet({
      ...size,
      ...shape,
      clock: systemClock,
      connect: () => openUdpPort({ host: "127.0.0.1", port: network.udpPort }),
      intervalSeconds: 2,
      startWithinSeconds: 1,
      radiusM: 200,
    });
    onTestFinished(() => fleet.stop());
    fleet.start();
    while (heard.size < size.devices) await new Promise(resolve => setTimeout(resolve, 50));
    expect(fleet.statistics().violations).toEqual([]);

    const headers = { authorization: `Bearer ${app.token()}` };
    const [gateway] = describeFleet(size).gateways;
    const session = await fetch(`${app.apiUrl}/api/devices/${[...heard][0]}/activation`, { headers });
    expect(await session.json()).toMatchObject({ region: "EU868" });
    const status = await fetch(`${app.apiUrl}/api/gateways/${gateway?.gatewayId}`, { headers });
    expect(status.status).toBe(200);
  },
);

test("a role on its own says in one line each what it needs from its surroundings", async () => {
  const run = runUpchirp(["start", "--data", temporaryFolder(), "--role", "network-server", "--log-level", "error"]);
  expect(await run.exited).toBe(1);
  const lines = run.output().trim().split("\n");
  const options = ["postgres.url", "state.redis.url", "keyEncryptionKeys", "networkServer.joinServer.url"];
  expect(lines.map(line => line.replace(/^error: /, "").split(":")[0])).toEqual(options);
});
