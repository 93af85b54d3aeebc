import { configSchema } from "../../../compose/config.ts";
import { type DoctorOptions, examine } from "../../../compose/doctor/doctor.ts";
import { allRoles } from "../../../compose/roles.ts";
import { loadConfig } from "../../../platform/config.ts";
import { temporaryFolder } from "../../support/upchirp-process.ts";

/** Free ports; what a test says comes after, and wins. */
export async function examined(settings: Readonly<Record<string, string>> = {}, options: Partial<DoctorOptions> = {}) {
  const overrides = {
    dataFolder: temporaryFolder(),
    "http.port": "0",
    "networkServer.udp.port": "0",
    "appServer.mqtt.broker.port": "0",
    ...settings,
  };
  const config = loadConfig(configSchema, { env: {}, overrides: Object.entries(overrides) });
  return examine(config, { roles: new Set(allRoles), ...options });
}

/** Without what this machine itself may lack. */
export const codesOf = ({ findings }: Awaited<ReturnType<typeof examine>>) =>
  findings
    .map(({ code }) => code)
    .filter(
      code =>
        !["few_open_files", "small_udp_buffer", "slow_disk", "disk_nearly_full", "state_in_memory"].includes(code),
    );

export const foundOf = ({ checked }: Awaited<ReturnType<typeof examine>>, name: string) =>
  checked.find(({ check }) => check === name)?.found;

export const isRoot = process.getuid?.() === 0;
