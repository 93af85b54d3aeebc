import type { Readable } from "node:stream";
import type { FastifyRequest } from "fastify";
import Type, { type Static } from "typebox";
import { parseApplicationId, parseDevEui, parseTenantId, type TenantId } from "../../lorawan/ids.ts";
import type { ApplicationEvent } from "../ports.ts";
import { acrossTenants, checkPlace, listScope, type Principal } from "./access.ts";
import { authenticate, callerOf } from "./authentication.ts";
import type { Api, ApiDependencies } from "./dependencies.ts";
import { createEventReplay, type EventReplay } from "./event-replay.ts";
import { createEventStream, type EventStream } from "./event-stream.ts";
import { found, Refusal } from "./refusal.ts";
import { Eui64, strict, Uuid } from "./schemas.ts";

const kinds = ["up", "join", "ack", "txack", "log", "status", "location"] as const;
const Query = Type.Object(
  {
    tenantId: Type.Optional(Uuid),
    applicationId: Type.Optional(Uuid),
    devEui: Type.Optional(Eui64),
    kind: Type.Optional(Type.Array(Type.Enum([...kinds]), { maxItems: kinds.length, description: "May be repeated." })),
  },
  strict,
);

/** Each stream costs memory and every event a look at it. */
const maxStreams = 500;
const replayLingerMs = 60_000;

type Filter = (event: ApplicationEvent) => boolean;

/** What the query asks for, after a check that the caller may see the things it names. */
async function requestedEvents(
  query: Static<typeof Query>,
  caller: Principal,
  { repositories }: ApiDependencies,
): Promise<Filter> {
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

/** What the stream missed since its client was last here. Nothing else may be told to it in between. */
function resume(stream: EventStream, request: FastifyRequest, replay: EventReplay, wanted: Filter): void {
  const { "last-event-id": lastId } = request.headers;
  if (typeof lastId !== "string" || lastId === "") return;
  const missed = replay.after(lastId);
  if (missed === undefined) stream.gap("Events since then are not known here any more; some are missing.");
  for (const numbered of missed ?? []) if (wanted(numbered.event)) stream.send(numbered);
}

/** Looks after one stream until its client leaves, loses its right, or the server stops. */
function serveStream(
  stream: EventStream,
  request: FastifyRequest,
  tenantId: TenantId | undefined,
  requested: Filter,
  replay: EventReplay,
  deps: ApiDependencies,
): void {
  let visible = visibleEvents(callerOf(request), tenantId);
  const wanted: Filter = event => visible(event) && requested(event);
  stream.comment("connected");
  resume(stream, request, replay, wanted);
  const unsubscribe = replay.subscribe(numbered => {
    if (wanted(numbered.event)) stream.send(numbered);
  });
  let cancel = () => {};
  const beat = async () => {
    try {
      // A login or key may have ended, or changed its tenants, since the stream began.
      visible = visibleEvents(await authenticate(request, deps), tenantId);
    } catch (error) {
      if (error instanceof Refusal) stream.end("access_ended", "The login or API key no longer allows this.");
      // A database that is away for a moment says nothing about the right: asked again at the next beat.
    }
    stream.comment("still here");
    if (!stream.body.destroyed) cancel = deps.clock.after(deps.streamHeartbeatMs, beat);
  };
  cancel = deps.clock.after(deps.streamHeartbeatMs, beat);
  stream.body.once("close", () => {
    unsubscribe();
    cancel();
  });
}

export function eventRoutes(api: Api, deps: ApiDependencies): void {
  const streams = new Set<EventStream>();
  // A stream holds what is kept twice over, so that no client is too slow for what it missed.
  const replay = createEventReplay({ ...deps, maxLength: deps.maxStreamBytes / 2, lingerMs: replayLingerMs });
  api.addHook("preClose", async () => {
    for (const stream of streams) stream.end("server_stopping", "The server stops; connect again.");
    replay.close();
  });
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
      if (streams.size >= maxStreams) throw new Refusal("too_many_streams", "Too many event streams are open.");
      const requested = await requestedEvents(request.query, callerOf(request), deps);
      const { tenantId: text } = request.query;
      const tenantId = text === undefined ? undefined : parseTenantId(text);
      listScope(callerOf(request), "read", tenantId);
      const stream = createEventStream(deps.maxStreamBytes);
      streams.add(stream);
      stream.body.once("close", () => streams.delete(stream));
      serveStream(stream, request, tenantId, requested, replay, deps);
      // Proxies would otherwise hold events back until there are many.
      reply.header("x-accel-buffering", "no").type("text/event-stream");
      return reply.send(stream.body);
    },
  );
}
