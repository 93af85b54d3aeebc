import swagger from "@fastify/swagger";
import swaggerUi from "@fastify/swagger-ui";
import type { FastifyInstance } from "fastify";
import type { OpenAPIV3_1 } from "openapi-types";
import { anyone } from "./access.ts";
import { sessionCookie } from "./authentication.ts";
import { completeDocument } from "./openapi-document.ts";
import { Problem } from "./problem.ts";

const description =
  "Answers and errors are JSON; errors are problem documents (RFC 9457) with a stable `code`. Lists give `next` while " +
  "there is more; pass it as `after`. Changes are partial: what is left out stays. An answer that is one record has an " +
  "`ETag`; with it as `If-Match` a change or deletion is refused when somebody else was faster. A POST with an `Idempotency-Key` is carried out once, however often it is sent " +
  "within a day.";

/**
 * The page is whole without any other host. The library's own policy has `upgrade-insecure-requests`, under which a browser
 * asks for scripts and styles by HTTPS wherever the server is not on its own machine, and shows an empty page.
 */
const contentSecurityPolicy =
  "default-src 'self'; base-uri 'self'; object-src 'none'; frame-ancestors 'self'; img-src 'self' data:; " +
  "font-src 'self' data:; script-src 'self'; style-src 'self'";

const isOpenApi31 = (document: object): document is OpenAPIV3_1.Document =>
  "openapi" in document && document.openapi === "3.1.0";

/** Collects the schemas of every route added afterwards, and shows them at /api/docs. */
export async function describeApi(app: FastifyInstance, version: string): Promise<void> {
  if (!app.hasDecorator("swagger")) {
    await app.register(swagger, {
      openapi: {
        openapi: "3.1.0",
        info: { title: "Upchirp", description, version },
        components: {
          securitySchemes: {
            bearer: { type: "http", scheme: "bearer", description: "API key or login token." },
            cookie: { type: "apiKey", in: "cookie", name: sessionCookie },
          },
        },
      },
      transformObject: given => {
        const document = "openapiObject" in given ? given.openapiObject : given.swaggerObject;
        return isOpenApi31(document) ? completeDocument(document, Problem) : document;
      },
    });
  }
  await app.register(swaggerUi, { routePrefix: "/api/docs", staticCSP: contentSecurityPolicy });
}

export function openApiRoutes(scope: FastifyInstance): void {
  scope.get(
    "/openapi.json",
    { config: { access: anyone }, schema: { hide: true } },
    // Sent as text: there is no schema that would serialise it.
    async (_request, reply) => reply.type("application/json").send(JSON.stringify(scope.swagger())),
  );
}
