import type { FastifyInstance } from "fastify";
import { wrapKey } from "../lorawan/backend/key-envelope.ts";
import type { JoinAns, JoinReq, RejoinAns, RejoinReq } from "../lorawan/backend/messages.ts";
import type { DevEui, JoinEui, NetId } from "../lorawan/ids.ts";
import { parseAesKey } from "../lorawan/keys.ts";
import type { MasterKeys } from "../platform/key-file.ts";
import type { Log } from "../platform/log.ts";
import type { Sql, SqlTransaction } from "../platform/sql.ts";
import { createJoinAnswerer, type KeyWrap } from "./answer.ts";
import type { JoinServerConfig } from "./config.ts";
import { createRootKeyStore } from "./device-keys.ts";
import { createNonceStore } from "./nonces.ts";
import { joinServerRoutes } from "./routes.ts";

/** The join-server role. */
export interface JoinServer {
  /** For a network server in the same process. */
  join(request: JoinReq): Promise<JoinAns>;
  rejoin(request: RejoinReq): Promise<RejoinAns>;
  /** For the API: keys go in and never come out. */
  readonly rootKeys: {
    put(devEui: DevEui, keys: { readonly nwkKey: string; readonly appKey?: string }): Promise<void>;
    putAll(
      keys: ReadonlyMap<DevEui, { readonly nwkKey: string; readonly appKey?: string }>,
      sql: SqlTransaction,
      isDryRun: boolean,
    ): Promise<ReadonlySet<DevEui>>;
    remove(devEui: DevEui): Promise<boolean>;
    has(devEui: DevEui): Promise<boolean>;
    forgetDevNonces(devEui: DevEui, joinEui: JoinEui): Promise<void>;
  };
  /** Encrypts every root key under the newest key-encryption key; gives how many were not. */
  reencrypt(progress: (done: number) => void): Promise<number>;
  /** TS002 over HTTP, with or without TLS. */
  routes(http: FastifyInstance): Promise<void>;
}

export interface JoinServerOptions {
  readonly sql: Sql;
  readonly masterKeys: MasterKeys;
  readonly config: JoinServerConfig;
  /** What AppSKeys are wrapped under for the application server (TS002 13). */
  readonly appSKeyKek: { readonly kekLabel: string; readonly kek: Uint8Array };
  /** Of the network that the devices are at home in. */
  readonly homeNetId: NetId;
  readonly log: Log;
}

const parseRootKeys = ({ nwkKey, appKey }: { readonly nwkKey: string; readonly appKey?: string }) => ({
  nwkKey: parseAesKey(nwkKey),
  ...(appKey !== undefined && { appKey: parseAesKey(appKey) }),
});

export function createJoinServer(options: JoinServerOptions): JoinServer {
  const { sql, masterKeys, config, appSKeyKek, homeNetId, log } = options;
  const store = createRootKeyStore(sql, masterKeys);
  const nonces = createNonceStore(sql);
  const answerer = createJoinAnswerer(store, nonces, homeNetId);
  const appSKeyWrap: KeyWrap["appSKey"] = key => ({
    KEKLabel: appSKeyKek.kekLabel,
    AESKey: Buffer.from(wrapKey(appSKeyKek.kek, key)).toString("hex"),
  });
  const inProcess: KeyWrap = {
    appSKey: appSKeyWrap,
    networkKey: key => ({ AESKey: Buffer.from(key).toString("hex") }),
  };
  return {
    join: request => answerer.join(request, inProcess),
    rejoin: request => answerer.rejoin(request, inProcess),
    rootKeys: {
      put: (devEui, keys) => store.put(devEui, parseRootKeys(keys)),
      putAll: (keys, transaction, isDryRun) => {
        const parsed = [...keys].map(([devEui, pair]) => [devEui, parseRootKeys(pair)] as const);
        return store.putAll(new Map(parsed), transaction, isDryRun);
      },
      remove: devEui => store.remove(devEui),
      has: devEui => store.has(devEui),
      forgetDevNonces: (devEui, joinEui) => nonces.forgetDevNonces(devEui, joinEui),
    },
    reencrypt: progress => store.reencrypt(progress),
    routes: joinServerRoutes({ answerer, config, appSKeyWrap, log }),
  };
}
