import type { FastifyRequest } from "fastify";
import Type, { type Static } from "typebox";
import { parseDevAddr, parseDevEui, parseGatewayId } from "../../lorawan/ids.ts";
import type { Page } from "../catalog-ports.ts";
import type { FrameFilter } from "../history-ports.ts";
import { inTenant, listScope } from "./access.ts";
import { callerOf } from "./authentication.ts";
import type { Api, ApiDependencies } from "./dependencies.ts";
import { ExportFormat, exportAnswer, exportPageSize, sendExport } from "./export.ts";
import { Frame, type FrameAnswer, type FrameView, frameAnswer } from "./frame-answer.ts";
import { periodOf, periodQuery } from "./period.ts";
import { found } from "./refusal.ts";
import { DevAddrText, Eui64, pageOf, pageQuery, strict } from "./schemas.ts";

const filterQuery = {
  ...periodQuery,
  direction: Type.Optional(Type.Enum(["up", "down"])),
  result: Type.Optional(
    Type.String({ pattern: "^[a-z-]{1,32}$", description: "Verdict of an uplink or outcome of a downlink." }),
  ),
  devAddr: Type.Optional(DevAddrText),
};
const Query = Type.Object({ ...filterQuery, ...pageQuery }, strict);
const ExportQuery = Type.Object({ ...filterQuery, format: ExportFormat }, strict);
type Asked = Omit<Static<typeof Query>, "limit" | "after">;

const DeviceParams = Type.Object({ devEui: Eui64 });
const GatewayParams = Type.Object({ gatewayId: Eui64 });

const columns = {
  names: [
    "time",
    "direction",
    "frameType",
    "devEui",
    "devAddr",
    "fCnt",
    "result",
    "reason",
    "phyPayload",
    "id",
    "radio",
  ],
  cells: (frame: FrameAnswer) => [
    frame.time,
    frame.direction,
    frame.frameType,
    frame.devEui ?? "",
    frame.devAddr ?? "",
    String(frame.fCnt ?? ""),
    frame.verdict ?? frame.outcome ?? "",
    frame.reason ?? "",
    frame.phyPayload,
    frame.id,
    JSON.stringify({ rxInfo: frame.rxInfo, attempts: frame.attempts, txInfo: frame.txInfo }),
  ],
};

const filterOf = ({ direction, result, devAddr, ...period }: Asked): Omit<FrameFilter, "tenants"> => ({
  ...periodOf(period),
  ...(direction !== undefined && { direction }),
  ...(result !== undefined && { result }),
  ...(devAddr !== undefined && { devAddr: parseDevAddr(devAddr) }),
});

/** What is looked for, and how what is found is seen. */
interface Looking {
  readonly filter: FrameFilter;
  readonly view: FrameView;
}

/** Frames that were: of a device, or through a gateway. */
export function frameHistoryRoutes(api: Api, { repositories, history }: ApiDependencies): void {
  async function ofDevice(request: FastifyRequest, devEuiText: string, query: Asked): Promise<Looking> {
    const { devEui, tenantId } = found(await repositories.devices.get(parseDevEui(devEuiText)), "device");
    const scope = listScope(callerOf(request), "read", tenantId, "applications");
    return { filter: { ...scope, ...filterOf(query), devEui }, view: { kind: "device" } };
  }

  /** What the gateway heard before it was this tenant's is not told to this one. */
  async function ofGateway(request: FastifyRequest, gatewayIdText: string, query: Asked): Promise<Looking> {
    const gateway = found(await repositories.gateways.get(parseGatewayId(gatewayIdText)), "gateway");
    const { gatewayId, createdAt } = gateway;
    const isAdministrator = callerOf(request).isAdministrator;
    const asked = filterOf(query);
    const isEarlier = asked.since === undefined || asked.since < createdAt;
    return {
      filter: { tenants: "all", ...asked, ...(!isAdministrator && isEarlier && { since: createdAt }), gatewayId },
      view: { kind: "gateway", gatewayId, tenantId: isAdministrator ? "all" : gateway.tenantId },
    };
  }

  async function page({ filter, view }: Looking, limit: number, after: string | undefined): Promise<Page<FrameAnswer>> {
    const frames = await history.frames(filter, { limit, ...(after !== undefined && { after }) });
    return { ...frames, items: frames.items.map(frame => frameAnswer(frame, view)) };
  }

  const deviceAccess = { access: inTenant("read", "params.devEui") };
  const gatewayAccess = { access: inTenant("read", "params.gatewayId") };
  api.get(
    "/devices/:devEui/frames",
    {
      config: deviceAccess,
      schema: {
        summary: "Frames of a device that were, newest first",
        params: DeviceParams,
        querystring: Query,
        response: { 200: pageOf(Frame) },
      },
    },
    async request => {
      const { limit = 100, after, ...query } = request.query;
      return page(await ofDevice(request, request.params.devEui, query), limit, after);
    },
  );
  api.get(
    "/devices/:devEui/frames/export",
    {
      config: deviceAccess,
      schema: {
        summary: "Download frames of a device",
        params: DeviceParams,
        querystring: ExportQuery,
        response: exportAnswer,
      },
    },
    async (request, reply) => {
      const { format, ...query } = request.query;
      const looking = await ofDevice(request, request.params.devEui, query);
      const name = `frames-${looking.filter.devEui}`;
      return sendExport(reply, format, name, columns, after => page(looking, exportPageSize, after));
    },
  );
  api.get(
    "/gateways/:gatewayId/frames",
    {
      config: gatewayAccess,
      schema: {
        summary: "Frames through a gateway that were, newest first",
        params: GatewayParams,
        querystring: Query,
        response: { 200: pageOf(Frame) },
      },
    },
    async request => {
      const { limit = 100, after, ...query } = request.query;
      return page(await ofGateway(request, request.params.gatewayId, query), limit, after);
    },
  );
  api.get(
    "/gateways/:gatewayId/frames/export",
    {
      config: gatewayAccess,
      schema: {
        summary: "Download frames through a gateway",
        params: GatewayParams,
        querystring: ExportQuery,
        response: exportAnswer,
      },
    },
    async (request, reply) => {
      const { format, ...query } = request.query;
      const looking = await ofGateway(request, request.params.gatewayId, query);
      const name = `frames-${looking.filter.gatewayId}`;
      return sendExport(reply, format, name, columns, after => page(looking, exportPageSize, after));
    },
  );
}
