import { MalformedValue } from "../../lorawan/errors.ts";
import {
  type ApplicationId,
  type DeviceProfileId,
  parseApplicationId,
  parseDevEui,
  parseDeviceProfileId,
  parseTenantId,
  type TenantId,
} from "../../lorawan/ids.ts";
import type { Carried, CarriedKey, CarriedProfile } from "../carried.ts";
import { checkCarried } from "../check.ts";
import type { NoteTopic } from "../notes.ts";
import type { Report, ReportKind } from "../report.ts";
import { type MigrationSource, MigrationSourceError } from "../source.ts";
import { derivedUuid } from "../uuid.ts";
import type { SourceDatabase } from "./database.ts";
import { decodeDevice } from "./device.ts";
import { decodeGateway } from "./gateway.ts";
import { decodeTenant, decodeUser, notesOfTenant } from "./people.ts";
import { decodeProfile } from "./profile.ts";
import type { SourceRedis } from "./redis.ts";
import { has, hexText, type Row, tags, text } from "./row.ts";
import { decodeHeardBy } from "./session-message.ts";

export interface ChirpStackOptions {
  readonly database: SourceDatabase;
  readonly redis?: SourceRedis;
  /** The key in the clear, where the one that it is under is known. */
  readonly opened: (key: CarriedKey) => CarriedKey;
}

const neededTables = ["tenant", "user", "application", "device_profile", "gateway", "device", "device_keys"];
const devicesAtOnce = 500;

/** Of one run: what was read, for what comes after it. */
interface Reading extends ChirpStackOptions {
  readonly report: Report;
  readonly tenants: Map<ApplicationId, TenantId>;
  readonly profiles: Map<DeviceProfileId, CarriedProfile>;
  /** Those that every tenant may use, still without one. */
  readonly shared: Map<DeviceProfileId, Omit<CarriedProfile, "tenantId">>;
}

/** ChirpStack 4.0 to 4.19 in PostgreSQL or SQLite. */
export const createChirpStackSource = (options: ChirpStackOptions): MigrationSource => ({
  async *read(report) {
    const missing = neededTables.filter(table => !options.database.tables.has(table));
    if (missing.length > 0) {
      throw new MigrationSourceError(`this is no database of ChirpStack 4: it has no table ${missing.join(", ")}`);
    }
    const reading: Reading = { ...options, report, tenants: new Map(), profiles: new Map(), shared: new Map() };
    yield* tenantsOf(reading);
    yield* usersOf(reading);
    yield* applicationsOf(reading);
    yield* profilesOf(reading);
    yield* gatewaysOf(reading);
    await noteOthers(reading);
    yield* devicesOf(reading);
  },
  async close() {
    await options.database.close();
    await options.redis?.close();
  },
});

async function rowsOf({ database }: ChirpStackOptions, table: string): Promise<readonly Row[]> {
  return database.tables.has(table) ? database.rows(`select * from "${table}"`) : [];
}

/** What `decode` makes of a row; a row that is faulty is told, and nothing comes of it. */
async function* decoded(
  report: Report,
  kind: ReportKind,
  rows: readonly Row[],
  decode: (row: Row) => Promise<Carried> | Carried,
): AsyncGenerator<Carried> {
  for (const row of rows) {
    try {
      const carried = await decode(row);
      checkCarried(carried);
      yield carried;
    } catch (error) {
      if (!(error instanceof MalformedValue)) throw error;
      report.fault({ kind, id: nameOf(row), reason: error.message });
    }
  }
}

/** For people to find it by. */
function nameOf(row: Row): string {
  for (const column of ["dev_eui", "gateway_id", "email", "id"]) {
    const value = row[column];
    if (value instanceof Uint8Array) return Buffer.from(value).toString("hex");
    if (typeof value === "string") return value;
  }
  return "without an id";
}

const note = ({ report }: Reading, topics: readonly NoteTopic[], example: string): void => {
  for (const topic of new Set(topics)) report.note(topic, example);
};

