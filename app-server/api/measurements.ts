import type { FastifyRequest } from "fastify";
import Type, { type Static } from "typebox";
import { parseDevEui, parseDeviceProfileId } from "../../lorawan/ids.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Device } from "../catalog-ports.ts";
import type { MeasurementName, MeasurementSeries, Resolution, Span } from "../history-ports.ts";
import { inTenant } from "./access.ts";
import type { Api, ApiDependencies } from "./dependencies.ts";
import { periodOf, periodQuery } from "./period.ts";
import { found, Refusal } from "./refusal.ts";
import { Eui64, listOf, strict, Time, Uuid } from "./schemas.ts";

const hourMs = 3_600_000;
/** What is asked for without a beginning. */
const usualSpanMs = 24 * hourMs;
/** Up to here `auto` gives each value, and up to there hours. */
const longestRawMs = 48 * hourMs;
const longestHoursMs = 60 * 24 * hourMs;
/** Uplinks that are looked through for single values. */
const maxRawPoints = 5_000;

const Value = Type.Union([Type.Number(), Type.String()]);
const Key = Type.String({ minLength: 1, maxLength: 100 });
const nameFields = {
  key: Key,
  name: Type.String(),
  unit: Type.String(),
  kind: Type.Enum(["gauge", "counter", "state"]),
};
const Latest = Type.Object({ ...nameFields, value: Value, time: Time });
const Point = Type.Object({
  time: Type.String({ description: "Of the value, or when its hour or day (of UTC) began." }),
  value: Value,
  count: Type.Optional(Type.Integer()),
  min: Type.Optional(Type.Number()),
  max: Type.Optional(Type.Number()),
  sum: Type.Optional(Type.Number()),
  average: Type.Optional(Type.Number()),
  states: Type.Optional(listOf(Type.Object({ state: Type.String(), count: Type.Integer() }))),
});
const Series = Type.Object({
  ...nameFields,
  resolution: Type.Enum(["raw", "hour", "day"]),
  points: listOf(Point),
});
const Query = Type.Object(
  {
    ...periodQuery,
    resolution: Type.Optional(
      Type.Enum(["auto", "raw", "hour", "day"], {
        default: "auto",
        description: "`auto`: each value for two days at most, hours for 60, and days beyond.",
      }),
    ),
  },
  strict,
);
const Names = Type.Object({ items: listOf(Type.Object(nameFields)) });
const NamesInput = Type.Object(
  {
    items: Type.Array(
      Type.Object(
        {
          key: Key,
          name: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
          unit: Type.Optional(Type.String({ maxLength: 50 })),
          kind: Type.Optional(Type.Enum(["gauge", "counter", "state"])),
        },
        strict,
      ),
      { maxItems: 100 },
    ),
  },
  strict,
);
const Params = Type.Object({ devEui: Eui64 });
const KeyParams = Type.Object({ devEui: Eui64, key: Key });
const ProfileParams = Type.Object({ deviceProfileId: Uuid });

/** The day up to now unless it is said otherwise. Throws Refusal for one that ends before it begins. */
export function spanOf(query: Static<typeof PeriodQuery>, clock: Clock): Span {
  const { since, until } = periodOf(query);
  const end = until ?? new Date(clock.nowMs()).toISOString();
  const span = { since: since ?? new Date(Date.parse(end) - usualSpanMs).toISOString(), until: end };
  if (span.since > span.until)
    throw new Refusal("invalid_value", "The time ends before it begins.", "/querystring/until");
  return span;
}
const PeriodQuery = Type.Object(periodQuery);

const spanMs = ({ since, until }: Span): number => Date.parse(until) - Date.parse(since);

function resolutionOf(asked: Static<typeof Query>["resolution"], span: Span): Resolution {
  if (asked !== undefined && asked !== "auto") return asked;
  if (spanMs(span) <= longestRawMs) return "raw";
  return spanMs(span) <= longestHoursMs ? "hour" : "day";
}

