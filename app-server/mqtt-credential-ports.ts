import type { ApplicationId } from "../lorawan/ids.ts";

export interface MqttCredential {
  readonly username: string;
  /** It subscribes, and sends no commands. */
  readonly isReadOnly: boolean;
  readonly createdAt: string;
}

export interface MqttCredentialStore {
  list(applicationId: ApplicationId): Promise<readonly MqttCredential[]>;
  /** Throws CatalogConflict `already_exists`. */
  create(
    applicationId: ApplicationId,
    username: string,
    password: string,
    isReadOnly?: boolean,
  ): Promise<MqttCredential>;
  remove(applicationId: ApplicationId, username: string): Promise<boolean>;
}
