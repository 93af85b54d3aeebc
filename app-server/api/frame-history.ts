import type { FastifyRequest } from "fastify";
import Type, { type Static } from "typebox";
import type { Page } from "../catalog-ports.ts";
import { inTenant } from "./access.ts";
import { callerOf } from "./authentication.ts";
import type { Api, ApiDependencies } from "./dependencies.ts";
import { ExportFormat, exportAnswer, exportPageSize, sendExport } from "./export.ts";
import { Frame, type FrameAnswer, frameAnswer } from "./frame-answer.ts";
import { createFrameLooking, type Looking, wishesOf, wishQuery } from "./frame-looking.ts";
import { periodOf, periodQuery } from "./period.ts";
import { Eui64, pageOf, pageQuery, strict } from "./schemas.ts";

const filterQuery = {
  ...periodQuery,
  ...wishQuery,
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

const filterOf = (query: Asked) => ({ ...periodOf(query), ...wishesOf(query) });

/** Frames that were: of a device, or through a gateway. */
export function frameHistoryRoutes(api: Api, { repositories, history }: ApiDependencies): void {
  const lookAt = createFrameLooking(repositories);
  const ofDevice = (request: FastifyRequest, devEui: string, query: Asked) =>
    lookAt.device(callerOf(request), devEui, filterOf(query));
  const ofGateway = (request: FastifyRequest, gatewayId: string, query: Asked) =>
    lookAt.gateway(callerOf(request), gatewayId, filterOf(query));

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
