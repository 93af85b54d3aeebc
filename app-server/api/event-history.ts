import type { FastifyRequest } from "fastify";
import Type, { type Static } from "typebox";
import {
  parseApplicationId,
  parseDevAddr,
  parseDevEui,
  parseGatewayId,
  parseTenantId,
  type TenantId,
} from "../../lorawan/ids.ts";
import type { Page } from "../catalog-ports.ts";
import type { EventFilter, HistoryEvent } from "../history-ports.ts";
import type { ApplicationEventKind } from "../ports.ts";
import { acrossTenants, checkPlace, inTenant, listScope } from "./access.ts";
import { callerOf } from "./authentication.ts";
import type { Api, ApiDependencies } from "./dependencies.ts";
import { ExportFormat, exportAnswer, exportPageSize, sendExport } from "./export.ts";
import { periodOf, periodQuery } from "./period.ts";
import { found } from "./refusal.ts";
import { DevAddrText, Eui64, pageOf, pageQuery, strict, Time, Uuid } from "./schemas.ts";

const kinds = ["up", "join", "ack", "txack", "log", "status", "location"] as const;

const deviceQuery = {
  ...periodQuery,
  kind: Type.Optional(Type.Array(Type.Enum([...kinds]), { maxItems: kinds.length, description: "May be repeated." })),
  code: Type.Optional(Type.String({ pattern: "^[A-Z_]{1,64}$", description: "Of `log` events, like `UPLINK_CODEC`." })),
  devAddr: Type.Optional(DevAddrText),
  gatewayId: Type.Optional(Eui64),
  text: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 200,
      description:
        "Somewhere in the event's JSON, in any case. A page looks through 5000 events at most: it may have few items, or " +
        "none, and a `next` all the same.",
    }),
  ),
};
const wholeQuery = {
  tenantId: Type.Optional(Uuid),
  applicationId: Type.Optional(Uuid),
  devEui: Type.Optional(Eui64),
  ...deviceQuery,
};
const DeviceQuery = Type.Object({ ...deviceQuery, ...pageQuery }, strict);
const WholeQuery = Type.Object({ ...wholeQuery, ...pageQuery }, strict);
const DeviceExport = Type.Object({ ...deviceQuery, format: ExportFormat }, strict);
const WholeExport = Type.Object({ ...wholeQuery, format: ExportFormat }, strict);

const Event = Type.Object({
  id: Type.String({ description: "The same for every delivery of the event." }),
  time: Time,
  kind: Type.Enum([...kinds]),
  tenantId: Uuid,
  applicationId: Uuid,
  devEui: Eui64,
  content: Type.Unsafe<unknown>(
    Type.Object({}, { additionalProperties: true, description: "The JSON that integrations were given." }),
  ),
});
type EventAnswer = Static<typeof Event>;
const Params = Type.Object({ devEui: Eui64 });

function answerOf({ id, time, kind, tenantId, applicationId, devEui, json }: HistoryEvent): EventAnswer {
  const content: unknown = JSON.parse(json);
  return { id, time, kind, tenantId, applicationId, devEui, content };
}

const columns = {
  names: ["time", "kind", "devEui", "applicationId", "tenantId", "id", "content"],
  cells: ({ time, kind, devEui, applicationId, tenantId, id, content }: EventAnswer) => [
    time,
    kind,
    devEui,
    applicationId,
    tenantId,
    id,
    JSON.stringify(content),
  ],
};

type Asked = Omit<Static<typeof WholeQuery>, "limit" | "after">;

const filterOf = (query: Asked): Omit<EventFilter, "tenants"> => ({
  ...periodOf(query),
  ...(query.kind !== undefined && { kinds: query.kind satisfies readonly ApplicationEventKind[] }),
  ...(query.code !== undefined && { code: query.code }),
  ...(query.devAddr !== undefined && { devAddr: parseDevAddr(query.devAddr) }),
  ...(query.gatewayId !== undefined && { gatewayId: parseGatewayId(query.gatewayId) }),
  ...(query.text !== undefined && { text: query.text }),
});

/** Events that were: of one device, or of everything that the caller may see. */
export function eventHistoryRoutes(api: Api, { repositories, history }: ApiDependencies): void {
  /** Throws 404 for a thing that the caller does not reach. */
  async function everywhere(request: FastifyRequest, query: Asked): Promise<EventFilter> {
    const caller = callerOf(request);
    const tenantId = query.tenantId === undefined ? undefined : parseTenantId(query.tenantId);
    const applicationId = query.applicationId === undefined ? undefined : parseApplicationId(query.applicationId);
    const devEui = query.devEui === undefined ? undefined : parseDevEui(query.devEui);
    if (applicationId !== undefined) {
      const application = found(await repositories.applications.get(applicationId), "application");
      checkPlace(caller, { tenantId: application.tenantId, applicationId }, "read", "application");
    }
    if (devEui !== undefined) {
      checkPlace(caller, found(await repositories.devices.get(devEui), "device"), "read", "device");
    }
    return {
      ...listScope(caller, "read", tenantId, "applications"),
      ...filterOf(query),
      ...(applicationId !== undefined && { applicationId }),
      ...(devEui !== undefined && { devEui }),
    };
  }

  /** What it sent under another tenant is not told to this one. */
  async function ofDevice(request: FastifyRequest, devEuiText: string, query: Asked): Promise<EventFilter> {
    const device = found(await repositories.devices.get(parseDevEui(devEuiText)), "device");
    const tenantId: TenantId = device.tenantId;
    return {
      ...listScope(callerOf(request), "read", tenantId, "applications"),
      ...filterOf(query),
      devEui: device.devEui,
    };
  }

  async function page(filter: EventFilter, limit: number, after: string | undefined): Promise<Page<EventAnswer>> {
    const events = await history.events(filter, { limit, ...(after !== undefined && { after }) });
    return { ...events, items: events.items.map(answerOf) };
  }

  api.get(
    "/events/history",
    {
      config: { access: acrossTenants("read") },
      schema: { summary: "Events that were, newest first", querystring: WholeQuery, response: { 200: pageOf(Event) } },
    },
    async request => {
      const { limit = 100, after, ...query } = request.query;
      return page(await everywhere(request, query), limit, after);
    },
  );
  api.get(
    "/events/history/export",
    {
      config: { access: acrossTenants("read") },
      schema: { summary: "Download events that were", querystring: WholeExport, response: exportAnswer },
    },
    async (request, reply) => {
      const { format, ...query } = request.query;
      const filter = await everywhere(request, query);
      return sendExport(reply, format, "events", columns, after => page(filter, exportPageSize, after));
    },
  );
  api.get(
    "/devices/:devEui/events",
    {
      config: { access: inTenant("read", "params.devEui") },
      schema: {
        summary: "Events of a device that were, newest first",
        params: Params,
        querystring: DeviceQuery,
        response: { 200: pageOf(Event) },
      },
    },
    async request => {
      const { limit = 100, after, ...query } = request.query;
      return page(await ofDevice(request, request.params.devEui, query), limit, after);
    },
  );
  api.get(
    "/devices/:devEui/events/export",
    {
      config: { access: inTenant("read", "params.devEui") },
      schema: {
        summary: "Download events of a device",
        params: Params,
        querystring: DeviceExport,
        response: exportAnswer,
      },
    },
    async (request, reply) => {
      const { format, ...query } = request.query;
      const filter = await ofDevice(request, request.params.devEui, query);
      return sendExport(reply, format, `events-${filter.devEui}`, columns, after =>
        page(filter, exportPageSize, after),
      );
    },
  );
}
