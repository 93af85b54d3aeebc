import { createHash, timingSafeEqual } from "node:crypto";
import type { FastifyInstance } from "fastify";
import { Compile } from "typebox/compile";
import { wrapKey } from "../lorawan/backend/key-envelope.ts";
import { type JoinReq, joinReqSchema, type RejoinReq, rejoinReqSchema } from "../lorawan/backend/messages.ts";
import type { JoinAnswerer, KeyWrap } from "./answer.ts";
import type { JoinServerClientConfig } from "./config.ts";
import { plainHex } from "./join.ts";

const joinReq = Compile(joinReqSchema);
const rejoinReq = Compile(rejoinReqSchema);

/**
 * TS002-1.1.0 over HTTP: JSON is posted to one path, and every answer is status 200 with a result code, faults of the
 * message included. Only a client without a valid token gets a 401.
 */
export function joinServerRoutes(
  answerer: JoinAnswerer,
  clients: readonly JoinServerClientConfig[],
  appSKeyWrap: KeyWrap["appSKey"],
) {
  return async (http: FastifyInstance): Promise<void> => {
    http.post("/ts002", async (request, reply) => {
      const client = clientOf(clients, request.headers.authorization);
      if (!client) return reply.code(401).send({ Result: { ResultCode: "UnknownSender" } });
      const message = request.body;
      const wrap = { appSKey: appSKeyWrap, networkKey: networkKeyWrap(client) };
      if (joinReq.Check(message)) return isFrom(client, message) ? answerer.join(message, wrap) : strangeSender;
      if (rejoinReq.Check(message)) return isFrom(client, message) ? answerer.rejoin(message, wrap) : strangeSender;
      return {
        Result: { ResultCode: "MalformedMessage", Description: "this is no JoinReq or RejoinReq of TS002-1.1.0" },
      };
    });
  };
}

/** C70: whoever holds the token speaks for its NetID alone. */
const isFrom = (client: JoinServerClientConfig, message: JoinReq | RejoinReq): boolean =>
  plainHex(message.SenderID) === plainHex(client.netId);

const strangeSender = {
  Result: { ResultCode: "UnknownSender", Description: "SenderID is not the NetID of this client" },
};

function clientOf(
  clients: readonly JoinServerClientConfig[],
  authorization: string | undefined,
): JoinServerClientConfig | undefined {
  const token = /^Bearer (.+)$/.exec(authorization ?? "")?.[1];
  if (token === undefined) return undefined;
  return clients.find(client => timingSafeEqual(digest(client.token), digest(token)));
}

const digest = (text: string): Uint8Array => createHash("sha256").update(text).digest();

function networkKeyWrap(client: JoinServerClientConfig): KeyWrap["networkKey"] {
  const { kekLabel, kek } = client;
  if (kekLabel === undefined || kek === undefined) return key => ({ AESKey: hex(key) });
  const kekBytes = Buffer.from(kek, "hex");
  return key => ({ KEKLabel: kekLabel, AESKey: hex(wrapKey(kekBytes, key)) });
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
