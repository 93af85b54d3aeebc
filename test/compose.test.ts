import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { configSchema, startInstallation } from "../compose.ts";
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
