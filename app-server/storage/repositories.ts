import type { Clock } from "../../platform/clock.ts";
import type { Sql } from "../../platform/sql.ts";
import type { Repositories } from "../catalog-ports.ts";
import { createApiKeys } from "./api-keys.ts";
import { createApplications } from "./applications.ts";
import { createDeviceProfiles } from "./device-profiles.ts";
import { createDevices } from "./devices.ts";
import { createGateways } from "./gateways.ts";
import { createIdempotencyKeys } from "./idempotency.ts";
import { createLoginSessions } from "./login-sessions.ts";
import { createMqttCredentials } from "./mqtt-credentials.ts";
import { createTenants } from "./tenants.ts";
import { createUsers } from "./users.ts";

export const createRepositories = (sql: Sql, clock: Clock): Repositories => ({
  tenants: createTenants(sql),
  users: createUsers(sql),
  loginSessions: createLoginSessions(sql, clock),
  apiKeys: createApiKeys(sql, clock),
  applications: createApplications(sql),
  mqttCredentials: createMqttCredentials(sql),
  deviceProfiles: createDeviceProfiles(sql),
  devices: createDevices(sql),
  gateways: createGateways(sql),
  idempotencyKeys: createIdempotencyKeys(sql, clock),
});
