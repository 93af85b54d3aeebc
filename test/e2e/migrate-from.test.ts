import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { configSchema } from "../../compose/config.ts";
import { openDatabase } from "../../compose/database.ts";
import { migrateFromOther } from "../../compose/migrate-from.ts";
import { parseGatewayId } from "../../lorawan/ids.ts";
import { regionOf } from "../../lorawan/region/regions.ts";
import { systemClock } from "../../platform/clock.ts";
import { loadConfig } from "../../platform/config.ts";
import { createLog } from "../../platform/log.ts";
import { createAir } from "../../simulators/air.ts";
import { Device } from "../../simulators/device.ts";
import type { DeviceEvent } from "../../simulators/device-events.ts";
import { createUdpGateway } from "../../simulators/gateway-udp.ts";
import { oldSession } from "../migration/support/carried-life.ts";
import { chirpStackSqlite } from "../migration/support/chirpstack-database.ts";
import { gatewayId, installation, joinEui } from "../migration/support/chirpstack-fixture.ts";
import { sessionMessage } from "../migration/support/session-message.ts";
import { exportedDevice, exportedSession } from "../migration/support/things-stack-export.ts";
import { followingPort } from "../support/following-port.ts";
import { migratedDatabase } from "../support/postgres.ts";
import { startRedis, whyNoRedis } from "../support/redis.ts";
import { runUpchirp, startUpchirp, temporaryFolder } from "../support/upchirp-process.ts";

const devEui = "0102030405060708";

async function run(args: readonly string[]): Promise<{ readonly code: number | null; readonly output: string }> {
  const { exited, output } = runUpchirp(args);
  const code = await exited;
  return { code, output: output() };
}

function deviceAt(udpPort: number) {
  const air = createAir(systemClock, { seed: 1, shadowingDb: 0, fadingDb: 0 });
  const gateway = createUdpGateway({
    air,
    gatewayId: parseGatewayId(gatewayId),
    position: { eastM: 0, northM: 0, heightM: 30 },
    port: followingPort(() => udpPort),
  });
  gateway.start();
  const events: DeviceEvent[] = [];
  const device = new Device({
    air,
    credentials: { devEui, joinEui, appKey: "c3".repeat(16) },
    region: regionOf("EU868", "RP001-1.0.3-A"),
    macVersion: "1.0.3",
    position: { eastM: 300, northM: 0, heightM: 2 },
    seed: 1,
    promptAnswers: false,
    listener: event => events.push(event),
    state: { devNonce: 0, randomState: 1, session: oldSession() },
  });
  onTestFinished(() => {
    device.stop();
    gateway.stop();
  });
  return { device, events };
}

type Downlink = Extract<DeviceEvent, { kind: "downlink" }>;

/** Says something until it is answered: on a busy machine an answer comes too late for its window, and the next one counts. */
function answered({ device, events }: ReturnType<typeof deviceAt>, confirmed: boolean): Promise<Downlink> {
  const say = () => device.send({ fPort: 7, payload: Buffer.from("hello"), confirmed });
  say();
  return new Promise(resolve => {
    const talk = setInterval(say, 15_000);
    const look = setInterval(() => {
      const found = events.find(event => event.kind === "downlink");
      if (found?.kind !== "downlink") return;
      resolve(found);
      clearInterval(look);
      clearInterval(talk);
    }, 50);
    onTestFinished(() => {
      clearInterval(look);
      clearInterval(talk);
    });
  });
}

const quiet = { log: createLog({ level: "silent" }), clock: systemClock, onFatal: () => {} };

