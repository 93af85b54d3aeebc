import { randomBytes } from "node:crypto";
import type { ApiClient } from "./api-client.ts";
import { CommandFailed } from "./errors.ts";

export interface MqttUser {
  readonly username: string;
  readonly password: string;
  /** Takes it away again. */
  end(): Promise<void>;
}

/** An MQTT user of an application for as long as a command takes; its name begins with `purpose`. */
export async function temporaryMqttUser(client: ApiClient, applicationId: string, purpose: string): Promise<MqttUser> {
  const path = `/applications/${applicationId}/mqtt-credentials`;
  const username = `${purpose}-${randomBytes(6).toString("hex")}`;
  const { password } = await client.record("POST", path, { body: { username } });
  if (typeof password !== "string") throw new CommandFailed("unexpected_answer", "the server made no password");
  return {
    username,
    password,
    end: async () => {
      await client.call("DELETE", `${path}/${username}`);
    },
  };
}
