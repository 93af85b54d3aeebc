import type { FastifyInstance, FastifyRequest } from "fastify";
import { callerOf } from "./authentication.ts";
import type { ApiDependencies } from "./dependencies.ts";
import { Refusal } from "./refusal.ts";

declare module "fastify" {
  interface FastifyContextConfig {
    /** The answer has a secret that is shown once and kept nowhere, not for a repeat either. */
    answerIsSecret?: boolean;
  }
  interface FastifyRequest {
    /** What this request is known under while it is carried out. */
    idempotency: { readonly owner: string; readonly key: string } | null;
  }
}

const header = "idempotency-key";
const keyPattern = /^[!-~]{1,255}$/;

function keyOf(request: FastifyRequest): string | undefined {
  const key = request.headers[header];
  if (key === undefined || request.method !== "POST") return undefined;
  if (typeof key === "string" && keyPattern.test(key)) return key;
  throw new Refusal("invalid_request", "Idempotency-Key is up to 255 printable characters.");
}

/**
 * A POST with an `Idempotency-Key` is carried out once, however often it is sent within a day: a repeat gets the answer of
 * the first. One that fails may be sent again. One that a crash cut off is never carried out again by itself, since nobody
 * knows how far it came.
 */
export function addIdempotency(scope: FastifyInstance, { repositories, log }: ApiDependencies): void {
  const { idempotencyKeys } = repositories;
  scope.decorateRequest("idempotency", null);
  scope.addHook("preHandler", async (request, reply) => {
    const key = keyOf(request);
    if (key === undefined || request.principal === null) return;
    const { kind, id } = callerOf(request);
    const owner = `${kind} ${id}`;
    const asked = JSON.stringify([request.method, request.url, request.body]);
    const begun = await idempotencyKeys.begin(owner, key, asked);
    switch (begun.kind) {
      case "new":
        request.idempotency = { owner, key };
        return;
      case "other-request":
        throw new Refusal("invalid_value", "This Idempotency-Key was used for another request: take a new one.");
      case "under-way":
        throw new Refusal(
          "conflict",
          "The first request with this Idempotency-Key is under way, or was cut off: look what came of it.",
        );
      case "done":
        if (begun.answer === undefined) {
          throw new Refusal("conflict", "This was done before; the secret in its answer is shown once only.");
        }
        reply.header("idempotent-replayed", "true").code(begun.status).type("application/json; charset=utf-8");
        return reply.send(begun.answer);
    }
  });
  scope.addHook("onSend", async (request, reply, payload) => {
    const begun = request.idempotency;
    if (begun === null) return payload;
    request.idempotency = null;
    try {
      if (reply.statusCode >= 400) await idempotencyKeys.giveUp(begun.owner, begun.key);
      else {
        const answer = typeof payload === "string" && !request.routeOptions.config.answerIsSecret ? payload : undefined;
        await idempotencyKeys.finish(begun.owner, begun.key, reply.statusCode, answer);
      }
    } catch (error) {
      // It was done and is answered so: only a repeat will not know.
      log.warn({ err: error }, "the answer to a request with an Idempotency-Key was not kept");
    }
    return payload;
  });
}
