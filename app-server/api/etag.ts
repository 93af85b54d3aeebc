import { createHash } from "node:crypto";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Check } from "../catalog-ports.ts";
import { Refusal } from "./refusal.ts";

/** Strong validator of a record (RFC 9110 8.8.3): records that differ in anything have different ones. */
const etagOf = (record: object): string =>
  `"${createHash("sha256").update(JSON.stringify(record)).digest("base64url").slice(0, 22)}"`;

const isRecord = (payload: unknown): payload is object =>
  typeof payload === "object" && payload !== null && "updatedAt" in payload;

const listed = (header: string | undefined): readonly string[] | undefined => header?.split(",").map(tag => tag.trim());

/** Every answer that is one record tells its validator, and is left out where the client has it already. */
export function addEtags(scope: FastifyInstance): void {
  scope.addHook("preSerialization", async (request, reply, payload) => {
    if (!isRecord(payload)) return payload;
    const etag = etagOf(payload);
    reply.header("etag", etag);
    const known = request.method === "GET" ? listed(request.headers["if-none-match"]) : undefined;
    // The weak comparison of RFC 9110 13.1.2.
    if (known?.some(tag => tag === "*" || tag.replace(/^W\//, "") === etag)) reply.code(304);
    return payload;
  });
  scope.addHook("onSend", async (_request, reply, payload) => (reply.statusCode === 304 ? "" : payload));
}

/** For an update or a deletion: refuses with 412 unless the record still is what `If-Match` says it was. */
export function ifMatch(request: FastifyRequest): Check<object> | undefined {
  const expected = listed(request.headers["if-match"]);
  if (expected === undefined) return undefined;
  return record => {
    if (expected.includes("*") || expected.includes(etagOf(record))) return;
    throw new Refusal("precondition_failed", "Somebody else changed this meanwhile: read it again, then decide again.");
  };
}
