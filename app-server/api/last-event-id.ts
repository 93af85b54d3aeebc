import type { FastifyRequest } from "fastify";
import Type from "typebox";

/** Where a stream goes on, for what cannot send the header. */
export const lastEventIdQuery = {
  lastEventId: Type.Optional(
    Type.String({ maxLength: 100, description: "As the header `Last-Event-ID`, for clients that cannot send it." }),
  ),
};

/** The id of what the client had last; undefined: it begins. */
export function lastIdOf(
  request: FastifyRequest,
  { lastEventId }: { readonly lastEventId?: string },
): string | undefined {
  const { "last-event-id": header } = request.headers;
  return (typeof header === "string" ? header : lastEventId) || undefined;
}
