import type { DevEui, JoinEui } from "../lorawan/ids.ts";
import type { SqlTransaction } from "../platform/sql.ts";
import type { JoinNonces, RootKeyPair } from "./join.ts";

export interface DeviceKeys extends RootKeyPair {
  /** The device is not disabled, and its profile has OTAA. */
  readonly mayActivate: boolean;
}

/** Root keys, encrypted at rest. */
export interface RootKeyStore {
  keys(devEui: DevEui): Promise<DeviceKeys | undefined>;
  put(devEui: DevEui, keys: RootKeyPair): Promise<void>;
  /** Within a transaction of the caller's. Gives the devices that had other keys, or none; a dry run writes nothing. */
  putAll(keys: ReadonlyMap<DevEui, RootKeyPair>, sql: SqlTransaction, isDryRun: boolean): Promise<ReadonlySet<DevEui>>;
  remove(devEui: DevEui): Promise<boolean>;
  has(devEui: DevEui): Promise<boolean>;
  /** Encrypts what is not under the newest key-encryption key anew; gives how many. */
  reencrypt(progress: (done: number) => void): Promise<number>;
}

/** Used nonces. */
export interface NonceStore {
  /**
   * Lets `decide` turn the nonces of this pair into new ones, with no other decision in between; the new ones are durable
   * when the promise resolves. `decide` returning no `nonces` leaves them.
   */
  change<Decision extends { readonly nonces?: JoinNonces }>(
    devEui: DevEui,
    joinEui: JoinEui,
    decide: (nonces: JoinNonces) => Decision,
  ): Promise<Decision>;
  /** DevNonces and RJcount1 may come again, for a device that lost them; the JoinNonce goes on. */
  forgetDevNonces(devEui: DevEui, joinEui: JoinEui): Promise<void>;
}