test.skipIf(whyNoRedis !== undefined)(
  "devices of The Things Stack come to a server that runs on PostgreSQL and Redis, and are heard at once",
  async () => {
    const redis = await startRedis();
    onTestFinished(() => redis.stop());
    const database = await migratedDatabase();
    onTestFinished(() => database.drop());
    const settings = [
      ["postgres.url", database.url],
      ["state.redis.url", `redis://127.0.0.1:${redis.port}`],
      ["keyEncryptionKeys", `01020304:${"0b".repeat(32)}`],
    ] as const;
    const server = await startUpchirp(
      temporaryFolder(),
      settings.flatMap(([path, value]) => ["--set", `${path}=${value}`]),
    );
    const life = deviceAt(server.udpPort);
    const file = join(temporaryFolder(), "devices.json");
    const exported = exportedDevice(devEui, exportedSession(oldSession(), { network: 76, application: 70 }));
    const gateway = { ids: { gateway_id: "roof", eui: gatewayId } };
    writeFileSync(file, JSON.stringify(exported));
    writeFileSync(`${file}.gateways`, JSON.stringify(gateway));
    // Heard before it is there: that nobody knew it is not remembered.
    life.device.send({ fPort: 7, payload: Buffer.from("too early") });
    await new Promise<void>(resolve => {
      const look = setInterval(() => {
        if (!life.events.some(({ kind }) => kind === "uplink-done")) return;
        clearInterval(look);
        resolve();
      }, 50);
    });

    const overrides = [...settings, ["dataFolder", temporaryFolder()] as const];
    const config = loadConfig(configSchema, { fileText: "", env: {}, overrides });
    const origin = { kind: "things-stack", devices: [file], gateways: [`${file}.gateways`], tenant: "Acme" } as const;
    const request = { origin, keks: [], skippedDownlinks: 0, withQueues: true, isDryRun: false };
    expect(await migrateFromOther(config, quiet, request, () => {})).toBe(true);
    const downlink = await answered(life, true);
    expect(downlink.ack).toBe(true);
    expect(downlink.fCnt).toBeGreaterThanOrEqual(77);
  },
);

test("a dry run makes nothing, and a run beside the server that uses the data folder is refused", async () => {
  const folder = join(temporaryFolder(), "data");
  const reportFile = join(temporaryFolder(), "report.json");
  const origin = {
    kind: "chirpstack",
    database: { sqlite: chirpStackSqlite("4.19", installation("4.19", [{ devEui }])) },
    redisPrefix: "",
  } as const;
  const request = { origin, keks: [], skippedDownlinks: 0, withQueues: true, reportFile, isDryRun: true };
  const config = loadConfig(configSchema, { fileText: "", env: {}, overrides: [["dataFolder", folder]] });
  const lines: string[] = [];
  expect(await migrateFromOther(config, quiet, request, text => lines.push(text))).toBe(true);
  expect(lines.join("")).toMatch(/devices +1 /);
  expect(JSON.parse(readFileSync(reportFile, "utf8"))).toMatchObject({ dryRun: true });
  expect(existsSync(folder)).toBe(false);

  const database = await openDatabase(config, quiet);
  const refused = migrateFromOther(config, quiet, { ...request, isDryRun: false }, () => {});
  await expect(refused).rejects.toMatchObject({ code: "data_folder_in_use" });
  await database.close();
});

test("an installation of ChirpStack moves in with one command, and its device goes on over UDP", async () => {
  const folder = join(temporaryFolder(), "data");
  const session = sessionMessage(oldSession(), { macVersion: 3, nFCntDown: 77 });
  const queue = [{ text: "from there", createdAt: "2026-01-01T10:00:00Z" }];
  const file = chirpStackSqlite("4.19", installation("4.19", [{ devEui, session, fCntUp: 1234, queue }]));
  const before = readFileSync(file);
  const command = ["migrate-from", "chirpstack", "--from-sqlite", file, "--data", folder];

  const first = await run(command);
  expect(first.output).toMatch(/An administrator has been created/);
  expect(first.output).toMatch(/devices +1 +0 +0 +0/);
  expect(first.code).toBe(0);
  expect(readFileSync(file)).toEqual(before);

  const server = await startUpchirp(folder);
  const life = deviceAt(server.udpPort);
  const downlink = await answered(life, false);
  expect(Buffer.from(downlink.payload).toString()).toBe("from there");
  expect(downlink.fCnt).toBeGreaterThanOrEqual(77);
  expect(life.events.filter(({ kind }) => kind === "violation" || kind === "join-requested")).toEqual([]);
});
