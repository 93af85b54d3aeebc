import { existsSync } from "node:fs";
import type { Config } from "./config.ts";
import { masterKeyFile } from "./keys.ts";

export const allRoles = ["network-server", "join-server", "app-server"] as const;
export type Role = (typeof allRoles)[number];

/** Roles by their names on the command line; all when none is named. */
export const rolesNamed = (names: readonly string[]): ReadonlySet<Role> =>
  new Set(names.length === 0 ? allRoles : allRoles.filter(role => names.includes(role)));

/** One line for each thing that roles on their own need and this configuration lacks. */
export function roleFaults(config: Config, roles: ReadonlySet<Role>): readonly string[] {
  if (roles.size === allRoles.length) return [];
  const { networkServer, joinServer, postgres, state, keyEncryptionKeys } = config;
  const faults: string[] = [];
  if (postgres.url === undefined) {
    faults.push(
      "postgres.url: roles in several processes share a PostgreSQL; name it, the embedded one is for one process",
    );
  }
  if (state.redis === undefined && (roles.has("network-server") || roles.has("app-server"))) {
    faults.push(
      "state.redis.url: roles in several processes share a Redis; name it, the embedded store is for one process",
    );
  }
  if (keyEncryptionKeys === undefined && !existsSync(masterKeyFile(config))) {
    faults.push(
      `keyEncryptionKeys: every process of an installation needs the same keys; give them here, or as ${masterKeyFile(config)}`,
    );
  }
  if (roles.has("network-server") && !roles.has("join-server") && networkServer.joinServer === undefined) {
    faults.push(
      "networkServer.joinServer.url: no Join Server runs in this process; name the one to ask, with its token",
    );
  }
  if (roles.has("join-server") && !roles.has("network-server") && joinServer.clients.length === 0) {
    faults.push("joinServer.clients: no network server runs in this process; list those that may ask");
  }
  return faults;
}
