import { randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import fastifyStatic from "@fastify/static";
import type { FastifyInstance, FastifyReply } from "fastify";

export interface ConsoleOptions {
  /** Where maps get their tiles, `https://tiles.example.org/{z}/{x}/{y}.png`; without it they have no background. */
  readonly mapTilesUrl?: string | undefined;
}

const folder = fileURLToPath(new URL("./console/dist/", import.meta.url));
const notBuilt =
  "<!doctype html><title>Upchirp</title><p>The console is not built. Run <code>npm run build:console</code> where " +
  "Upchirp is installed from its sources, and load this page again.</p>";

/** Serves the web console at /console/, and sends browsers there from /. */
export async function serveConsole(http: FastifyInstance, { mapTilesUrl }: ConsoleOptions): Promise<void> {
  http.get("/", { schema: { hide: true } }, async (_request, reply) => reply.redirect("/console/"));
  const page = existsSync(`${folder}index.html`) ? readFileSync(`${folder}index.html`, "utf8") : undefined;
  const send = (reply: FastifyReply): FastifyReply => sendPage(reply, page, mapTilesUrl);
  if (page !== undefined) {
    // Names of assets change with their content.
    const lasting = { immutable: true, maxAge: "1y", preCompressed: true, index: false, wildcard: false } as const;
    await http.register(fastifyStatic, { root: `${folder}assets`, prefix: "/console/assets/", ...lasting });
    http.get("/console/icon.svg", { schema: { hide: true } }, (_request, reply) =>
      reply.sendFile("icon.svg", folder, { maxAge: "1d" }),
    );
  }
  // Every other path is a place in the console, which the page itself finds.
  http.get("/console", { schema: { hide: true } }, async (_request, reply) => reply.redirect("/console/"));
  http.get("/console/*", { schema: { hide: true } }, async (_request, reply) => send(reply));
}

function sendPage(reply: FastifyReply, page: string | undefined, mapTilesUrl: string | undefined): FastifyReply {
  reply.type("text/html").header("cache-control", "no-cache").header("x-content-type-options", "nosniff");
  if (page === undefined) return reply.code(503).send(notBuilt);
  const nonce = randomBytes(16).toString("base64");
  return reply
    .header("content-security-policy", securityPolicy(nonce, mapTilesUrl))
    .header("referrer-policy", "same-origin")
    .header("cross-origin-opener-policy", "same-origin")
    .header("permissions-policy", "camera=(self), geolocation=(), microphone=()")
    .send(page.replaceAll("%NONCE%", nonce).replace("%MAP_TILES%", escaped(mapTilesUrl ?? "")));
}

/** Nothing from elsewhere but map tiles; styles that the page makes itself carry the nonce. */
function securityPolicy(nonce: string, mapTilesUrl: string | undefined): string {
  const tiles = mapTilesUrl === undefined ? "" : ` ${new URL(mapTilesUrl).origin}`;
  return [
    "default-src 'none'",
    "script-src 'self'",
    `style-src 'self' 'nonce-${nonce}'`,
    `img-src 'self' data: blob:${tiles}`,
    `connect-src 'self'${tiles}`,
    "font-src 'self'",
    "worker-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
}

const escaped = (text: string): string => text.replace(/[&"<>]/g, character => `&#${character.charCodeAt(0)};`);
