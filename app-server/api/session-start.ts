import type { FastifyReply, FastifyRequest } from "fastify";
import type { User } from "../catalog-ports.ts";
import { sessionCookie } from "./authentication.ts";
import type { ApiDependencies } from "./dependencies.ts";

/** Logs the user in: in a cookie for browsers, and as a token for other clients. */
export async function startSession(
  request: FastifyRequest,
  reply: FastifyReply,
  user: User,
  { repositories: { loginSessions }, loginLifetimeMs }: ApiDependencies,
): Promise<{ readonly token: string; readonly expiresAt: string }> {
  await loginSessions.removeExpired();
  const origin = { address: request.ip, userAgent: request.headers["user-agent"] ?? "" };
  const session = await loginSessions.create(user.id, loginLifetimeMs, origin);
  reply.setCookie(sessionCookie, session.token, {
    path: "/",
    httpOnly: true,
    sameSite: "strict",
    secure: request.protocol === "https",
    maxAge: Math.floor(loginLifetimeMs / 1000),
  });
  return session;
}
