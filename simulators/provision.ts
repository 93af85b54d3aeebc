import Type, { type Static, type TSchema } from "typebox";
import Value from "typebox/value";
import type { Region } from "../lorawan/region/region.ts";
import type { MacVersion } from "../lorawan/version.ts";
import type { FleetDevice, FleetGateway, Personalization } from "./fleet.ts";

export interface ProvisionOptions {
  /** For example http://127.0.0.1:8080, without /api. */
  readonly apiUrl: string;
  readonly access: ApiAccess;
  readonly devices: readonly FleetDevice[];
  readonly gateways: readonly FleetGateway[];
  readonly region: Region;
  readonly macVersion: MacVersion;
  /** Of the application that the devices are put into; "Simulated devices" by default. */
  readonly applicationName?: string;
  /** "Default", which every installation has, by default. */
  readonly tenantName?: string;
  readonly signal?: AbortSignal;
}

export type ApiAccess = { readonly token: string } | { readonly email: string; readonly password: string };

export interface Provisioned {
  readonly tenantId: string;
  readonly applicationId: string;
  /** How many were not there before. */
  readonly created: number;
}

/** The server did not do what it was asked. */
export class ProvisioningFailed extends Error {
  readonly status: number;

  constructor(message: string, status: number) {
    super(message);
    this.name = "ProvisioningFailed";
    this.status = status;
  }
}

const loginSchema = Type.Object({ token: Type.String() });
const recordSchema = Type.Object({ id: Type.String() });
const pageSchema = Type.Object({
  items: Type.Array(Type.Object({ id: Type.String(), name: Type.String() })),
  next: Type.Optional(Type.String()),
});
const conflict = 409;
const parallel = 8;

/** Puts a fleet into a running server through its REST API. What is there already stays as it is. */
export async function provision(options: ProvisionOptions): Promise<Provisioned> {
  const { region, macVersion, tenantName = "Default", applicationName = "Simulated devices" } = options;
  const api = await openApi(options);
  const tenantId = await api.find("/tenants", tenantName);
  if (tenantId === undefined) throw new ProvisioningFailed(`there is no tenant named ${tenantName}`, 404);
  const application = { tenantId, name: applicationName };
  const applicationId = await api.findOrCreate("/applications", application);
  const profiles = new Map<string, string>();
  for (const sensor of new Set(options.devices.map(device => device.sensor))) {
    const body = {
      tenantId,
      name: `${sensor.name} (${region.name}, ${macVersion})`,
      region: region.name,
      macVersion,
      regionalParameters: region.revision,
      codec: "javascript",
      codecScript: sensor.codecScript,
    };
    profiles.set(sensor.name, await api.findOrCreate("/device-profiles", body));
  }
  const gateways = options.gateways.map(gateway => ({ path: "/gateways", body: { ...gateway, tenantId } }));
  const devices = options.devices.map(({ credentials, personalization, name, sensor }) => {
    const { devEui, joinEui, appKey, nwkKey } = credentials;
    const deviceProfileId = profiles.get(sensor.name) ?? "";
    const keys = nwkKey === undefined ? { nwkKey: appKey } : { nwkKey, appKey };
    const access = personalization ? activationOf(personalization) : { keys };
    return { path: "/devices", body: { devEui, joinEui, applicationId, deviceProfileId, name, ...access } };
  });
  return { tenantId, applicationId, created: await createAll(api, [...gateways, ...devices]) };
}

/** A simulated device that forgot its session begins at counter 0 again, as many real ones do. */
const activationOf = ({ devAddr, nwkSKey, appSKey, version11 }: Personalization) => ({
  resetsFCnt: true,
  activation: { devAddr, appSKey, ...(version11 ? { fNwkSIntKey: nwkSKey, ...version11 } : { nwkSKey }) },
});

interface Creation {
  readonly path: string;
  readonly body: object;
}

async function createAll(api: Api, creations: readonly Creation[]): Promise<number> {
  const left = [...creations];
  let created = 0;
  const work = async (): Promise<void> => {
    for (let next = left.shift(); next; next = left.shift()) {
      const { status } = await api.request("POST", next.path, next.body, [conflict]);
      if (status !== conflict) created += 1;
    }
  };
  await Promise.all(Array.from({ length: parallel }, work));
  return created;
}

interface Api {
  request(
    method: "GET" | "POST",
    path: string,
    body?: object,
    accepted?: readonly number[],
  ): Promise<{ readonly status: number; readonly body: unknown }>;
  /** Id of the first record with this name. */
  find(path: string, name: string, tenantId?: string): Promise<string | undefined>;
  findOrCreate(path: string, body: { readonly tenantId: string; readonly name: string }): Promise<string>;
}

async function openApi(options: ProvisionOptions): Promise<Api> {
  const base = `${options.apiUrl.replace(/\/+$/, "")}/api`;
  let token = "";
  const request: Api["request"] = async (method, path, body, accepted = []) => {
    const response = await fetch(base + path, {
      method,
      headers: {
        ...(token === "" ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(options.signal ? { signal: options.signal } : {}),
    });
    const answer: unknown = await response.json().catch(() => undefined);
    if (!response.ok && !accepted.includes(response.status)) {
      const detail = Value.Check(problemSchema, answer) ? `: ${answer.detail}` : "";
      throw new ProvisioningFailed(`${method} ${path} was answered ${response.status}${detail}`, response.status);
    }
    return { status: response.status, body: answer };
  };
  const find: Api["find"] = async (path, name, tenantId) => {
    let after = "";
    for (;;) {
      const scope = tenantId === undefined ? "" : `&tenantId=${tenantId}`;
      const { body } = await request("GET", `${path}?limit=1000${scope}${after}`);
      const page = expected(pageSchema, body, path);
      const found = page.items.find(item => item.name === name);
      if (found !== undefined || page.next === undefined) return found?.id;
      after = `&after=${encodeURIComponent(page.next)}`;
    }
  };
  if ("token" in options.access) token = options.access.token;
  else token = expected(loginSchema, (await request("POST", "/login", options.access)).body, "/login").token;
  return {
    request,
    find,
    findOrCreate: async (path, body) =>
      (await find(path, body.name, body.tenantId)) ??
      expected(recordSchema, (await request("POST", path, body)).body, path).id,
  };
}

const problemSchema = Type.Object({ detail: Type.String() });

function expected<Schema extends TSchema>(schema: Schema, value: unknown, path: string): Static<Schema> {
  if (Value.Check(schema, value)) return value;
  throw new ProvisioningFailed(`${path} was answered with something unexpected`, 200);
}
