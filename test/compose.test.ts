import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { configSchema } from "../compose/config.ts";
import { installationKeys } from "../compose/keys.ts";
import { redisConnection } from "../compose/state.ts";
import { startInstallation } from "../compose.ts";
import { wrapKey } from "../lorawan/backend/key-envelope.ts";
import { systemClock } from "../platform/clock.ts";
import { loadConfig } from "../platform/config.ts";
import { ConfigError } from "../platform/errors.ts";
import { createLog } from "../platform/log.ts";

test("a region configuration that no device could follow is told at start, before anything is made", async () => {
  const dataFolder = join(tmpdir(), `upchirp-never-made-${process.pid}`);
  const fileText = `
    dataFolder = "${dataFolder}"
    [[networkServer.regions]]
    id = "town"
    region = "EU868"
    rx2FrequencyHz = 923300000
    rx1DrOffset = 7
  `;
  const config = loadConfig(configSchema, { fileText, env: {}, overrides: [] });
  const surroundings = { log: createLog({ level: "silent" }), clock: systemClock, version: "0", onFatal: () => {} };
  const refused = startInstallation(config, surroundings);
  await expect(refused).rejects.toThrow(ConfigError);
  await expect(refused).rejects.toThrow(
    /town \(EU868\): rx1DrOffset is 7.*\n.*town \(EU868\): rx2FrequencyHz 923300000/,
  );
  expect(existsSync(dataFolder)).toBe(false);
});

const configOf = (fileText: string) => loadConfig(configSchema, { fileText, env: {}, overrides: [] });

test("a Join Server elsewhere is known by half of what it takes: told at start", async () => {
  const fileText = `
    [networkServer.joinServer]
    url = "https://join.example/ts002"
    certificateFile = "/etc/upchirp/ns.pem"
    kek = "${"a0".repeat(16)}"
    [[joinServer.clients]]
    netId = "000013"
  `;
  const surroundings = { log: createLog({ level: "silent" }), clock: systemClock, version: "0", onFatal: () => {} };
  await expect(startInstallation(configOf(fileText), surroundings)).rejects.toThrow(
    /clients\[0\].*token.*\n.*certificateFile and keyFile.*\n.*kek and kekLabel/,
  );
});

test("C70 keys that a Join Server elsewhere wraps under the shared key are opened", () => {
  const kek = "a0".repeat(16);
  const { vault } = installationKeys(
    configOf(`
      keyEncryptionKeys = "01020304:${"0b".repeat(32)}"
      [networkServer.joinServer]
      url = "https://join.example/ts002"
      token = "a token of ours alone"
      kekLabel = "theirs"
      kek = "${kek}"
    `),
  );
  const key = Uint8Array.from({ length: 16 }, (_, index) => index);
  const aesKey = Buffer.from(wrapKey(Buffer.from(kek, "hex"), key)).toString("hex");
  expect(vault.open({ kekLabel: "theirs", aesKey })).toEqual(key);
  expect(vault.open({ kekLabel: "others", aesKey })).toBeUndefined();
});

test("C36 a key for AppSKeys is the application server's, not the network server's", () => {
  const kek = "b0".repeat(32);
  const { vault, networkVault } = installationKeys(
    configOf(`
      keyEncryptionKeys = "01020304:${"0b".repeat(32)}"
      [[appServer.keyEncryptionKeys]]
      kekLabel = "applications"
      kek = "${kek}"
    `),
  );
  const key = new Uint8Array(16).fill(5);
  const envelope = {
    kekLabel: "applications",
    aesKey: Buffer.from(wrapKey(Buffer.from(kek, "hex"), key)).toString("hex"),
  };
  expect([vault.open(envelope), vault.isForApplicationOnly(envelope)]).toEqual([key, true]);
  expect(networkVault.open(envelope)).toBeUndefined();
  expect([networkVault.open(vault.seal(key)), vault.isForApplicationOnly(vault.seal(key))]).toEqual([key, false]);
});

test("a Redis is one server or the nodes of a cluster, with a password from the environment", () => {
  const redisOf = (fileText: string) => {
    const env = { UPCHIRP_STATE_REDIS_PASSWORD: "from outside" };
    const { redis } = loadConfig(configSchema, { fileText, env, overrides: [] }).state;
    return redisConnection(redis ?? { nodes: [], keyPrefix: "" });
  };
  const password = "from outside";
  expect(redisOf('state.redis.url = "rediss://db:6379"')).toEqual({ url: "rediss://db:6379", password });
  expect(redisOf('state.redis.nodes = ["redis://a", "redis://b"]')).toEqual({
    nodes: ["redis://a", "redis://b"],
    password,
  });
  expect(() => redisOf("")).toThrow(ConfigError);
  expect(() => redisOf('state.redis = { url = "redis://a", nodes = ["redis://b"] }')).toThrow(/either url/);
  expect(() => redisOf('state.redis = { url = "rediss://a", caFile = "/nowhere/ca.pem" }')).toThrow(/caFile/);
});
