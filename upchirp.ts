import { readFileSync } from "node:fs";
import type { ProgramActions, StartOptions } from "./cli/actions.ts";
import { runDemo } from "./cli/demo.ts";
import { createProgram } from "./cli/program.ts";
import { withOfflineCodecs } from "./compose/codec-bench.ts";
import { type Config, configSchema } from "./compose/config.ts";
import { connectDatabase, localTokenFile, migrationsFolder, reencryptRootKeys } from "./compose/database.ts";
import { examinationOfFaults, examine } from "./compose/doctor/doctor.ts";
import { masterKeyFile } from "./compose/keys.ts";
import { migrateFromOther } from "./compose/migrate-from.ts";
import { migrateToRedis } from "./compose/migrate-state.ts";
import { allRoles, rolesNamed } from "./compose/roles.ts";
import { type Installation, startInstallation } from "./compose.ts";
import { systemClock } from "./platform/clock.ts";
import { exampleConfig, printConfig } from "./platform/config/print.ts";
import { loadConfig } from "./platform/config.ts";
import { ConfigError } from "./platform/errors.ts";
import { settleHeap } from "./platform/heap.ts";
import { addMasterKey, KeyFileError } from "./platform/key-file.ts";
import { endAtOnce, stopOnSignals } from "./platform/lifecycle.ts";
import { createLog, type Log } from "./platform/log.ts";
import { migrate } from "./platform/migrate.ts";

/** Runs the command line; `argv` is that of the process. */
export async function main(argv: readonly string[]): Promise<void> {
  await createProgram(actions).parseAsync(argv);
}

const version = packageVersion();

const actions: ProgramActions = {
  version,
  async start(options) {
    const { installation } = await start(options);
    process.stdout.write(readyText(installation));
  },
  async demo(options) {
    // What the demo shows is what it prints; a log level that was asked for comes later and wins.
    const { installation, config } = await start({
      ...options,
      roles: [],
      overrides: [["log.level", "warn"], ...options.overrides],
    });
    process.stdout.write(readyText(installation));
    const stopping = new AbortController();
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stopping.abort());
    const demo = runDemo({
      signal: stopping.signal,
      apiUrl: `http://127.0.0.1:${installation.httpPort}`,
      token: readFileSync(localTokenFile(config.dataFolder), "utf8").trim(),
      udpPort: installation.udpPort ?? config.networkServer.udp.port,
      stateFile: `${config.dataFolder}/simulated-devices.json`,
      ...(installation.mqttPort !== undefined && { mqttPort: installation.mqttPort }),
      write: text => void process.stdout.write(text),
    });
    await demo.catch(async (error: unknown) => {
      await installation.lifecycle.stop();
      throw error;
    });
  },
  async migrate(options) {
    const config = configOf(options);
    const log = createLog(config.log);
    const { sql, close } = await connectDatabase(config, { log, clock: systemClock, onFatal: fail(log) });
    try {
      await migrate(sql, migrationsFolder, log);
      process.stdout.write("The database is up to date.\n");
    } finally {
      await close();
    }
  },
  async migrateState(options) {
    const config = configOf(options);
    const log = createLog(config.log);
    await migrateToRedis(config, { log, clock: systemClock }, text => void process.stdout.write(text));
  },
  async migrateFrom(options, request) {
    const config = configOf({ ...options, overrides: [["log.level", "warn"], ...options.overrides] });
    const log = createLog(config.log);
    const surroundings = { log, clock: systemClock, onFatal: fail(log) };
    return migrateFromOther(config, surroundings, request, text => void process.stdout.write(text));
  },
  async rotateKeys(options) {
    const config = configOf(options);
    if (config.keyEncryptionKeys !== undefined) {
      throw new KeyFileError(
        "the keys come from keyEncryptionKeys and not from a file: add a new one there, first in line",
      );
    }
    const log = createLog(config.log);
    const { sql, close } = await connectDatabase(config, { log, clock: systemClock, onFatal: fail(log) });
    try {
      // Only now: beside a running server the database is refused, and the key file has to stay as it is.
      addMasterKey(masterKeyFile(config));
      const done = await reencryptRootKeys(config, sql, count =>
        process.stdout.write(`${count} devices encrypted anew\n`),
      );
      process.stdout.write(`Done: the root keys of ${done} devices are under the new key. Back up the key file.\n`);
    } finally {
      await close();
    }
  },
  async doctor(options, ntp) {
    const roles = rolesNamed(options.roles);
    try {
      return await examine(configOf(options), { roles, ...(ntp !== undefined && { ntp }) });
    } catch (error) {
      if (error instanceof ConfigError) return examinationOfFaults(error.message);
      throw error;
    }
  },
  printConfig: options => printConfig(configSchema, configOf(options)),
  withCodecs: withOfflineCodecs,
  exampleConfig: () => exampleConfig(configSchema),
};

function configOf(options: StartOptions): Config {
  const file = options.configFile ?? (process.env.UPCHIRP_CONFIG || undefined);
  return loadConfig(configSchema, {
    ...(file !== undefined && { file }),
    env: process.env,
    overrides: options.overrides,
  });
}

async function start(options: StartOptions): Promise<{ installation: Installation; config: Config }> {
  settleHeap();
  const config = configOf(options);
  const log = createLog(config.log);
  const surroundings = { log, clock: systemClock, version, onFatal: fail(log) };
  const installation = await startInstallation(config, surroundings, rolesNamed(options.roles));
  stopOnSignals(installation.lifecycle, { log, clock: systemClock }, process);
  return { installation, config };
}

/** Ends the process at once: everything that was promised is on disk, and the supervisor starts a new one. */
const fail = (log: Log) => (reason: string) => {
  log.fatal({ reason }, "cannot go on");
  endAtOnce(process, "SIGKILL", 1);
};

function readyText({ roles, httpPort, udpPort, mqttPort, joinServerTlsPort, administrator }: Installation): string {
  const http = `http://localhost:${httpPort}`;
  const lines = [
    "",
    `Upchirp ${version} is ready${roles.size < allRoles.length ? ` as ${[...roles].join(", ")}` : ""}.`,
    ...(udpPort === undefined ? [] : [`  gateways  UDP ${udpPort} (Semtech UDP)`]),
    ...(roles.has("app-server") ? [`  console   ${http}`] : []),
    roles.has("app-server")
      ? `  HTTP      ${http}/api/docs (API; also /healthz, /readyz, /metrics, MQTT over WebSocket at /mqtt)`
      : `  HTTP      ${http}/readyz (also /healthz, /metrics${roles.has("join-server") ? ", TS002 at /ts002" : ""})`,
    ...(joinServerTlsPort === undefined ? [] : [`  TS002     TCP ${joinServerTlsPort} (mutual TLS)`]),
    ...(mqttPort === undefined ? [] : [`  MQTT      TCP ${mqttPort}`]),
    ...(administrator
      ? [
          "",
          `An administrator has been created. The password is shown now and never again:`,
          `  e-mail    ${administrator.email}`,
          `  password  ${administrator.password}`,
        ]
      : []),
    "",
    "",
  ];
  return lines.join("\n");
}

function packageVersion(): string {
  // In a checkout package.json stands beside this file, in the published package one folder above.
  for (const place of ["./package.json", "../package.json"]) {
    try {
      const parsed: unknown = JSON.parse(readFileSync(new URL(place, import.meta.url), "utf8"));
      if (typeof parsed === "object" && parsed !== null && "version" in parsed) return String(parsed.version);
    } catch {
      // The other place has it.
    }
  }
  return "0.0.0";
}
