import type { FastifyInstance, FastifyRequest } from "fastify";
import Type from "typebox";
import { parseTenantId } from "../../lorawan/ids.ts";
import type { AuditNote } from "../audit-ports.ts";
import { acrossTenants, administrators, listScope } from "./access.ts";
import { callerOf } from "./authentication.ts";
import type { Api, ApiDependencies } from "./dependencies.ts";
import { Refusal } from "./refusal.ts";
import { listOf, strict, Time, TimeInput, Uuid } from "./schemas.ts";
import { withoutSecrets } from "./without-secrets.ts";

declare module "fastify" {
  interface FastifyContextConfig {
    /** A request that changes nothing though it is no GET, or that is told of by its outcome alone. */
    audit?: "none" | "outcome";
  }
  interface FastifyRequest {
    /** Tenant of what the request is about, once it is known. */
    subjectTenantId: string | null;
    /** Number of the entry that waits for its outcome. */
    auditNumber: number | null;
    /** What came of it, where the status does not say it all. */
    auditResult: Readonly<Record<string, number>> | null;
  }
}

/** Whether it would change something. */
export const isChange = ({ method, routeOptions }: FastifyRequest): boolean =>
  method !== "GET" && method !== "HEAD" && routeOptions.config.audit !== "none";

const textsOf = (value: unknown): Readonly<Record<string, string>> =>
  typeof value === "object" && value !== null
    ? Object.fromEntries(Object.entries(value).map(([name, text]) => [name, String(text)]))
    : {};

/** Who a request without a login claims to be. */
const claimedName = (body: unknown): string =>
  typeof body === "object" && body !== null && "email" in body && typeof body.email === "string" ? body.email : "";

function noteOf(request: FastifyRequest): AuditNote {
  const { principal, method, routeOptions, body } = request;
  const { kind = "nobody", id = null, name = claimedName(body) } = principal ?? {};
  return {
    actor: { kind, id, name },
    address: request.ip,
    tenantId: request.subjectTenantId,
    action: `${method} ${routeOptions.url}`,
    subject: textsOf(request.params),
  };
}

/** With the body, which is known to be valid by now, or what stands in the address where the body is a file. */
function requestNoteOf(request: FastifyRequest): AuditNote {
  const { body, routeOptions } = request;
  if (routeOptions.config.takesFile === true) return { ...noteOf(request), request: textsOf(request.query) };
  const shown = body === undefined ? {} : { request: withoutSecrets(body, routeOptions.schema?.body) };
  return { ...noteOf(request), ...shown };
}

/**
 * Every change is noted before it is made, so that none is without its entry, and its outcome when there is one: an entry
 * without an outcome was cut off. A change that cannot be noted is not made.
 */
export function addAudit(scope: FastifyInstance, { auditLog, log }: ApiDependencies): void {
  scope.decorateRequest("subjectTenantId", null);
  scope.decorateRequest("auditNumber", null);
  scope.decorateRequest("auditResult", null);
  scope.addHook("preHandler", async request => {
    if (!isChange(request) || request.routeOptions.config.audit === "outcome") return;
    request.auditNumber = await auditLog.add(requestNoteOf(request));
  });
  scope.addHook("onSend", async (request, reply, payload) => {
    const { auditNumber, routeOptions } = request;
    request.auditNumber = null;
    // Refused by the count of attempts: whoever hammers at the door does not fill the log.
    const isWholeEntry = routeOptions.config.audit === "outcome" && reply.statusCode !== 429;
    if (auditNumber === null && !isWholeEntry) return payload;
    const outcome = {
      ...noteOf(request),
      status: reply.statusCode,
      ...(auditNumber !== null && { outcomeOf: auditNumber }),
      ...(request.auditResult !== null && { result: request.auditResult }),
    };
    await auditLog.add(outcome).catch((error: unknown) => log.error({ err: error }, "an outcome was not noted"));
    return payload;
  });
}

const Entry = Type.Object({
  number: Type.Integer({ description: "Place in the log." }),
  at: Time,
  actor: Type.Object({
    kind: Type.Enum(["user", "api-key", "token", "nobody"]),
    id: Type.Union([Type.String(), Type.Null()]),
    name: Type.String(),
  }),
  address: Type.String(),
  tenantId: Type.Union([Uuid, Type.Null()]),
  action: Type.String({ description: "Method and route." }),
  subject: Type.Record(Type.String(), Type.String()),
  request: Type.Optional(Type.Unknown({ description: "The body; what must stay secret is hidden." })),
  result: Type.Optional(Type.Record(Type.String(), Type.Integer(), { description: "What came of it, in numbers." })),
  status: Type.Union([Type.Integer(), Type.Null()], { description: "HTTP status; null: it was cut off." }),
});
const Query = Type.Object(
  {
    tenantId: Type.Optional(Uuid),
    actor: Type.Optional(Type.String({ maxLength: 254, description: "Email of a user or name of an API key." })),
    action: Type.Optional(Type.String({ maxLength: 200, description: "Beginning, like `DELETE /api/devices`." })),
    since: Type.Optional(TimeInput),
    until: Type.Optional(TimeInput),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, default: 100 })),
    after: Type.Optional(Type.Integer({ minimum: 1, description: "`next` of the page before." })),
  },
  strict,
);
const Verification = Type.Object({
  intact: Type.Boolean(),
  entries: Type.Integer({ description: "How many entries hold, from the first on." }),
  head: Type.Union([Type.String(), Type.Null()], {
    description: "Signature of the newest entry: kept elsewhere, it shows later that nothing was cut off the end.",
  }),
  reason: Type.Union([Type.String(), Type.Null()]),
});

const timeOf = (text: string, name: string): string => {
  const atMs = Date.parse(text);
  if (Number.isNaN(atMs)) throw new Refusal("invalid_value", "There is no such time.", `/querystring/${name}`);
  return new Date(atMs).toISOString();
};

export function auditRoutes(api: Api, { auditLog }: ApiDependencies): void {
  api.get(
    "/audit-log",
    {
      config: { access: acrossTenants("tenant") },
      schema: {
        summary: "Who changed what, newest first",
        querystring: Query,
        response: { 200: Type.Object({ items: listOf(Entry), next: Type.Optional(Type.String()) }) },
      },
    },
    async request => {
      const { tenantId, actor, action, since, until, limit = 100, after } = request.query;
      const tenant = tenantId === undefined ? undefined : parseTenantId(tenantId);
      const filter = {
        tenants: listScope(callerOf(request), "tenant", tenant).tenants,
        ...(actor !== undefined && { actor }),
        ...(action !== undefined && { action }),
        ...(since !== undefined && { since: timeOf(since, "since") }),
        ...(until !== undefined && { until: timeOf(until, "until") }),
      };
      return auditLog.list(filter, { limit, ...(after !== undefined && { before: after }) });
    },
  );
  api.get(
    "/audit-log/verification",
    {
      config: { access: administrators },
      schema: { summary: "Whether the audit log is whole", response: { 200: Verification } },
    },
    async () => {
      const verdict = await auditLog.verify();
      return verdict.kind === "intact"
        ? { intact: true, entries: verdict.entries, head: verdict.head, reason: null }
        : { intact: false, entries: verdict.at - 1, head: null, reason: `Entry ${verdict.at}: ${verdict.reason}.` };
    },
  );
}
