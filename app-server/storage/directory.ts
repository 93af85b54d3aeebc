import { createHmac, randomBytes } from "node:crypto";
import Type, { type Static } from "typebox";
import {
  type DevEui,
  type DeviceProfileId,
  parseApplicationId,
  parseDevEui,
  parseDeviceProfileId,
  parseTenantId,
} from "../../lorawan/ids.ts";
import type { Clock } from "../../platform/clock.ts";
import { gatherReads } from "../../platform/gathered-reads.ts";
import { createSharing, createTextSharing } from "../../platform/sharing.ts";
import type { Sql } from "../../platform/sql.ts";
import { codecKinds } from "../codec-ports.ts";
import type {
  DeviceCodec,
  DeviceDirectory,
  DeviceInfo,
  DirectoryDevice,
  MqttCredentials,
  MqttLogin,
} from "../ports.ts";
import { BoundedCache } from "./bounded-cache.ts";
import { checkPassword } from "./passwords.ts";
import { TagsColumn } from "./statement.ts";

export interface DirectoryOptions {
  readonly sql: Sql;
  readonly clock: Clock;
  /** Devices kept in memory; others are read when asked for. */
  readonly maxDevices: number;
  /** How long the result of a password check holds before it is computed again. */
  readonly passwordCheckHoldsMs: number;
}

export interface Directory {
  readonly devices: DeviceDirectory;
  readonly mqttCredentials: MqttCredentials;
  close(): Promise<void>;
}

/** Unknown keys have a cache of their own, so that guesses do not push out what is in use. */
const maxMisses = 10_000;
const maxProfiles = 10_000;
/** Devices that have moved and of which something is still to be delivered. */
const maxMoved = 10_000;
/** Devices that one statement reads. */
const maxDevicesAtOnce = 500;
const maxUsernames = 10_000;
const maxPasswordChecks = 10_000;

const DeviceRow = Type.Object({
  tenantId: Type.String(),
  tenantName: Type.String(),
  applicationId: Type.String(),
  applicationName: Type.String(),
  deviceProfileId: Type.String(),
  deviceName: Type.String(),
  devEui: Type.String(),
  tags: TagsColumn,
  variables: TagsColumn,
});
const selectDeviceColumns = `select t.id as "tenantId", t.name as "tenantName", a.id as "applicationId",
    a.name as "applicationName", d.device_profile_id as "deviceProfileId", d.name as "deviceName", d.dev_eui as "devEui",
    t.tags || p.tags || a.tags || d.tags as tags, d.variables
  from devices d join device_profiles p on p.id = d.device_profile_id`;
const selectDevices = `${selectDeviceColumns} join applications a on a.id = d.application_id
    join tenants t on t.id = a.tenant_id
  where d.dev_eui = any($1)`;
const selectMovedDevice = `${selectDeviceColumns} join applications own on own.id = d.application_id
    join applications a on a.id = $2 and a.tenant_id = own.tenant_id join tenants t on t.id = a.tenant_id
  where d.dev_eui = $1`;

const ProfileRow = Type.Object({
  name: Type.String(),
  supportsClassB: Type.Boolean(),
  supportsClassC: Type.Boolean(),
  codec: Type.Enum([...codecKinds]),
  codecScript: Type.String(),
});
const selectProfile = `select name, supports_class_b as "supportsClassB", supports_class_c as "supportsClassC", codec,
    codec_script as "codecScript"
  from device_profiles where id = $1`;

interface Profile {
  readonly name: string;
  readonly deviceClassEnabled: DeviceInfo["deviceClassEnabled"];
  readonly codec: DeviceCodec;
}

function toProfile(row: Static<typeof ProfileRow>): Profile {
  const deviceClassEnabled = row.supportsClassC ? "CLASS_C" : row.supportsClassB ? "CLASS_B" : "CLASS_A";
  const codec: DeviceCodec =
    row.codec === "javascript" || row.codec === "typescript"
      ? { kind: row.codec, script: row.codecScript }
      : { kind: row.codec };
  return { name: row.name, deviceClassEnabled, codec };
}

