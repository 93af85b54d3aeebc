import type { Readable } from "node:stream";
import type { FastifyReply, FastifyRequest } from "fastify";
import Type, { type Static } from "typebox";
import { parseDevEui, parseGatewayId } from "../../lorawan/ids.ts";
import { type Access, checkSubject, inTenant } from "./access.ts";
import { callerOf } from "./authentication.ts";
import type { Api, ApiDependencies } from "./dependencies.ts";
import { createSocketStream } from "./event-socket.ts";
import { createEventStream } from "./event-stream.ts";
import { createFrameFollower, type WantedFrames } from "./frame-follow.ts";
import { createFrameLooking, wishesOf, wishQuery } from "./frame-looking.ts";
import { lastEventIdQuery, lastIdOf } from "./last-event-id.ts";
import type { LiveStreams } from "./live-streams.ts";
import { Eui64, strict } from "./schemas.ts";
import { acceptWebSocket } from "./web-socket.ts";

const DeviceParams = Type.Object({ devEui: Eui64 });
const GatewayParams = Type.Object({ gatewayId: Eui64 });

const Query = Type.Object({ ...wishQuery, ...lastEventIdQuery }, strict);
type Query = Static<typeof Query>;

const schemaOf = (summary: string) => ({
  summary,
  description:
    "Each frame is an event `up` or `down`, its data JSON as in the list of frames. With the id of the last one as " +
    "`Last-Event-ID`, what the history has since is sent first. An event `gap` says that frames are or may be missing, and " +
    "why. An event `end` says why the server ends the stream. Comments keep the connection open.",
  response: {
    200: {
      description: "Frames as long as the connection lasts.",
      content: { "text/event-stream": { schema: Type.Unsafe<Readable>(Type.String()) } },
    },
  },
});

const socketSchemaOf = (summary: string) => ({
  summary,
  description:
    "Each message is a JSON object with `kind`, `id` and `content`, as the stream over plain HTTP has them. A browser shows its " +
    "token as the subprotocol `bearer.<token>` beside `upchirp.events`, or has the login's cookie and the same origin.",
  response: { 101: Type.Null({ description: "Frames as long as the connection lasts." }) },
});

/** What one stream carries, and who may have it. */
interface FramesAsked extends WantedFrames {
  readonly access: Access;
  readonly lastId: string | undefined;
}

const ofDevice = inTenant("read", "params.devEui");
const ofGateway = inTenant("read", "params.gatewayId");

/** What network servers receive and send, as it happens. */
export function frameStreamRoutes(api: Api, deps: ApiDependencies, streams: LiveStreams): void {
  const lookAt = createFrameLooking(deps.repositories);
  const follower = createFrameFollower({ ...deps, history: deps.journal && deps.history });
  const admit = (request: FastifyRequest, { access, lastId, ...wanted }: FramesAsked) =>
    streams.admit({
      request,
      check: caller => checkSubject(access, caller, request, deps),
      follow: stream => follower.follow(stream, lastId, wanted),
    });
  const serveEvents = async (request: FastifyRequest, reply: FastifyReply, frames: FramesAsked) => {
    const serve = await admit(request, frames);
    const stream = createEventStream(deps.maxStreamBytes);
    serve(stream);
    // Proxies would otherwise hold events back until there are many.
    return reply.header("x-accel-buffering", "no").type("text/event-stream").send(stream.body);
  };
  const serveSocket = async (request: FastifyRequest, reply: FastifyReply, frames: FramesAsked) => {
    const serve = await admit(request, frames);
    acceptWebSocket(request, reply, socket => serve(createSocketStream(socket, deps.maxStreamBytes, deps.clock)));
    return reply;
  };

  const framesOfDevice = async (request: FastifyRequest, devEui: string, query: Query): Promise<FramesAsked> => ({
    ...(await lookAt.device(callerOf(request), devEui, wishesOf(query))),
    access: ofDevice,
    interest: { kind: "device", devEui: parseDevEui(devEui) },
    lastId: lastIdOf(request, query),
  });
  const deviceRoute = { config: { access: ofDevice } };
  api.get(
    "/devices/:devEui/frames/stream",
    {
      ...deviceRoute,
      schema: { ...schemaOf("Frames of a device as Server-Sent Events"), params: DeviceParams, querystring: Query },
    },
    async (request, reply) =>
      serveEvents(request, reply, await framesOfDevice(request, request.params.devEui, request.query)),
  );
  api.get(
    "/devices/:devEui/frames/ws",
    {
      ...deviceRoute,
      schema: { ...socketSchemaOf("Frames of a device over a WebSocket"), params: DeviceParams, querystring: Query },
    },
    async (request, reply) =>
      serveSocket(request, reply, await framesOfDevice(request, request.params.devEui, request.query)),
  );

  const framesOfGateway = async (request: FastifyRequest, gatewayId: string, query: Query): Promise<FramesAsked> => ({
    ...(await lookAt.gateway(callerOf(request), gatewayId, wishesOf(query))),
    access: ofGateway,
    interest: { kind: "gateway", gatewayId: parseGatewayId(gatewayId) },
    lastId: lastIdOf(request, query),
  });
  const gatewayRoute = { config: { access: ofGateway } };
  api.get(
    "/gateways/:gatewayId/frames/stream",
    {
      ...gatewayRoute,
      schema: { ...schemaOf("Frames of a gateway as Server-Sent Events"), params: GatewayParams, querystring: Query },
    },
    async (request, reply) =>
      serveEvents(request, reply, await framesOfGateway(request, request.params.gatewayId, request.query)),
  );
  api.get(
    "/gateways/:gatewayId/frames/ws",
    {
      ...gatewayRoute,
      schema: { ...socketSchemaOf("Frames of a gateway over a WebSocket"), params: GatewayParams, querystring: Query },
    },
    async (request, reply) =>
      serveSocket(request, reply, await framesOfGateway(request, request.params.gatewayId, request.query)),
  );
}
