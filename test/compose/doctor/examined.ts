import { type Config, configSchema } from "../../../compose/config.ts";
import { migrationsFolder } from "../../../compose/database.ts";
import { type DoctorOptions, examine } from "../../../compose/doctor/doctor.ts";
import type { Patient } from "../../../compose/doctor/examination.ts";
import { allRoles } from "../../../compose/roles.ts";
import { loadConfig } from "../../../platform/config.ts";
import { temporaryFolder } from "../../support/upchirp-process.ts";

/** Free ports; what a test says comes after, and wins. */
function configOf(settings: Readonly<Record<string, string>>): Config {
  const overrides = {
    dataFolder: temporaryFolder(),
    "http.port": "0",
    "networkServer.udp.port": "0",
    "appServer.mqtt.broker.port": "0",
    ...settings,
  };
  return loadConfig(configSchema, { env: {}, overrides: Object.entries(overrides) });
}

export const examined = (settings: Readonly<Record<string, string>> = {}, options: Partial<DoctorOptions> = {}) =>
  examine(configOf(settings), { roles: new Set(allRoles), ...options });

/** For a check by itself. */
export const patient = (parts: Pick<Patient, "url" | "isRunning">): Patient => ({
  config: configOf({}),
  roles: new Set(allRoles),
  migrations: migrationsFolder,
  ...parts,
});

/** Without what this machine itself may lack. */
export const codesOf = ({ findings }: Awaited<ReturnType<typeof examine>>) =>
  findings
    .map(({ code }) => code)
    .filter(
      code =>
        ![
          "few_open_files",
          "small_udp_buffer",
          "slow_disk",
          "slow_commits",
          "disk_nearly_full",
          "state_in_memory",
        ].includes(code),
    );

export const foundOf = ({ checked }: Awaited<ReturnType<typeof examine>>, name: string) =>
  checked.find(({ check }) => check === name)?.found;

export const isRoot = process.getuid?.() === 0;
