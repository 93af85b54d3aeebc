import type { Readable } from "node:stream";
import type { FastifyRequest } from "fastify";
import Type, { type Static } from "typebox";
import { parseApplicationId, parseDevEui, parseTenantId, type TenantId } from "../../lorawan/ids.ts";
import type { ApplicationEvent } from "../ports.ts";
import { acrossTenants, checkPlace, listScope, type Principal } from "./access.ts";
import { callerOf } from "./authentication.ts";
import type { Api, ApiDependencies } from "./dependencies.ts";
import { createSocketStream } from "./event-socket.ts";
import { createEventStream } from "./event-stream.ts";
import type { LiveStreams, StreamOptions } from "./live-streams.ts";
import { found } from "./refusal.ts";
import { createReplay, followReplay } from "./replay.ts";
import { Eui64, strict, Uuid } from "./schemas.ts";
import { acceptWebSocket } from "./web-socket.ts";

const kinds = ["up", "join", "ack", "txack", "log", "status", "location"] as const;
const Query = Type.Object(
  {
    tenantId: Type.Optional(Uuid),
    applicationId: Type.Optional(Uuid),
    devEui: Type.Optional(Eui64),
    kind: Type.Optional(Type.Array(Type.Enum([...kinds]), { maxItems: kinds.length, description: "May be repeated." })),
    lastEventId: Type.Optional(
      Type.String({ maxLength: 100, description: "As the header `Last-Event-ID`, for clients that cannot send it." }),
    ),
  },
  strict,
);
type Query = Static<typeof Query>;

const replayLingerMs = 60_000;

type Filter = (event: ApplicationEvent) => boolean;

/** What the query asks for, after a check that the caller may see the things it names. */
async function requestedEvents(query: Query, caller: Principal, { repositories }: ApiDependencies): Promise<Filter> {
  const applicationId = query.applicationId === undefined ? undefined : parseApplicationId(query.applicationId);
  const devEui = query.devEui === undefined ? undefined : parseDevEui(query.devEui);
  if (applicationId !== undefined) {
    const application = found(await repositories.applications.get(applicationId), "application");
    checkPlace(caller, { tenantId: application.tenantId, applicationId }, "read", "application");
  }
  if (devEui !== undefined) {
    const device = found(await repositories.devices.get(devEui), "device");
    checkPlace(caller, device, "read", "device");
  }
  const wanted = query.kind && new Set<string>(query.kind);
  return event =>
    (applicationId === undefined || event.applicationId === applicationId) &&
    (devEui === undefined || event.devEui === devEui) &&
    (wanted === undefined || wanted.has(event.kind));
}

function visibleEvents(caller: Principal, tenantId: TenantId | undefined): Filter {
  const scope = listScope(caller, "read", tenantId, "applications");
  if (scope.tenants === "all") return () => true;
  const tenants = new Set<string>(scope.tenants);
  const applications = new Set<string>(scope.applications);
  return event => tenants.has(event.tenantId) || applications.has(event.applicationId);
}

const lastIdOf = (request: FastifyRequest, { lastEventId }: Query): string | undefined => {
  const { "last-event-id": header } = request.headers;
  return typeof header === "string" ? header : lastEventId;
};

export function eventRoutes(api: Api, deps: ApiDependencies, streams: LiveStreams): void {
  // A stream holds what is kept twice over, so that no client is too slow for what it missed.
  const replay = createReplay({ ...deps, maxLength: deps.maxStreamBytes / 2, lingerMs: replayLingerMs });
  api.addHook("onClose", async () => replay.close());
  const optionsOf = async (request: FastifyRequest, query: Query): Promise<StreamOptions> => {
    const requested = await requestedEvents(query, callerOf(request), deps);
    const tenantId = query.tenantId === undefined ? undefined : parseTenantId(query.tenantId);
    const lastId = lastIdOf(request, query);
    let visible: Filter = () => false;
    return {
      request,
      async check(caller) {
        visible = visibleEvents(caller, tenantId);
      },
      follow: stream => followReplay(replay, stream, lastId, event => visible(event) && requested(event)),
      position: () => replay.position(),
    };
  };
  api.get(
    "/events",
    {
      config: { access: acrossTenants("read") },
      schema: {
        summary: "Live events as Server-Sent Events",
        description:
          "Each event has its kind as name and the JSON of the application contract as data. A client that is too slow, " +
          "or whose access ends, gets an event `end` that says so. Comments keep the connection open. With the id of the " +
          "last event as `Last-Event-ID`, what came since is sent first, or an event `gap` when it is not known any more.",
        querystring: Query,
        response: {
          200: {
            description: "Events as long as the connection lasts.",
            content: { "text/event-stream": { schema: Type.Unsafe<Readable>(Type.String()) } },
          },
        },
      },
    },
    async (request, reply) => {
      const serve = await streams.admit(await optionsOf(request, request.query));
      const stream = createEventStream(deps.maxStreamBytes);
      serve(stream);
      // Proxies would otherwise hold events back until there are many.
      reply.header("x-accel-buffering", "no").type("text/event-stream");
      return reply.send(stream.body);
    },
  );
  api.get(
    "/events/ws",
    {
      config: { access: acrossTenants("read") },
      schema: {
        summary: "Live events over a WebSocket",
        description:
          "Each message is a JSON object with `kind`, `id` and the JSON of the application contract as `content`. Besides the " +
          "kinds of events there are `position`, with an `id` to go on after; `gap`, when events since `lastEventId` are not " +
          "known any more; and `end`, which says why the server closes. A browser shows its token as the subprotocol " +
          "`bearer.<token>` beside `upchirp.events`, or has the login's cookie and the same origin.",
        querystring: Query,
        response: { 101: Type.Null({ description: "Events as long as the connection lasts." }) },
      },
    },
    async (request, reply) => {
      const serve = await streams.admit(await optionsOf(request, request.query));
      acceptWebSocket(request, reply, socket => serve(createSocketStream(socket, deps.maxStreamBytes, deps.clock)));
      return reply;
    },
  );
}
