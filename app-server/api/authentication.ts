import type { FastifyRequest } from "fastify";
import { parseUserId, type UserId } from "../../lorawan/ids.ts";
import type { Repositories, User } from "../catalog-ports.ts";
import type { TokenVerifier } from "../identity-ports.ts";
import type { Principal } from "./access.ts";
import type { ApiDependencies } from "./dependencies.ts";
import { Refusal } from "./refusal.ts";

export const sessionCookie = "upchirp_session";

declare module "fastify" {
  interface FastifyRequest {
    /** Set before any handler of a route that is not public. */
    principal: Principal | null;
  }
}

export type AuthenticationDependencies = Pick<ApiDependencies, "repositories" | "identity">;

/** The caller of a route that is not public. */
export function callerOf(request: FastifyRequest): Principal {
  if (request.principal === null) throw unauthenticated();
  return request.principal;
}

/** The user who is calling. Throws Refusal for an API key or token, which has no login and no password. */
export function userOf(request: FastifyRequest): { readonly id: UserId; readonly name: string } {
  const { kind, id, name } = callerOf(request);
  if (kind !== "user") throw new Refusal("forbidden", "Only users have logins and passwords.");
  return { id: parseUserId(id), name };
}

const unauthenticated = () =>
  new Refusal("unauthenticated", "Log in, or give an API key as `Authorization: Bearer upc_...`.");

export async function userPrincipal(user: User, repositories: Repositories): Promise<Principal> {
  const memberships = await repositories.users.memberships(user.id);
  return {
    kind: "user",
    id: user.id,
    name: user.email,
    isAdministrator: user.isAdministrator,
    isReadOnly: false,
    grants: new Map(memberships.map(({ tenantId, ...grant }) => [tenantId, grant])),
  };
}

async function keyPrincipal(token: string, repositories: Repositories): Promise<Principal | undefined> {
  const key = await repositories.apiKeys.find(token);
  if (key === undefined) return undefined;
  const { tenantId, role, applicationIds, requestsPerMinute } = key;
  const grants: Principal["grants"] =
    role === "administrator" || tenantId === null ? new Map() : new Map([[tenantId, { role, applicationIds }]]);
  return {
    kind: "api-key",
    id: key.id,
    name: key.name,
    isAdministrator: role === "administrator",
    isReadOnly: key.isReadOnly,
    ...(requestsPerMinute !== null && { requestsPerMinute }),
    grants,
  };
}

/** Three parts in base64url (RFC 7519 3.1), of a length that is no burden. */
const jwtPattern = /^(?=.{1,8192}$)eyJ[\w-]+\.[\w-]+\.[\w-]+$/;

async function foreignPrincipal(token: string, tokens: TokenVerifier): Promise<Principal | undefined> {
  const identity = await tokens.verify(token);
  if (identity === undefined) return undefined;
  const { subject: id, email: name = id, isAdministrator, grants } = identity;
  return { kind: "token", id, name, isAdministrator, isReadOnly: false, grants };
}

async function tokenPrincipal(token: string, deps: AuthenticationDependencies): Promise<Principal | undefined> {
  const { repositories, identity } = deps;
  if (identity.tokens !== undefined && jwtPattern.test(token)) return foreignPrincipal(token, identity.tokens);
  if (token.length > 100) return undefined;
  if (token.startsWith("upc_")) return keyPrincipal(token, repositories);
  const user = await repositories.loginSessions.find(token);
  return user && (await userPrincipal(user, repositories));
}

/** The token a request shows, and whether the browser added it by itself. */
export function tokenOf(request: FastifyRequest): { readonly token: string; readonly fromCookie: boolean } | undefined {
  const { authorization } = request.headers;
  if (authorization !== undefined) {
    const [, token] = /^Bearer +(\S+)$/i.exec(authorization) ?? [];
    return token === undefined ? undefined : { token, fromCookie: false };
  }
  const cookie = request.cookies[sessionCookie];
  return cookie === undefined ? undefined : { token: cookie, fromCookie: true };
}

function sameOrigin(request: FastifyRequest): boolean {
  const { origin, host } = request.headers;
  if (origin === undefined || host === undefined) return false;
  return URL.canParse(origin) && new URL(origin).host === host.toLowerCase();
}

/**
 * A browser sends the cookie along with requests that another site makes it send. Such a request cannot carry a header
 * of its own without being asked for permission, nor another origin than its own. What another site makes it read stays
 * unread there, but for a WebSocket.
 */
function checkNotForged(request: FastifyRequest): void {
  const isRead = request.method === "GET" || request.method === "HEAD";
  if (isRead && request.headers.upgrade === undefined) return;
  if (request.headers["x-requested-with"] !== undefined || sameOrigin(request)) return;
  throw new Refusal(
    "cross_site",
    "Changes and WebSockets with a login cookie need the same origin, or changes the header X-Requested-With.",
  );
}

/** Throws 401 unless the request shows a valid login or API key. */
export async function authenticate(request: FastifyRequest, deps: AuthenticationDependencies): Promise<Principal> {
  const shown = tokenOf(request);
  if (shown === undefined) throw unauthenticated();
  const principal = await tokenPrincipal(shown.token, deps);
  if (principal === undefined) throw unauthenticated();
  if (shown.fromCookie) checkNotForged(request);
  return principal;
}
