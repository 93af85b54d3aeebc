import { TLSSocket } from "node:tls";
import type { FastifyError, FastifyInstance, FastifyRequest } from "fastify";
import type { Log } from "../platform/log.ts";
import type { JoinAnswerer, KeyWrap } from "./answer.ts";
import { type Credentials, clientOf, keyWrapFor } from "./clients.ts";
import type { JoinServerConfig } from "./config.ts";
import { servedJoinEuis } from "./served-join-euis.ts";
import { answerMessage, failedAnswer, type Ts002Answer } from "./ts002.ts";

export interface RouteOptions {
  readonly answerer: JoinAnswerer;
  readonly config: JoinServerConfig;
  /** For clients whose application server shares no key with us: it is this installation's own. */
  readonly appSKeyWrap: KeyWrap["appSKey"];
  readonly log: Log;
}

/**
 * TS002-1.1.0 over HTTP: JSON is posted to one path, and every answer is status 200 with a result code, faults of the
 * message and of this server included. Only somebody unknown gets a 401.
 */
export function joinServerRoutes({ answerer, config, appSKeyWrap, log }: RouteOptions) {
  const serves = servedJoinEuis(config.joinEuis);

  async function answer(request: FastifyRequest): Promise<Ts002Answer> {
    const client = clientOf(config.clients, credentialsOf(request));
    if (!client) return unknownSender;
    try {
      return await answerMessage(answerer, client, keyWrapFor(client, appSKeyWrap), serves, request.body);
    } catch (error) {
      log.error({ err: error, netId: client.netId }, "a question to the Join Server could not be answered");
      return failedAnswer(request.body);
    }
  }

  return async (http: FastifyInstance): Promise<void> => {
    // Nothing of what a stranger sends is read.
    http.addHook("onRequest", async (request, reply) => {
      if (!clientOf(config.clients, credentialsOf(request))) return reply.code(401).send(unknownSender);
    });
    http.setErrorHandler((error: FastifyError, _request, reply) => {
      if (error.statusCode !== 400) throw error;
      return reply.code(200).send({ Result: { ResultCode: "MalformedMessage", Description: "this is no JSON" } });
    });
    http.post("/ts002", answer);
  };
}

const unknownSender: Ts002Answer = { Result: { ResultCode: "UnknownSender" } };

function credentialsOf(request: FastifyRequest): Credentials {
  const { authorization } = request.headers;
  const { socket } = request;
  // Over TLS the handshake has already turned down whoever has no certificate of the configured authorities.
  if (!(socket instanceof TLSSocket) || !socket.authorized) return { authorization };
  const name = socket.getPeerCertificate().subject?.CN;
  return { authorization, ...(typeof name === "string" && { certificate: name }) };
}