/** Devices hold what they have in common with others once. */
function deviceMaking(): (row: Static<typeof DeviceRow>, profile: Profile) => DirectoryDevice {
  const text = createTextSharing();
  const texts = createSharing<Readonly<Record<string, string>>>(JSON.stringify);
  return (row, profile) => ({
    info: {
      tenantId: text(parseTenantId(row.tenantId)),
      tenantName: text(row.tenantName),
      applicationId: text(parseApplicationId(row.applicationId)),
      applicationName: text(row.applicationName),
      deviceProfileId: text(parseDeviceProfileId(row.deviceProfileId)),
      deviceProfileName: profile.name,
      deviceName: row.deviceName,
      devEui: parseDevEui(row.devEui),
      deviceClassEnabled: profile.deviceClassEnabled,
      tags: texts(row.tags),
    },
    codec: profile.codec,
    variables: texts(row.variables),
  });
}

/** What a cache holds of one key: what is known, or, while it is read, that it is being read. */
interface Entry<Value> {
  readonly loading: Promise<Value | undefined>;
  value?: Value;
}

/**
 * Reads through to `load`, remembers absence too, and shares a read that is under way. An entry dropped while it is read
 * does not come back with the old value: only the one who asked before the change sees that.
 */
class ReadThrough<Key, Value> {
  readonly #found: BoundedCache<Key, Entry<Value>>;
  readonly #missing: BoundedCache<Key, true>;
  readonly #load: (key: Key) => Promise<Value | undefined>;

  constructor(maxEntries: number, load: (key: Key) => Promise<Value | undefined>) {
    this.#found = new BoundedCache(maxEntries);
    this.#missing = new BoundedCache(maxMisses);
    this.#load = load;
  }

