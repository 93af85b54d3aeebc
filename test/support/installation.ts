import { randomBytes } from "node:crypto";
import { onTestFinished } from "vitest";
import type { Role } from "../../compose/roles.ts";
import { freePort, mosquittoMissing, startMosquitto } from "../app-server/support/mosquitto.ts";
import { migratedDatabase } from "./postgres.ts";
import { startRedis, type TestRedis, whyNoRedis } from "./redis.ts";
import { startUpchirp, temporaryFolder, type UpchirpProcess } from "./upchirp-process.ts";

/** Why tests of roles in several processes cannot run here, if they cannot; in CI they must run. */
export const whyNoInstallation: string | undefined = whyNoRedis ?? mosquittoMissing();

/** What roles in several processes share, and the means to start them; all of it is gone after the test. */
export interface TestInstallation {
  readonly redis: TestRedis;
  /** Of the broker, with the login `server` and `secret`. */
  readonly mqttPort: number;
  /** Where the Join Server of this installation is expected. */
  readonly joinServerPort: number;
  start(roles: readonly Role[], args?: readonly string[]): Promise<UpchirpProcess>;
}

export async function startInstallation(): Promise<TestInstallation> {
  const redis = await startRedis();
  onTestFinished(() => redis.stop());
  const mqttPort = await freePort();
  const mosquitto = await startMosquitto(mqttPort);
  onTestFinished(() => mosquitto.stop());
  const database = await migratedDatabase();
  onTestFinished(() => database.drop());
  const joinServerPort = await freePort();
  const keys = `${randomBytes(4).toString("hex")}:${randomBytes(32).toString("hex")}`;
  const token = "a token between the two";
  const shared = [
    `postgres.url=${database.url}`,
    `state.redis.url=redis://127.0.0.1:${redis.port}`,
    `keyEncryptionKeys=${keys}`,
    `networkServer.joinServer.url=http://127.0.0.1:${joinServerPort}/ts002`,
    `networkServer.joinServer.token=${token}`,
    `joinServer.clients=${JSON.stringify([{ netId: "000000", token }])}`,
    "appServer.mqtt.broker.enabled=false",
    `appServer.mqtt.external.url=mqtt://127.0.0.1:${mqttPort}`,
    "appServer.mqtt.external.username=server",
    "appServer.mqtt.external.password=secret",
  ].flatMap(assignment => ["--set", assignment]);
  return {
    redis,
    mqttPort,
    joinServerPort,
    start: (roles, args = []) =>
      startUpchirp(temporaryFolder(), [
        ...shared,
        ...roles.flatMap(role => ["--role", role]),
        ...(roles.includes("join-server") ? ["--http-port", String(joinServerPort)] : []),
        ...args,
      ]),
  };
}