async function* tenantsOf(reading: Reading) {
  yield* decoded(reading.report, "tenant", await rowsOf(reading, "tenant"), row => {
    const tenant = decodeTenant(row);
    note(reading, notesOfTenant(row), tenant.name);
    return { kind: "tenant", tenant };
  });
}

async function* usersOf(reading: Reading) {
  // Applications come after their tenants and before who may see them is told.
  for (const row of await rowsOf(reading, "application")) {
    if (has(row, "id") && has(row, "tenant_id")) learnTenant(reading, row);
  }
  const memberships = {
    tenantUsers: await rowsOf(reading, "tenant_user"),
    ...(reading.database.tables.has("tenant_user_application") && {
      applicationUsers: await rowsOf(reading, "tenant_user_application"),
    }),
    tenantOf: (id: ApplicationId) => reading.tenants.get(id),
  };
  yield* decoded(reading.report, "user", await rowsOf(reading, "user"), async row => {
    const { user, notes } = await decodeUser(row, memberships);
    note(reading, notes, user.email);
    return { kind: "user", user };
  });
}

function learnTenant({ tenants }: Reading, row: Row): void {
  try {
    tenants.set(parseApplicationId(text(row, "id")), parseTenantId(text(row, "tenant_id")));
  } catch (error) {
    // Told when the application itself is read.
    if (!(error instanceof MalformedValue)) throw error;
  }
}

async function* applicationsOf(reading: Reading) {
  yield* decoded(reading.report, "application", await rowsOf(reading, "application"), row => {
    const application = {
      id: parseApplicationId(text(row, "id")),
      tenantId: parseTenantId(text(row, "tenant_id")),
      name: text(row, "name"),
      description: text(row, "description"),
      tags: tags(row, "tags"),
    };
    if (has(row, "mqtt_tls_cert")) note(reading, ["mqtt-certificates"], application.name);
    return { kind: "application", application };
  });
}

async function* profilesOf(reading: Reading) {
  const { profiles, shared, report } = reading;
  const rows = await rowsOf(reading, "device_profile");
  const own: Row[] = [];
  for (const row of rows) {
    if (has(row, "tenant_id") || !("tenant_id" in row)) {
      own.push(row);
      continue;
    }
    try {
      const { profile, notes } = decodeProfile(row);
      shared.set(profile.id, profile);
      note(reading, notes, profile.name);
    } catch (error) {
      if (!(error instanceof MalformedValue)) throw error;
      report.fault({ kind: "profile", id: nameOf(row), reason: error.message });
    }
  }
  yield* decoded(report, "profile", own, row => {
    const { profile, tenantId, notes } = decodeProfile(row);
    if (tenantId === undefined) throw new MalformedValue("the column tenant_id is missing");
    const whole: CarriedProfile = { ...profile, tenantId };
    checkCarried({ kind: "profile", profile: whole });
    profiles.set(whole.id, whole);
    note(reading, notes, whole.name);
    return { kind: "profile", profile: whole };
  });
}

async function* gatewaysOf(reading: Reading) {
  yield* decoded(reading.report, "gateway", await rowsOf(reading, "gateway"), row => {
    const { gateway, notes } = decodeGateway(row);
    note(reading, notes, gateway.gatewayId);
    return { kind: "gateway", gateway };
  });
}

/** What has no counterpart here, by table. */
async function noteOthers(reading: Reading): Promise<void> {
  const topics = [
    ["api_key", "api-keys"],
    ["multicast_group", "multicast-groups"],
    ["relay_gateway", "relay-settings"],
  ] as const;
  for (const [table, topic] of topics) {
    for (const row of await rowsOf(reading, table)) {
      note(reading, [topic], typeof row.name === "string" ? row.name : nameOf(row));
    }
  }
  for (const row of await rowsOf(reading, "application_integration")) {
    note(reading, ["integrations"], `${String(row.kind)} of ${String(row.application_id)}`);
  }
  for (const row of await rowsOf(reading, "fuota_deployment")) {
    if (!has(row, "completed_at")) note(reading, ["firmware-updates"], String(row.name));
  }
}

