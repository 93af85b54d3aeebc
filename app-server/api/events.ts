import type { Readable } from "node:stream";
import type { FastifyRequest } from "fastify";
import Type, { type Static } from "typebox";
import { parseApplicationId, parseDevEui, parseTenantId } from "../../lorawan/ids.ts";
import type { HistoryScope } from "../history-ports.ts";
import type { JournalFilter } from "../journal-ports.ts";
import type { ApplicationEvent } from "../ports.ts";
import { acrossTenants, checkPlace, listScope, type Principal } from "./access.ts";
import { callerOf } from "./authentication.ts";
import type { Api, ApiDependencies } from "./dependencies.ts";
import { createSocketStream } from "./event-socket.ts";
import { createEventStream } from "./event-stream.ts";
import { createJournalFollower, type Followed, type WantedEvents } from "./journal-follow.ts";
import { createJournalReplay } from "./journal-replay.ts";
import { lastEventIdQuery, lastIdOf } from "./last-event-id.ts";
import type { LiveStream } from "./live-stream.ts";
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
    ...lastEventIdQuery,
  },
  strict,
);
type Query = Static<typeof Query>;

const replayLingerMs = 60_000;

type Requested = Pick<JournalFilter, "applicationId" | "devEui" | "kinds">;

/** What the query asks for, after a check that the caller may see the things it names. */
async function requestedEvents(query: Query, caller: Principal, { repositories }: ApiDependencies): Promise<Requested> {
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
  return {
    ...(applicationId !== undefined && { applicationId }),
    ...(devEui !== undefined && { devEui }),
    ...(query.kind !== undefined && { kinds: query.kind }),
  };
}

type Filter = (event: ApplicationEvent) => boolean;

function requestedBy({ applicationId, devEui, kinds }: Requested): Filter {
  const wanted = kinds && new Set<string>(kinds);
  return event =>
    (applicationId === undefined || event.applicationId === applicationId) &&
    (devEui === undefined || event.devEui === devEui) &&
    (wanted === undefined || wanted.has(event.kind));
}

function visibleIn(scope: HistoryScope): Filter {
  if (scope.tenants === "all") return () => true;
  const tenants = new Set<string>(scope.tenants);
  const applications = new Set<string>(scope.applications);
  return event => tenants.has(event.tenantId) || applications.has(event.applicationId);
}

/** Sends what is wanted to a stream, from an id on where there is one. */
interface Events {
  /** Resolves when `follow` may be called. */
  start(): Promise<void>;
  follow(stream: LiveStream, lastId: string | undefined, wanted: WantedEvents): Followed;
  close(): void;
}

/** With a history, ids are those of its journal, and hold in every process. Without, they are this process's. */
function createEvents({ feed, journal, clock, log, maxStreamBytes }: ApiDependencies): Events {
  // A stream holds what is kept twice over, so that no client is too slow for what it missed.
  const kept = { clock, maxLength: maxStreamBytes / 2, lingerMs: replayLingerMs };
  if (journal !== undefined) {
    const replay = createJournalReplay({ ...kept, ...journal, log });
    const { follow } = createJournalFollower(replay, journal.journal, log);
    return { start: () => replay.start(), follow, close: () => replay.close() };
  }
  const replay = createReplay({ ...kept, feed });
  return {
    async start() {},
    follow: (stream, lastId, { isWanted }) => ({
      end: followReplay(replay, stream, lastId, isWanted),
      position: () => replay.position(),
    }),
    close: () => replay.close(),
  };
}

export function eventRoutes(api: Api, deps: ApiDependencies, streams: LiveStreams): void {
  const events = createEvents(deps);
  api.addHook("onClose", async () => events.close());
  const optionsOf = async (request: FastifyRequest, query: Query): Promise<StreamOptions> => {
    const requested = await requestedEvents(query, callerOf(request), deps);
    const isRequested = requestedBy(requested);
    const tenantId = query.tenantId === undefined ? undefined : parseTenantId(query.tenantId);
    const lastId = lastIdOf(request, query);
    await events.start();
    let scope: HistoryScope = { tenants: [] };
    let isVisible: Filter = () => false;
    let followed: Followed | undefined;
    const wanted: WantedEvents = {
      filter: () => ({ ...scope, ...requested }),
      isWanted: event => isVisible(event) && isRequested(event),
    };
    return {
      request,
      async check(caller) {
        scope = listScope(caller, "read", tenantId, "applications");
        isVisible = visibleIn(scope);
      },
      follow(stream) {
        followed = events.follow(stream, lastId, wanted);
        return followed.end;
      },
      position: () => followed?.position(),
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
          "last event as `Last-Event-ID`, what came since is sent first, out of the history where need be, from whichever server; " +
          "an event `gap` says when some of it is not there any more.",
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
          "there any more; and `end`, which says why the server closes. A browser shows its token as the subprotocol " +
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
