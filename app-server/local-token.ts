import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import type { ApiKeys } from "./catalog-ports.ts";

const keyName = "command line on this machine";

/**
 * Keeps an administrator's API key in a file that only this user can read, so that the command line works in the folder
 * of a running server without a login. A key that was deleted, or a file that was lost, is replaced.
 */
export async function ensureLocalToken(apiKeys: ApiKeys, path: string): Promise<void> {
  const known = existsSync(path) ? readFileSync(path, "utf8").trim() : "";
  if (known !== "" && (await apiKeys.find(known))) return;
  const { token } = await apiKeys.create({ tenantId: null, name: keyName, role: "administrator", expiresAt: null });
  const temporary = `${path}.new`;
  writeFileSync(temporary, `${token}\n`, { mode: 0o600 });
  renameSync(temporary, path);
}