async function* devicesOf(reading: Reading): AsyncGenerator<Carried> {
  const { database } = reading;
  for (let after: Uint8Array = new Uint8Array(); ; ) {
    const rows = await database.rows(
      `select * from device where dev_eui > $1 order by dev_eui limit ${devicesAtOnce}`,
      [after],
    );
    const last = rows.at(-1)?.dev_eui;
    if (!(last instanceof Uint8Array)) return;
    const between = "where dev_eui > $1 and dev_eui <= $2";
    const keys = await database.rows(`select * from device_keys ${between}`, [after, last]);
    const queue = database.tables.has("device_queue_item")
      ? await database.rows(`select * from device_queue_item ${between}`, [after, last])
      : [];
    const queueOf = Map.groupBy(queue, nameOf);
    const keysOf = new Map(keys.map(row => [nameOf(row), row]));
    for (const row of rows) {
      const own = { keys: keysOf.get(nameOf(row)), queue: queueOf.get(nameOf(row)) ?? [] };
      yield* deviceOf(reading, row, own);
    }
    after = last;
  }
}

async function* deviceOf(
  reading: Reading,
  row: Row,
  own: { readonly keys: Row | undefined; readonly queue: readonly Row[] },
): AsyncGenerator<Carried> {
  const { report, opened } = reading;
  const devEui = nameOf(row);
  try {
    const profile = yield* profileFor(reading, row);
    const session = await sessionMessage(reading, row);
    const { device, notes, faultyDownlinks } = decodeDevice({ row, profile, session, opened, ...own });
    const carried: Carried = { kind: "device", device: await withLinks(reading, device) };
    checkCarried(carried);
    note(reading, notes, devEui);
    if (session === undefined && !("device_session" in row)) note(reading, ["sessions-elsewhere"], devEui);
    for (const reason of faultyDownlinks) report.fault({ kind: "downlink", id: devEui, reason });
    yield carried;
  } catch (error) {
    if (!(error instanceof MalformedValue)) throw error;
    report.fault({ kind: "device", id: devEui, reason: error.message });
  }
}

/** A profile for everybody becomes one of each tenant that uses it. */
async function* profileFor(reading: Reading, row: Row): AsyncGenerator<Carried, CarriedProfile> {
  const { profiles, shared, tenants } = reading;
  const id = parseDeviceProfileId(text(row, "device_profile_id"));
  const known = profiles.get(id);
  if (known) return known;
  const template = shared.get(id);
  const tenantId = tenants.get(parseApplicationId(text(row, "application_id")));
  if (!template || tenantId === undefined) throw new MalformedValue(`its device profile ${id} was not carried`);
  const copyId = parseDeviceProfileId(derivedUuid(id, tenantId));
  const copied = profiles.get(copyId);
  if (copied) return copied;
  const profile: CarriedProfile = { ...template, id: copyId, tenantId };
  checkCarried({ kind: "profile", profile });
  profiles.set(copyId, profile);
  yield { kind: "profile", profile };
  return profile;
}

async function sessionMessage({ redis }: Reading, row: Row): Promise<Uint8Array | undefined> {
  if (has(row, "device_session")) {
    const stored = row.device_session;
    return stored instanceof Uint8Array ? stored : undefined;
  }
  return redis?.session(parseDevEui(hexText(row, "dev_eui", 8)));
}

/** Up to 4.18, who heard a device is in Redis alone. */
async function withLinks(
  { redis }: Reading,
  device: Extract<Carried, { kind: "device" }>["device"],
): Promise<Extract<Carried, { kind: "device" }>["device"]> {
  const { session } = device;
  if (!redis || typeof session !== "object" || session.heardBy.length > 0) return device;
  const stored = await redis.heardBy(device.device.devEui);
  return stored ? { ...device, session: { ...session, heardBy: decodeHeardBy(stored) } } : device;
}
