import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import type { FastifyReply, FastifyRequest } from "fastify";

const cookieName = "upchirp_browser";
const lifetimeSeconds = 365 * 24 * 3600;
const valuePattern = /^([A-Za-z0-9_-]{22})\.([A-Za-z0-9_-]{43})$/;

/**
 * A browser that this account has logged in from gets a cookie, and its attempts are counted apart: whoever guesses an
 * account's password from elsewhere uses up the attempts of strangers, and does not lock its owner out.
 */
export function createKnownBrowsers(key: Uint8Array) {
  const sign = (account: string, browser: string): Buffer =>
    createHmac("sha256", key)
      .update(JSON.stringify([account, browser]))
      .digest();
  return {
    /** Name of the browser, if this account has logged in from it. */
    of(request: FastifyRequest, account: string): string | undefined {
      const [, browser, signature] = valuePattern.exec(request.cookies[cookieName] ?? "") ?? [];
      if (browser === undefined || signature === undefined) return undefined;
      const isOurs = timingSafeEqual(Buffer.from(signature, "base64url"), sign(account, browser));
      return isOurs ? browser : undefined;
    },
    remember(request: FastifyRequest, reply: FastifyReply, account: string): void {
      const browser = randomBytes(16).toString("base64url");
      reply.setCookie(cookieName, `${browser}.${sign(account, browser).toString("base64url")}`, {
        path: "/api",
        httpOnly: true,
        sameSite: "strict",
        secure: request.protocol === "https",
        maxAge: lifetimeSeconds,
      });
    },
  };
}