/** The hour or day that `since` is in begins before it, and belongs to what is asked for. */
export const wholeSpan = ({ since, until }: Span, every: "hour" | "day"): Span => ({
  since: startOf(since, every),
  until,
});

/** When the hour or day (of UTC) of a time began. */
export function startOf(time: string, every: "hour" | "day"): string {
  const lengthMs = every === "hour" ? hourMs : 24 * hourMs;
  return new Date(Math.floor(Date.parse(time) / lengthMs) * lengthMs).toISOString();
}

/** What devices measure, as time series. */
export function measurementRoutes(api: Api, deps: ApiDependencies): void {
  const { repositories, measurements, clock } = deps;
  const read = { access: inTenant("read", "params.devEui") };

  const deviceOf = async (request: FastifyRequest<{ Params: { devEui: string } }>): Promise<Device> =>
    found(await repositories.devices.get(parseDevEui(request.params.devEui)), "device");

  async function series(
    { devEui, tenantId }: Device,
    key: string,
    asked: Static<typeof Query>,
  ): Promise<Pick<MeasurementSeries, "resolution" | "points">> {
    const span = spanOf(asked, clock);
    const resolution = resolutionOf(asked.resolution, span);
    const raw = resolution === "raw" ? await measurements.values(devEui, tenantId, key, span, maxRawPoints) : undefined;
    if (raw !== undefined) return { resolution, points: raw };
    if (asked.resolution === "raw") {
      throw new Refusal(
        "invalid_value",
        "There are too many values; ask for a shorter time, or for hours.",
        "/querystring",
      );
    }
    const every = resolution === "day" ? "day" : "hour";
    const points = await measurements.sums(devEui, tenantId, key, every, wholeSpan(span, every));
    return { resolution: every, points };
  }

  api.get(
    "/devices/:devEui/measurements",
    {
      config: read,
      schema: {
        summary: "What a device measures, with the latest of each",
        params: Params,
        response: { 200: Type.Object({ items: listOf(Latest) }) },
      },
    },
    async request => {
      const device = await deviceOf(request);
      const names = await measurements.names(device.deviceProfileId);
      return { items: await measurements.latest(device.devEui, device.tenantId, names) };
    },
  );
  api.get(
    "/devices/:devEui/measurements/:key",
    {
      config: read,
      schema: {
        summary: "One measurement of a device over time",
        params: KeyParams,
        querystring: Query,
        response: { 200: Series },
      },
    },
    async request => {
      const device = await deviceOf(request);
      const { key } = request.params;
      const found = await series(device, key, request.query);
      const names = await measurements.names(device.deviceProfileId);
      const kind = typeof found.points[0]?.value === "string" ? "state" : "gauge";
      const name = names.find(known => known.key === key) ?? { key, name: key, unit: "", kind };
      return { ...name, ...found };
    },
  );
  api.get(
    "/device-profiles/:deviceProfileId/measurements",
    {
      config: { access: inTenant("read", "params.deviceProfileId") },
      schema: { summary: "Names of what devices measure", params: ProfileParams, response: { 200: Names } },
    },
    async request => ({ items: await measurements.names(parseDeviceProfileId(request.params.deviceProfileId)) }),
  );
  api.put(
    "/device-profiles/:deviceProfileId/measurements",
    {
      config: { access: inTenant("devices", "params.deviceProfileId") },
      schema: {
        summary: "Name what devices measure",
        params: ProfileParams,
        body: NamesInput,
        response: { 200: Names },
      },
    },
    async request => {
      const deviceProfileId = parseDeviceProfileId(request.params.deviceProfileId);
      const items = request.body.items.map(
        ({ key, name = key, unit = "", kind = "gauge" }): MeasurementName => ({ key, name, unit, kind }),
      );
      if (new Set(items.map(({ key }) => key)).size < items.length) {
        throw new Refusal("invalid_value", "A key is there twice.", "/body/items");
      }
      await measurements.putNames(deviceProfileId, items);
      return { items: await measurements.names(deviceProfileId) };
    },
  );
}
