import Type from "typebox";
import { Compile } from "typebox/compile";
import { type ApplicationId, type DevEui, parseDevEui } from "../../lorawan/ids.ts";
import type { History, Measurements } from "../history-ports.ts";
import { type ApplicationEvent, bodyOf, type DeviceDirectory, type DirectoryDevice } from "../ports.ts";
import type { Value } from "./representation.ts";

/** What a reader asks for, of one device. */
export type Resource =
  /** The last uplink. */
  | { readonly kind: "latest"; readonly devEui: DevEui; readonly applicationId?: string }
  /** The last value of one measurement, by the names that lead to it with dots between. */
  | { readonly kind: "measurement"; readonly devEui: DevEui; readonly applicationId?: string; readonly key: string };

/** `[applications/{applicationId}/]devices/{devEui}/latest` and `.../measurements/{key}`; undefined: there is none of this path. */
export function resourceOf(path: readonly string[]): Resource | undefined {
  if (path[0] === "applications") {
    const resource = resourceOf(path.slice(2));
    const applicationId = path[1]?.toLowerCase();
    if (path[2] !== "devices" || resource === undefined || applicationId === undefined) return undefined;
    return { ...resource, applicationId };
  }
  const [devices, id = "", what, ...rest] = path;
  const devEui = devices === "devices" ? devEuiOf(id) : undefined;
  if (devEui === undefined) return undefined;
  if (what === "latest" && rest.length === 0) return { kind: "latest", devEui };
  const key = rest.join(".");
  return what === "measurements" && key !== "" ? { kind: "measurement", devEui, key } : undefined;
}

function devEuiOf(text: string): DevEui | undefined {
  try {
    return parseDevEui(text);
  } catch {
    return undefined;
  }
}

export interface ReaderTools {
  readonly directory: Pick<DeviceDirectory, "device">;
  readonly history: Pick<History, "events">;
  readonly measurements: Pick<Measurements, "latest">;
  /** Numbers and states of a decoded payload. */
  readonly measurementsOf: (
    object: Readonly<Record<string, unknown>>,
  ) => readonly (readonly [key: string, value: number | string])[];
}

/** The device as one of this application; undefined also for one of another. */
export async function deviceOf(
  { devEui, applicationId }: Resource,
  owner: ApplicationId,
  { directory }: ReaderTools,
): Promise<DirectoryDevice | undefined> {
  if (applicationId !== undefined && applicationId !== owner) return undefined;
  const device = await directory.device(devEui);
  return device?.info.applicationId === owner ? device : undefined;
}

/** As the history has it. Rejects with SqlError. */
export async function readValue(
  resource: Resource,
  { info }: DirectoryDevice,
  { history, measurements }: ReaderTools,
): Promise<Value> {
  const { devEui } = resource;
  const { tenantId, applicationId } = info;
  if (resource.kind === "measurement") {
    const known = await measurements.latest(devEui, tenantId, []);
    return known.find(({ key }) => key === resource.key)?.value ?? null;
  }
  const filter = { tenants: [tenantId], applicationId, devEui, kinds: ["up"] } as const;
  const { items } = await history.events(filter, { limit: 1 });
  const [last] = items;
  return last === undefined ? null : latestOf(JSON.parse(last.json));
}

const uplink = Compile(
  Type.Object({
    time: Type.String(),
    fCnt: Type.Integer(),
    fPort: Type.Integer(),
    data: Type.Optional(Type.String()),
    object: Type.Optional(Type.Unsafe<Readonly<Record<string, unknown>>>(Type.Object({}))),
  }),
);

/** The decoded payload, or the payload in base64 where there is no codec. */
function latestOf(body: unknown): Value {
  if (!uplink.Check(body)) return null;
  const { time, fCnt, fPort, data, object } = body;
  return { time, fCnt, fPort, ...(object === undefined ? { data } : { object }) };
}

/** What an uplink makes of a resource; undefined where it says nothing of it. */
export function valueIn(
  event: ApplicationEvent,
  resource: Resource,
  { measurementsOf }: Pick<ReaderTools, "measurementsOf">,
): Value | undefined {
  const body = bodyOf(event);
  if (resource.kind === "latest") return latestOf(body) ?? undefined;
  if (!uplink.Check(body) || body.object === undefined) return undefined;
  return measurementsOf(body.object).find(([key]) => key === resource.key)?.[1];
}
