import cookie from "@fastify/cookie";
import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyInstance, FastifyReply, RouteOptions } from "fastify";
import { type Access, checkCaller, checkSubject } from "./access.ts";
import { alertRoutes } from "./alerts.ts";
import { apiKeyRoutes } from "./api-keys.ts";
import { applicationRoutes } from "./applications.ts";
import { addAudit, auditRoutes, isChange } from "./audit.ts";
import { authenticate } from "./authentication.ts";
import { backChannelLogoutRoutes } from "./back-channel-logout.ts";
import { cloneRoutes } from "./clones.ts";
import { codecTestRoutes } from "./codec-tests.ts";
import type { ApiDependencies } from "./dependencies.ts";
import { deviceLabelRoutes } from "./device-labels.ts";
import { deviceProfileRoutes } from "./device-profiles.ts";
import { deviceRejoinRoutes } from "./device-rejoin.ts";
import { deviceSecretRoutes } from "./device-secrets.ts";
import { deviceStateRoutes } from "./device-states.ts";
import { deviceTwinRoutes } from "./device-twin.ts";
import { deviceRoutes } from "./devices.ts";
import { diagnosisRoutes } from "./diagnosis.ts";
import { addEtags } from "./etag.ts";
import { eventHistoryRoutes } from "./event-history.ts";
import { eventRoutes } from "./events.ts";
import { exportRoutes } from "./exports.ts";
import { frameExplanationRoutes } from "./frame-explanation.ts";
import { frameHistoryRoutes } from "./frame-history.ts";
import { frameStreamRoutes } from "./frame-streams.ts";
import { gatewayAirtimeRoutes } from "./gateway-airtime.ts";
import { gatewayPresenceRoutes } from "./gateway-presence.ts";
import { gatewayStateRoutes } from "./gateway-states.ts";
import { gatewayRoutes } from "./gateways.ts";
import { generatedSecretRoutes } from "./generated-secrets.ts";
import { historySettingsRoutes } from "./history-settings.ts";
import { addIdempotency } from "./idempotency.ts";
import { importRoutes } from "./imports.ts";
import { integrationDeliveryRoutes } from "./integration-delivery.ts";
import { integrationRoutes } from "./integrations.ts";
import { createLiveStreams } from "./live-streams.ts";
import { loginRoutes } from "./login.ts";
import { loginSessionRoutes } from "./login-sessions.ts";
import { loginWayRoutes } from "./login-ways.ts";
import { measurementRoutes } from "./measurements.ts";
import { mqttCredentialRoutes } from "./mqtt-credentials.ts";
import { openIdRoutes } from "./open-id.ts";
import { describeApi, openApiRoutes } from "./openapi.ts";
import { Problem, problemOf } from "./problem.ts";
import { queueRoutes } from "./queue.ts";
import { notFound, Refusal, TooManyRequests } from "./refusal.ts";
import { regionConfigRoutes } from "./region-configs.ts";
import { createRequestCheck } from "./request-limit.ts";
import { serverRoutes } from "./server.ts";
import { tenantLimitRoutes } from "./tenant-limits.ts";
import { tenantRoutes } from "./tenants.ts";
import { unknownDeviceRoutes } from "./unknown-devices.ts";
import { usageMetricRoutes } from "./usage-metrics.ts";
import { memberRoutes, userRoutes } from "./users.ts";
import { compileValidator, refuseUnstorable } from "./validation.ts";
import { routeUpgrades } from "./web-socket.ts";

declare module "fastify" {
  interface FastifyContextConfig {
    access?: Access;
  }
}

/** Deny by default: a route that does not say who may use it is a mistake that must not run. */
function requireAccess(route: RouteOptions): Access {
  const access = route.config?.access;
  if (access === undefined) throw new Error(`${String(route.method)} ${route.url} does not declare who may use it`);
  return access;
}

/** What the OpenAPI document says of every route alike. */
function completeSchema(route: RouteOptions, access: Access): void {
  const [, resource = "api"] = /^\/api\/([a-z-]+)/.exec(route.url) ?? [];
  const response = typeof route.schema?.response === "object" ? route.schema.response : {};
  route.schema = {
    tags: [resource],
    ...(access.kind !== "public" && { security: [{ bearer: [] }, { cookie: [] }] }),
    ...route.schema,
    response: { ...response, "4xx": Problem, "5xx": Problem },
  };
}

