import { connectAsync } from "mqtt";
import Type, { type Static } from "typebox";
import Value from "typebox/value";
import { expect, onTestFinished, test } from "vitest";
import type { Role } from "../../compose/roles.ts";
import { regionOf } from "../../lorawan/region/regions.ts";
import { systemClock } from "../../platform/clock.ts";
import type { DeviceEvent } from "../../simulators/device-events.ts";
import { createFleet, describeFleet } from "../../simulators/fleet.ts";
import { provision } from "../../simulators/provision.ts";
import { followingPort } from "../support/following-port.ts";
import { startInstallation, whyNoInstallation } from "../support/installation.ts";
import type { UpchirpProcess } from "../support/upchirp-process.ts";

const size = { seed: 11, devices: 4, gateways: 2 };
const shape = { region: regionOf("EU868", "RP002-1.0.4"), macVersion: "1.0.4" as const };

const up = Type.Object({
  deduplicationId: Type.String(),
  deviceInfo: Type.Object({ devEui: Type.String() }),
  devAddr: Type.String(),
  fCnt: Type.Integer(),
});

const pause = (ms: number) => new Promise(resolve => setTimeout(resolve, ms));
const until = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await pause(50);
};

async function readEvents(port: number): Promise<readonly Static<typeof up>[]> {
  const events: Static<typeof up>[] = [];
  const client = await connectAsync(`mqtt://127.0.0.1:${port}`, { username: "server", password: "secret" });
  onTestFinished(() => client.endAsync(true));
  client.on("message", (_topic, payload) => events.push(Value.Parse(up, JSON.parse(payload.toString()))));
  await client.subscribeAsync("application/+/device/+/event/up", { qos: 1 });
  return events;
}

/** Two network servers, each with a gateway that hears all devices; a Join Server; two application servers. */
async function startAll() {
  const installation = await startInstallation();
  const running = new Map<string, UpchirpProcess>();
  const start = async (name: string, role: Role): Promise<void> => {
    running.set(name, await installation.start([role]));
  };
  const get = (name: string): UpchirpProcess => {
    const found = running.get(name);
    if (!found) throw new Error(`${name} is not running`);
    return found;
  };
  const roles = { one: "network-server", two: "network-server", joins: "join-server" } as const;
  const applications = { first: "app-server", second: "app-server" } as const;
  await Promise.all(Object.entries({ ...roles, ...applications }).map(([name, role]) => start(name, role)));
  const described = describeFleet(size);
  await provision({ ...described, ...shape, apiUrl: get("first").apiUrl, access: { token: get("first").token() } });
  const events = await readEvents(installation.mqttPort);
  const heard: { readonly devEui: string; readonly fCnt: number }[] = [];
  let joins = 0;
  const listener = ({ credentials: { devEui } }: { credentials: { devEui: string } }, event: DeviceEvent): void => {
    if (event.kind === "joined") joins += 1;
    // One server is always there; what the other's gateway alone has heard may be lost with that server.
    if (event.kind === "uplink-ended" && event.heardBy.length === size.gateways)
      heard.push({ devEui, fCnt: event.fCnt });
  };
  const ports = { one: get("one").udpPort, two: get("two").udpPort };
  const fleet = createFleet({
    ...size,
    ...shape,
    clock: systemClock,
    connect: gatewayId => followingPort(() => (gatewayId === described.gateways[0]?.gatewayId ? ports.one : ports.two)),
    intervalSeconds: 2,
    startWithinSeconds: 1,
    confirmedShare: 0.5,
    radiusM: 200,
    listener,
  });
  onTestFinished(() => fleet.stop());
  fleet.start();
  await until(() => joins === size.devices && events.length >= 2 * size.devices);
  return { installation, get, start, events, heard, fleet, ports, joins: () => joins };
}

type Running = Awaited<ReturnType<typeof startAll>>;

/** Everything that was heard so far has been delivered, in the order of each device, and nothing twice as another event. */
async function expectNothingLost({ events, heard, fleet, joins }: Running): Promise<void> {
  const wanted = [...heard];
  const missing = (): readonly string[] => {
    const arrived = new Set(events.map(({ deviceInfo, fCnt }) => `${deviceInfo.devEui} ${fCnt}`));
    return wanted.map(({ devEui, fCnt }) => `${devEui} ${fCnt}`).filter(name => !arrived.has(name));
  };
  await expect.poll(missing, { timeout: 30_000 }).toEqual([]);
  const first = new Map(events.toReversed().map(event => [`${event.deviceInfo.devEui} ${event.fCnt}`, event]));
  for (const { deviceInfo, fCnt, deduplicationId } of events) {
    expect(first.get(`${deviceInfo.devEui} ${fCnt}`)?.deduplicationId).toBe(deduplicationId);
  }
  for (const devEui of new Set(wanted.map(uplink => uplink.devEui))) {
    const seen = new Set(events.filter(({ deviceInfo }) => deviceInfo.devEui === devEui).map(({ fCnt }) => fCnt));
    expect([...seen]).toEqual([...seen].sort((left, right) => left - right));
  }
  expect(fleet.statistics().violations).toEqual([]);
  expect(joins()).toBe(size.devices);
}

const more = async ({ heard }: Running, count: number): Promise<void> => {
  const before = heard.length;
  await until(() => heard.length >= before + count);
};

test.skipIf(whyNoInstallation !== undefined)(
  "C15 whichever instance is killed, or stopped and started again, every uplink that was heard is delivered in order",
  async () => {
    const all = await startAll();
    const { get, start, ports } = all;
    get("first").child.kill("SIGKILL");
    await more(all, 4);
    get("one").child.kill("SIGKILL");
    await more(all, 4);
    await Promise.all([start("one", "network-server"), start("first", "app-server")]);
    ports.one = get("one").udpPort;
    await more(all, 4);
    await expectNothingLost(all);
    // A rolling restart: the next one is stopped when the one before it is back.
    for (const [name, role] of [["second", "app-server"] as const, ["two", "network-server"] as const]) {
      get(name).child.kill("SIGTERM");
      expect(await get(name).exited).toBe(0);
      await start(name, role);
      ports.two = get("two").udpPort;
      await more(all, 4);
    }
    await expectNothingLost(all);
  },
);