  get(key: Key): Promise<Value | undefined> {
    const known = this.#found.get(key);
    if (known !== undefined) return known.loading;
    if (this.#missing.get(key)) return Promise.resolve(undefined);
    const loading = this.#load(key);
    const entry: Entry<Value> = { loading };
    this.#found.set(key, entry);
    const stillWanted = () => this.#found.get(key) === entry;
    loading.then(
      value => {
        if (!stillWanted()) return;
        if (value !== undefined) entry.value = value;
        else {
          this.#found.delete(key);
          this.#missing.set(key, true);
        }
      },
      () => {
        if (stillWanted()) this.#found.delete(key);
      },
    );
    return loading;
  }

  drop(key: Key): void {
    this.#found.delete(key);
    this.#missing.delete(key);
  }

  /** What is being read now may match as well: it goes too. */
  dropWhere(condition: (value: Value) => boolean): void {
    this.#found.deleteWhere(entry => entry.value === undefined || condition(entry.value));
  }

  clear(): void {
    this.#found.clear();
    this.#missing.clear();
  }
}

interface Caches {
  readonly devices: ReadThrough<DevEui, DirectoryDevice>;
  /** By application and DevEUI. */
  readonly moved: ReadThrough<string, DirectoryDevice>;
  readonly profiles: ReadThrough<DeviceProfileId, Profile>;
  readonly logins: ReadThrough<string, Login>;
}

function createCaches(sql: Sql, maxDevices: number): Caches {
  // A profile's script is held once, however many devices use it.
  const profiles = new ReadThrough<DeviceProfileId, Profile>(maxProfiles, async id => {
    const [row] = await sql.rows(ProfileRow, selectProfile, [id]);
    return row && toProfile(row);
  });
  const deviceRow = gatherReads<DevEui, Static<typeof DeviceRow>>(maxDevicesAtOnce, async devEuis => {
    const rows = await sql.rows(DeviceRow, selectDevices, [devEuis]);
    return new Map(rows.map(row => [parseDevEui(row.devEui), row]));
  });
  const toDevice = deviceMaking();
  const withProfile = async (row: Static<typeof DeviceRow> | undefined): Promise<DirectoryDevice | undefined> => {
    const profile = row && (await profiles.get(parseDeviceProfileId(row.deviceProfileId)));
    return row && profile && toDevice(row, profile);
  };
  const devices = new ReadThrough<DevEui, DirectoryDevice>(maxDevices, async devEui =>
    withProfile(await deviceRow(devEui)),
  );
  const moved = new ReadThrough<string, DirectoryDevice>(maxMoved, async key => {
    const [applicationId, devEui] = key.split(" ");
    const [row] = await sql.rows(DeviceRow, selectMovedDevice, [devEui, applicationId]);
    return withProfile(row);
  });
  const logins = new ReadThrough<string, Login>(maxUsernames, async username => {
    const [row] = await sql.rows(LoginRow, selectLogin, [username]);
    return row && { ...row, applicationId: parseApplicationId(row.applicationId) };
  });
  return { devices, moved, profiles, logins };
}

const LoginRow = Type.Object({
  applicationId: Type.String(),
  isReadOnly: Type.Boolean(),
  passwordHash: Type.String(),
});
const selectLogin = `select application_id as "applicationId", is_read_only as "isReadOnly", password_hash as "passwordHash" from mqtt_credentials
  where username = $1`;

interface Login extends MqttLogin {
  readonly passwordHash: string;
}

const loginChange = "mqtt_credentials ";

/** Payload of the catalog's triggers: table, space, key. A user name may hold spaces itself. */
function forget({ devices, moved, profiles, logins }: Caches, payload: string): void {
  const space = payload.indexOf(" ");
  const table = payload.slice(0, space);
  const key = payload.slice(space + 1);
  // Seldom anything, and soon read again.
  if (table !== "mqtt_credentials") moved.clear();
  switch (table) {
    case "devices":
      devices.drop(parseDevEui(key));
      return;
    case "device_profiles":
      profiles.drop(parseDeviceProfileId(key));
      devices.dropWhere(device => device.info.deviceProfileId === key);
      return;
    case "applications":
      devices.dropWhere(device => device.info.applicationId === key);
      return;
    case "tenants":
      devices.dropWhere(device => device.info.tenantId === key);
      return;
    case "mqtt_credentials":
      logins.drop(key);
      return;
  }
}

/**
 * Clients that lost their broker come back all at once, and an Argon2 check is slow on purpose: so its result, right or
 * wrong, is remembered for a while under a keyed hash of user name, password and the stored hash it was checked against.
 */
function createPasswordChecks(clock: Clock, holdsMs: number) {
  const secret = randomBytes(32);
  const results = new BoundedCache<string, { readonly correct: Promise<boolean>; readonly untilMs: number }>(
    maxPasswordChecks,
  );
  return (username: string, password: string, passwordHash: string): Promise<boolean> => {
    const text = JSON.stringify([username, password, passwordHash]);
    const key = createHmac("sha256", secret).update(text).digest("base64");
    const known = results.get(key);
    const nowMs = clock.nowMs();
    if (known !== undefined && nowMs < known.untilMs) return known.correct;
    const correct = checkPassword(passwordHash, password);
    results.set(key, { correct, untilMs: nowMs + holdsMs });
    correct.catch(() => results.delete(key));
    return correct;
  };
}

/** The parts of the catalog that events and MQTT clients need, from memory, kept fresh by the database's notifications. */
export async function openDirectory(options: DirectoryOptions): Promise<Directory> {
  const caches = createCaches(options.sql, options.maxDevices);
  const checkLogin = createPasswordChecks(options.clock, options.passwordCheckHoldsMs);
  const loginListeners = new Set<(username?: string) => void>();
  const tellLogins = (username?: string): void => {
    for (const listener of loginListeners) listener(username);
  };
  const forgetAll = () => {
    caches.devices.clear();
    caches.moved.clear();
    caches.profiles.clear();
    caches.logins.clear();
    tellLogins();
  };
  const changed = (payload: string) => {
    forget(caches, payload);
    if (payload.startsWith(loginChange)) tellLogins(payload.slice(loginChange.length));
  };
  const unlisten = await options.sql.listen("catalog", changed, forgetAll);
  return {
    devices: {
      device: devEui => caches.devices.get(devEui),
      deviceIn: (applicationId, devEui) => caches.moved.get(`${applicationId} ${devEui}`),
    },
    mqttCredentials: {
      async verify(username, password) {
        // No row has such a name, and PostgreSQL refuses NUL in a text.
        if (username.length === 0 || username.length > 200 || username.includes("\0")) return undefined;
        const login = await caches.logins.get(username);
        if (login === undefined || !(await checkLogin(username, password, login.passwordHash))) return undefined;
        return { applicationId: login.applicationId, isReadOnly: login.isReadOnly };
      },
      exists: async username => (await caches.logins.get(username)) !== undefined,
      onChange(listener) {
        loginListeners.add(listener);
        return () => loginListeners.delete(listener);
      },
    },
    close: unlisten,
  };
}
