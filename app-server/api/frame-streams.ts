import type { Readable } from "node:stream";
import type { FastifyReply, FastifyRequest } from "fastify";
import Type from "typebox";
import { parseDevEui, parseGatewayId } from "../../lorawan/ids.ts";
import type { FrameBatch, FrameInterest } from "../../platform/frames/frame-feed.ts";
import { type Access, checkSubject, inTenant } from "./access.ts";
import { callerOf } from "./authentication.ts";
import type { Api, ApiDependencies } from "./dependencies.ts";
import { createSocketStream } from "./event-socket.ts";
import { createEventStream } from "./event-stream.ts";
import { type FrameView, frameAnswer } from "./frame-answer.ts";
import type { LiveStream } from "./live-stream.ts";
import type { LiveStreams } from "./live-streams.ts";
import { found } from "./refusal.ts";
import { Eui64 } from "./schemas.ts";
import { acceptWebSocket } from "./web-socket.ts";

const DeviceParams = Type.Object({ devEui: Eui64 });
const GatewayParams = Type.Object({ gatewayId: Eui64 });

const schemaOf = (summary: string) => ({
  summary,
  description:
    "Each frame is an event `up` or `down`, its data JSON as in the list of frames. An event `gap` says that frames are " +
    "missing: too many came at once, or the client was away, since what it missed is in the history and not here. An " +
    "event `end` says why the server ends the stream. Comments keep the connection open.",
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
interface FrameStream {
  readonly access: Access;
  readonly interest: FrameInterest;
  readonly view: FrameView;
}

const ofDevice = inTenant("read", "params.devEui");
const ofGateway = inTenant("read", "params.gatewayId");

/** What network servers receive and send, as it happens. */
export function frameStreamRoutes(api: Api, deps: ApiDependencies, streams: LiveStreams): void {
  const admit = (request: FastifyRequest, { access, interest, view }: FrameStream) =>
    streams.admit({
      request,
      check: caller => checkSubject(access, caller, request, deps),
      follow(stream) {
        if (request.headers["last-event-id"]) {
          stream.gap("frames_not_repeated", "Frames since then are in the history; they are not sent again.");
        }
        return deps.frames.subscribe(interest, batch => tell(stream, batch, view));
      },
    });
  const serveEvents = async (request: FastifyRequest, reply: FastifyReply, frames: FrameStream) => {
    const serve = await admit(request, frames);
    const stream = createEventStream(deps.maxStreamBytes);
    serve(stream);
    // Proxies would otherwise hold events back until there are many.
    return reply.header("x-accel-buffering", "no").type("text/event-stream").send(stream.body);
  };
  const serveSocket = async (request: FastifyRequest, reply: FastifyReply, frames: FrameStream) => {
    const serve = await admit(request, frames);
    acceptWebSocket(request, reply, socket => serve(createSocketStream(socket, deps.maxStreamBytes, deps.clock)));
    return reply;
  };

  const framesOfDevice = (devEuiText: string): FrameStream => {
    const devEui = parseDevEui(devEuiText);
    return { access: ofDevice, interest: { kind: "device", devEui }, view: { kind: "device" } };
  };
  const deviceRoute = { config: { access: ofDevice } };
  api.get(
    "/devices/:devEui/frames/stream",
    { ...deviceRoute, schema: { ...schemaOf("Frames of a device as Server-Sent Events"), params: DeviceParams } },
    (request, reply) => serveEvents(request, reply, framesOfDevice(request.params.devEui)),
  );
  api.get(
    "/devices/:devEui/frames/ws",
    { ...deviceRoute, schema: { ...socketSchemaOf("Frames of a device over a WebSocket"), params: DeviceParams } },
    (request, reply) => serveSocket(request, reply, framesOfDevice(request.params.devEui)),
  );

  const framesOfGateway = async (request: FastifyRequest, gatewayIdText: string): Promise<FrameStream> => {
    const gatewayId = parseGatewayId(gatewayIdText);
    const gateway = found(await deps.repositories.gateways.get(gatewayId), "gateway");
    const tenantId = callerOf(request).isAdministrator ? "all" : gateway.tenantId;
    const view = { kind: "gateway", gatewayId, tenantId } as const;
    return { access: ofGateway, interest: { kind: "gateway", gatewayId }, view };
  };
  const gatewayRoute = { config: { access: ofGateway } };
  api.get(
    "/gateways/:gatewayId/frames/stream",
    { ...gatewayRoute, schema: { ...schemaOf("Frames of a gateway as Server-Sent Events"), params: GatewayParams } },
    async (request, reply) => serveEvents(request, reply, await framesOfGateway(request, request.params.gatewayId)),
  );
  api.get(
    "/gateways/:gatewayId/frames/ws",
    { ...gatewayRoute, schema: { ...socketSchemaOf("Frames of a gateway over a WebSocket"), params: GatewayParams } },
    async (request, reply) => serveSocket(request, reply, await framesOfGateway(request, request.params.gatewayId)),
  );
}

function tell(stream: LiveStream, { frames, leftOut }: FrameBatch, view: FrameView): void {
  for (const frame of frames) {
    stream.send({ id: frame.id, item: { kind: frame.direction, json: JSON.stringify(frameAnswer(frame, view)) } });
  }
  if (leftOut > 0) stream.gap("too_many_frames", `Too many frames came at once; up to ${leftOut} are missing.`);
}