function sendProblem(error: unknown, reply: FastifyReply, deps: ApiDependencies): FastifyReply {
  const problem = problemOf(error);
  const { method, routeOptions } = reply.request;
  if (problem.status >= 500) deps.log.error({ err: error, method, route: routeOptions.url }, "request failed");
  if (error instanceof TooManyRequests) reply.header("retry-after", String(error.retryAfterSeconds));
  if (problem.status === 401) reply.header("www-authenticate", "Bearer");
  return reply.code(problem.status).type("application/problem+json").send(problem);
}

/**
 * The REST API under /api, as a plugin. Hooks and error handling stay inside. Throws at start for a route without a
 * declared right.
 */
export function createApi(deps: ApiDependencies): (app: FastifyInstance) => Promise<void> {
  return async app => {
    await describeApi(app, deps.version);
    const routes = async (scope: FastifyInstance) => {
      if (!scope.hasRequestDecorator("cookies")) await scope.register(cookie);
      addRules(scope, deps);
      addRoutes(scope, deps);
    };
    await app.register(routes, { prefix: "/api" });
    routeUpgrades(app, "/api/");
  };
}

/** Hooks in the order in which a request meets them. */
export function addRules(scope: FastifyInstance, deps: ApiDependencies): void {
  scope.setValidatorCompiler(compileValidator);
  scope.setErrorHandler((error, _request, reply) => sendProblem(error, reply, deps));
  scope.setNotFoundHandler(() => {
    throw notFound("path");
  });
  const checkRequests = createRequestCheck(deps);
  scope.decorateRequest("principal", null);
  scope.addHook("onRoute", route => completeSchema(route, requireAccess(route)));
  scope.addHook("onRequest", async (request, reply) => {
    // Answers are one caller's, and some hold a token.
    reply.header("cache-control", "no-store");
    const access = request.routeOptions.config.access;
    if (access?.kind === "public" || request.is404) return;
    if (access === undefined) throw new Refusal("forbidden", "Nobody may use this.");
    request.principal = await authenticate(request, deps);
    await checkRequests(request.principal);
    checkCaller(access, request.principal, isChange(request));
  });
  scope.addHook("preValidation", async request => {
    refuseUnstorable(request.params, "/params");
    refuseUnstorable(request.query, "/querystring");
    refuseUnstorable(request.body, "/body");
  });
  scope.addHook("preHandler", async request => {
    const access = request.routeOptions.config.access;
    if (access === undefined || request.principal === null) return;
    request.subjectTenantId = (await checkSubject(access, request.principal, request, deps)) ?? null;
  });
  addEtags(scope);
  addIdempotency(scope, deps);
  addAudit(scope, deps);
}

function addRoutes(scope: FastifyInstance, deps: ApiDependencies): void {
  const api = scope.withTypeProvider<TypeBoxTypeProvider>();
  loginRoutes(api, deps);
  openIdRoutes(api, deps);
  backChannelLogoutRoutes(api, deps);
  loginSessionRoutes(api, deps);
  loginWayRoutes(api, deps);
  userRoutes(api, deps);
  memberRoutes(api, deps);
  tenantRoutes(api, deps);
  apiKeyRoutes(api, deps);
  applicationRoutes(api, deps);
  cloneRoutes(api, deps);
  mqttCredentialRoutes(api, deps);
  deviceProfileRoutes(api, deps);
  codecTestRoutes(api, deps);
  deviceRoutes(api, deps);
  deviceLabelRoutes(api, deps);
  deviceSecretRoutes(api, deps);
  generatedSecretRoutes(api, deps);
  deviceRejoinRoutes(api, deps);
  queueRoutes(api, deps);
  deviceTwinRoutes(api, deps);
  gatewayRoutes(api, deps);
  gatewayStateRoutes(api, deps);
  deviceStateRoutes(api, deps);
  gatewayAirtimeRoutes(api, deps);
  gatewayPresenceRoutes(api, deps);
  alertRoutes(api, deps);
  integrationRoutes(api, deps);
  integrationDeliveryRoutes(api, deps);
  const streams = createLiveStreams(api, deps);
  eventRoutes(api, deps, streams);
  frameStreamRoutes(api, deps, streams);
  importRoutes(api, deps);
  exportRoutes(api, deps);
  eventHistoryRoutes(api, deps);
  diagnosisRoutes(api, deps);
  unknownDeviceRoutes(api, deps);
  regionConfigRoutes(api, deps);
  frameHistoryRoutes(api, deps);
  frameExplanationRoutes(api, deps);
  historySettingsRoutes(api, deps);
  tenantLimitRoutes(api, deps);
  measurementRoutes(api, deps);
  usageMetricRoutes(api, deps);
  auditRoutes(api, deps);
  serverRoutes(api, deps);
  openApiRoutes(scope);
}
