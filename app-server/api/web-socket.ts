import { type IncomingMessage, ServerResponse } from "node:http";
import { Socket } from "node:net";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { type WebSocket, WebSocketServer } from "ws";
import { Refusal } from "./refusal.ts";

interface Upgrade {
  readonly socket: Socket;
  readonly head: Buffer;
  readonly response: ServerResponse;
}

/** Requests that came as an upgrade, until their route has accepted or refused them. */
const upgrades = new WeakMap<IncomingMessage, Upgrade>();

const subprotocol = "upchirp.events";
const tokenPrefix = "bearer.";

/**
 * A browser's WebSocket has no header for a token but the list of subprotocols, which no log shows as it does an address.
 * The token is moved to where every route looks for it, and is never answered.
 */
function takeToken({ headers }: IncomingMessage): void {
  const offered = headers["sec-websocket-protocol"]?.split(",").map(name => name.trim()) ?? [];
  const token = offered.find(name => name.startsWith(tokenPrefix))?.slice(tokenPrefix.length);
  if (token === undefined) return;
  headers.authorization ??= `Bearer ${token}`;
  const others = offered.filter(name => !name.startsWith(tokenPrefix));
  if (others.length > 0) headers["sec-websocket-protocol"] = others.join(", ");
  else delete headers["sec-websocket-protocol"];
}

/**
 * Takes upgrades of requests under `prefix` through the routes, with every hook that other requests meet: a route accepts by
 * `acceptWebSocket`, and any other answer is an ordinary one, after which the connection ends.
 */
export function routeUpgrades(app: FastifyInstance, prefix: string): void {
  app.server.on("upgrade", (request, socket, head) => {
    if (!request.url?.startsWith(prefix)) return;
    // A body would not be read any more.
    if (request.method !== "GET" || !(socket instanceof Socket)) {
      socket.destroy();
      return;
    }
    socket.on("error", () => socket.destroy());
    takeToken(request);
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(socket);
    response.once("finish", () => socket.end());
    upgrades.set(request, { socket, head, response });
    app.routing(request, response);
  });
}

/** Nothing that clients send is of interest. */
const maxMessageBytes = 1024;

const server = new WebSocketServer({
  noServer: true,
  clientTracking: false,
  maxPayload: maxMessageBytes,
  handleProtocols: offered => (offered.has(subprotocol) ? subprotocol : false),
});

/** Makes the request a WebSocket. Throws Refusal `upgrade_required` when it is an ordinary one. */
export function acceptWebSocket(
  request: FastifyRequest,
  reply: FastifyReply,
  accepted: (socket: WebSocket) => void,
): void {
  const upgrade = upgrades.get(request.raw);
  if (upgrade === undefined || request.headers.upgrade?.toLowerCase() !== "websocket") {
    throw new Refusal(
      "upgrade_required",
      "This is for WebSocket clients; GET /api/events is the same over plain HTTP.",
    );
  }
  const { socket, head, response } = upgrade;
  reply.hijack();
  response.detachSocket(socket);
  server.handleUpgrade(request.raw, socket, head, accepted);
}
