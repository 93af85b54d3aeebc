import { hkdfSync } from "node:crypto";
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import type { Clock } from "../platform/clock.ts";
import type { ApiKey, ApiKeys } from "./catalog-ports.ts";
import { apiKeyPrefix } from "./storage/tokens.ts";

export interface LocalTokenOptions {
  readonly apiKeys: ApiKeys;
  readonly clock: Clock;
  /** Of the installation: what its servers make the same token of. */
  readonly secret: Uint8Array;
  /** Where the command line looks for it. */
  readonly path: string;
}

const keyName = "command line on this machine";
/** Keys of servers that never came back, with data folders that are gone. */
const unusedMs = 30 * 24 * 3600 * 1000;
const maxKeys = 1000;

/**
 * Keeps an administrator's API key in a file that only this user can read, so that the command line works in the folder
 * of a running server without a login. A key that was deleted, or a file that was lost, is replaced; the token is made of the
 * key's id and the installation's secret, so that a server whose data folder is thrown away finds the key it had before.
 */
export async function ensureLocalToken({ apiKeys, clock, secret, path }: LocalTokenOptions): Promise<void> {
  const known = existsSync(path) ? readFileSync(path, "utf8").trim() : "";
  if (known !== "" && (await apiKeys.find(known))) return;
  const tokenOf = (id: string): string => {
    const bytes = hkdfSync("sha256", secret, "", `command line token ${id}`, 32);
    return apiKeyPrefix + Buffer.from(bytes).toString("base64url");
  };
  const before = await localKeys(apiKeys);
  let token: string | undefined;
  for (const { id } of before) if ((await apiKeys.find(tokenOf(id))) !== undefined) token ??= tokenOf(id);
  if (token === undefined) {
    await removeUnused(before, apiKeys, clock);
    const key = { tenantId: null, name: keyName, role: "administrator", expiresAt: null } as const;
    ({ token } = await apiKeys.create(key, tokenOf));
  }
  const temporary = `${path}.new`;
  writeFileSync(temporary, `${token}\n`, { mode: 0o600 });
  renameSync(temporary, path);
}

async function localKeys(apiKeys: ApiKeys): Promise<readonly ApiKey[]> {
  const { items } = await apiKeys.list({ tenants: "all", search: keyName }, { limit: maxKeys });
  return items.filter(({ name, role }) => name === keyName && role === "administrator");
}

async function removeUnused(keys: readonly ApiKey[], apiKeys: ApiKeys, clock: Clock): Promise<void> {
  for (const { id, createdAt, lastUsedAt } of keys) {
    if (Date.parse(lastUsedAt ?? createdAt) + unusedMs < clock.nowMs()) await apiKeys.remove(id);
  }
}
