import { join } from "node:path";
import type { AuditKey, AuditKeys } from "../app-server/audit-ports.ts";
import type { AppSKeyVault } from "../app-server/ports.ts";
import type { SealingKey, SealingKeys } from "../app-server/storage/sealed-secret.ts";
import { createAppSKeyVault, type KeyEncryptionKey } from "../app-server/vault.ts";
import {
  deriveKey,
  loadOrCreateKeyFile,
  type MasterKey,
  type MasterKeys,
  parseMasterKeys,
} from "../platform/key-file.ts";
import type { Config } from "./config.ts";

export const masterKeyFile = (config: Pick<Config, "dataFolder">): string =>
  join(config.dataFolder, "key-encryption-keys");

export const masterKeysOf = (config: Config): MasterKeys =>
  config.keyEncryptionKeys === undefined
    ? loadOrCreateKeyFile(masterKeyFile(config))
    : parseMasterKeys(config.keyEncryptionKeys, "keyEncryptionKeys");

/** The installation's keys, and what is derived from them. */
export interface InstallationKeys {
  readonly masterKeys: MasterKeys;
  /** What AppSKeys are wrapped under between the roles of this installation. */
  readonly appSKeyKek: KeyEncryptionKey;
  /** Of the application server. */
  readonly vault: AppSKeyVault;
  /** Of the network server: without the keys that are for the application server alone. */
  readonly networkVault: AppSKeyVault;
  readonly auditKeys: AuditKeys;
  readonly secondFactorKeys: SealingKeys;
  readonly integrationKeys: SealingKeys;
  readonly loginKey: Uint8Array;
}

export function installationKeys(config: Config): InstallationKeys {
  const masterKeys = masterKeysOf(config);
  const appSKeyKek = kekOf(masterKeys.current);
  const others = [...masterKeys.older.map(kekOf), ...sharedKek(config)];
  return {
    masterKeys,
    appSKeyKek,
    vault: createAppSKeyVault({ ...appSKeyKek, others, applicationOnly: applicationKeks(config, others) }),
    networkVault: createAppSKeyVault({ ...appSKeyKek, others }),
    loginKey: deriveKey(masterKeys.current, "known browsers", 32),
    secondFactorKeys: sealingKeysOf(masterKeys, "second factors"),
    integrationKeys: sealingKeysOf(masterKeys, "integrations"),
    auditKeys: { current: auditKeyOf(masterKeys.current), older: masterKeys.older.map(auditKeyOf) },
  };
}

/** The key that is shared with a Join Server of somebody else's. */
function sharedKek({ networkServer: { joinServer } }: Config): readonly KeyEncryptionKey[] {
  const { kekLabel, kek } = joinServer ?? {};
  return kekLabel === undefined || kek === undefined ? [] : [{ kekLabel, kek: Buffer.from(kek, "hex") }];
}

function applicationKeks({ appServer }: Config, shared: readonly KeyEncryptionKey[]): readonly KeyEncryptionKey[] {
  return appServer.keyEncryptionKeys
    .filter(({ kekLabel }) => !shared.some(entry => entry.kekLabel === kekLabel))
    .map(({ kekLabel, kek }) => ({ kekLabel, kek: Buffer.from(kek, "hex") }));
}

const auditKeyOf = (master: MasterKey): AuditKey => ({ id: master.id, key: deriveKey(master, "audit log", 32) });

function sealingKeysOf({ current, older }: MasterKeys, purpose: string): SealingKeys {
  const keyOf = (master: MasterKey): SealingKey => ({ id: master.id, key: deriveKey(master, purpose, 32) });
  return { current: keyOf(current), older: older.map(keyOf) };
}

const kekOf = (master: MasterKey): KeyEncryptionKey => ({
  kekLabel: `upchirp-${master.id}`,
  kek: deriveKey(master, "AppSKey envelopes", 32),
});
