import type { Readable } from "node:stream";
import type { FastifyReply, FastifyRequest } from "fastify";
import Type from "typebox";
import { parseDevEui, parseGatewayId } from "../../lorawan/ids.ts";
import type { FrameBatch, FrameInterest } from "../../platform/frames/frame-feed.ts";
import { type Access, checkSubject, inTenant } from "./access.ts";
import { callerOf } from "./authentication.ts";
import type { Api, ApiDependencies } from "./dependencies.ts";
import { createEventStream } from "./event-stream.ts";
import { type FrameView, frameAnswer } from "./frame-answer.ts";
import type { LiveStream } from "./live-stream.ts";
import type { LiveStreams } from "./live-streams.ts";
import { found } from "./refusal.ts";
import { Eui64 } from "./schemas.ts";

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

/** What network servers receive and send, as it happens. */
export function frameStreamRoutes(api: Api, deps: ApiDependencies, streams: LiveStreams): void {
  async function serve(
    request: FastifyRequest,
    reply: FastifyReply,
    access: Access,
    interest: FrameInterest,
    view: FrameView,
  ): Promise<FastifyReply> {
    const begin = await streams.admit({
      request,
      check: caller => checkSubject(access, caller, request, deps),
      follow(stream) {
        if (request.headers["last-event-id"]) {
          stream.gap("Frames since then are in the history; they are not sent again.");
        }
        return deps.frames.subscribe(interest, batch => tell(stream, batch, view));
      },
    });
    const stream = createEventStream(deps.maxStreamBytes);
    begin(stream);
    // Proxies would otherwise hold events back until there are many.
    return reply.header("x-accel-buffering", "no").type("text/event-stream").send(stream.body);
  }

  const ofDevice = inTenant("read", "params.devEui");
  api.get(
    "/devices/:devEui/frames/stream",
    {
      config: { access: ofDevice },
      schema: { ...schemaOf("Frames of a device as Server-Sent Events"), params: DeviceParams },
    },
    async (request, reply) => {
      const devEui = parseDevEui(request.params.devEui);
      return serve(request, reply, ofDevice, { kind: "device", devEui }, { kind: "device" });
    },
  );
  const ofGateway = inTenant("read", "params.gatewayId");
  api.get(
    "/gateways/:gatewayId/frames/stream",
    {
      config: { access: ofGateway },
      schema: { ...schemaOf("Frames of a gateway as Server-Sent Events"), params: GatewayParams },
    },
    async (request, reply) => {
      const gatewayId = parseGatewayId(request.params.gatewayId);
      const gateway = found(await deps.repositories.gateways.get(gatewayId), "gateway");
      const tenantId = callerOf(request).isAdministrator ? "all" : gateway.tenantId;
      return serve(request, reply, ofGateway, { kind: "gateway", gatewayId }, { kind: "gateway", gatewayId, tenantId });
    },
  );
}

function tell(stream: LiveStream, { frames, leftOut }: FrameBatch, view: FrameView): void {
  for (const frame of frames) {
    stream.send({ id: frame.id, item: { kind: frame.direction, json: JSON.stringify(frameAnswer(frame, view)) } });
  }
  if (leftOut > 0) stream.gap(`Too many frames came at once; up to ${leftOut} are missing.`);
}
