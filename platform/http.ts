import { randomUUID } from "node:crypto";
import { STATUS_CODES } from "node:http";
import { createServer } from "node:https";
import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import { type FastifyBaseLogger, type FastifyInstance, fastify, LogController } from "fastify";
import type { Registry } from "prom-client";
import { MalformedValue, UpchirpError } from "../lorawan/errors.ts";
import type { Clock } from "./clock.ts";
import { listenFault, SqlError } from "./errors.ts";
import type { Log } from "./log.ts";

declare module "fastify" {
  interface FastifyContextConfig {
    /** The body is a file that is read as it comes, by the handler, for as long as it comes. */
    takesFile?: boolean;
  }
}

export interface HttpOptions {
  readonly log: Log;
  readonly clock: Clock;
  /** Printed at /metrics. */
  readonly registry: Registry;
  /** Whether every part has started and none is stopping. */
  readonly ready: () => boolean;
  /** What this process needs to serve, by name, like `database`; each rejects while it is not to be had. */
  readonly checks?: Readonly<Record<string, () => Promise<unknown>>>;
  readonly bodyLimitBytes?: number;
  /** Addresses or CIDRs whose word on where a request comes from is taken. */
  readonly trustedProxies?: readonly string[];
}

export interface HttpServer {
  /** Routes and plugins are added before `listen`. */
  readonly app: FastifyInstance;
  /** Gives the port, which the system chooses for port 0. Rejects with PortTaken. */
  listen(address: ListenAddress): Promise<number>;
  close(): Promise<void>;
}

interface ListenAddress {
  readonly host: string;
  readonly port: number;
  /** What the operator changes to choose another port, like `http.port`. */
  readonly option: string;
}

/** RFC 9457, with Upchirp's stable `code`. */
interface ProblemDocument {
  readonly type: "about:blank";
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  readonly errors?: readonly { readonly path: string; readonly message: string }[];
}

const defaultBodyLimitBytes = 1024 * 1024;
const checkTimeoutMs = 2_000;

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null;

const problem = (
  status: number,
  code: string,
  detail: string,
  errors?: ProblemDocument["errors"],
): ProblemDocument => ({
  type: "about:blank",
  title: STATUS_CODES[status] ?? "Error",
  status,
  detail,
  code,
  ...(errors && { errors }),
});

/** Faults of a request against its schema, as Fastify collects them from any validator. */
function schemaProblem(error: Readonly<Record<string, unknown>>): ProblemDocument | undefined {
  if (!Array.isArray(error.validation)) return undefined;
  const part = typeof error.validationContext === "string" ? error.validationContext : "body";
  const errors = error.validation.filter(isObject).map(fault => ({
    path: `/${part}${typeof fault.instancePath === "string" ? fault.instancePath : ""}`,
    message: typeof fault.message === "string" ? fault.message : "does not fit",
  }));
  return problem(400, "invalid_request", "The request does not fit its schema.", errors);
}

/** Errors that say they are the client's, such as Fastify's about a request it cannot read. */
function clientProblem(error: Readonly<Record<string, unknown>>): ProblemDocument | undefined {
  const { statusCode, code, message } = error;
  if (typeof statusCode !== "number" || statusCode < 400 || statusCode >= 500) return undefined;
  const name = typeof code === "string" ? code.replace(/^FST_(ERR_)?/, "").toLowerCase() : "invalid_request";
  return problem(statusCode, name, typeof message === "string" ? message : "The request cannot be answered.");
}

/** What a client is told of an error: of our own faults nothing but that there is one, since the log has the rest. */
function problemOf(error: unknown): ProblemDocument {
  if (error instanceof MalformedValue) return problem(400, error.code, error.message);
  if (error instanceof SqlError && error.retryable) {
    return problem(503, error.code, "The database cannot answer now; try again.");
  }
  const known = isObject(error) ? (schemaProblem(error) ?? clientProblem(error)) : undefined;
  return known ?? problem(500, "internal_error", "Something went wrong here; the log of the server has details.");
}

function addErrorAnswers(app: FastifyInstance, log: Log): void {
  app.setErrorHandler((error, request, reply) => {
    const document = problemOf(error);
    const { method, routeOptions, id } = request;
    // The route's pattern and not the URL, which may hold a token.
    if (document.status >= 500) log.error({ err: error, method, route: routeOptions.url, id }, "request failed");
    return reply.code(document.status).type("application/problem+json").send(document);
  });
  app.setNotFoundHandler((_request, reply) =>
    reply
      .code(404)
      .type("application/problem+json")
      .send(problem(404, "not_found", "There is nothing at this path.")),
  );
}

interface CheckResult {
  readonly ok: boolean;
  /** Code of the fault; the log has the rest. */
  readonly reason?: string;
}

async function resultOf(check: () => Promise<unknown>, clock: Clock): Promise<CheckResult> {
  const { promise: late, resolve } = Promise.withResolvers<CheckResult>();
  const cancel = clock.after(checkTimeoutMs, () => resolve({ ok: false, reason: "timeout" }));
  const checked = async (): Promise<CheckResult> => {
    try {
      await check();
      return { ok: true };
    } catch (error) {
      return { ok: false, reason: error instanceof UpchirpError ? error.code : "failed" };
    }
  };
  return Promise.race([checked(), late]).finally(cancel);
}

interface Readiness {
  readonly ready: boolean;
  readonly checks: Readonly<Record<string, CheckResult>>;
}

async function readinessOf(options: HttpOptions): Promise<Readiness> {
  const named = Object.entries(options.checks ?? {});
  const results = await Promise.all(
    named.map(async ([name, check]) => [name, await resultOf(check, options.clock)] as const),
  );
  const checks = { started: { ok: options.ready() }, ...Object.fromEntries(results) };
  return { ready: Object.values(checks).every(check => check.ok), checks };
}

/** /healthz: the process answers. /readyz: it can do its work. /metrics: Prometheus' text format. */
function addProbes(app: FastifyInstance, options: HttpOptions): void {
  let underWay: Promise<Readiness> | undefined;
  // Many askers at a time cost one round of checks.
  const readiness = (): Promise<Readiness> => {
    underWay ??= readinessOf(options).finally(() => {
      underWay = undefined;
    });
    return underWay;
  };
  app.get("/healthz", async () => ({ status: "ok" }));
  app.get("/readyz", async (_request, reply) => {
    const { ready, checks } = await readiness();
    return reply.code(ready ? 200 : 503).send({ status: ready ? "ready" : "not ready", checks });
  });
  app.get("/metrics", async (_request, reply) =>
    reply.type(options.registry.contentType).send(await options.registry.metrics()),
  );
}

/** A caller's own id makes one request's way through several programs visible; anything unusual in it is not taken. */
function requestId(given: string | readonly string[] | undefined): string {
  return typeof given === "string" && /^[\w.-]{1,64}$/.test(given) ? given : randomUUID();
}

/** PEM texts. */
export interface MutualTls {
  readonly certificate: string;
  readonly key: string;
  /** Authorities that the certificates of clients are of. */
  readonly clientCa: string;
}

/** A server of its own for other servers: whoever has no certificate of the authorities is turned down by TLS. */
export function createMutualTlsServer(
  { certificate: cert, key, clientCa: ca }: MutualTls,
  { log }: Pick<HttpOptions, "log">,
): HttpServer {
  const loggerInstance: FastifyBaseLogger = log;
  const options = { cert, key, ca, requestCert: true, rejectUnauthorized: true, minVersion: "TLSv1.2" } as const;
  const app: FastifyInstance = fastify({
    loggerInstance,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: 64 * 1024,
    requestTimeout: 30_000,
    forceCloseConnections: true,
    serverFactory: handler => createServer(options, handler),
  });
  addErrorAnswers(app, log);
  return listening(app);
}

/**
 * The process's one HTTP server: problem documents for every error, probes and metrics. Requests are not logged, only
 * those that fail by our fault.
 */
export function createHttpServer(options: HttpOptions): HttpServer {
  const loggerInstance: FastifyBaseLogger = options.log;
  const instance = fastify({
    loggerInstance,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: options.bodyLimitBytes ?? defaultBodyLimitBytes,
    genReqId: request => requestId(request.headers["x-request-id"]),
    // Counted for each request by `limitSending`: Node's own limit knows no exceptions.
    requestTimeout: 0,
    http: { headersTimeout: sendingTimeoutMs },
    // Event streams never end by themselves.
    forceCloseConnections: true,
    trustProxy: options.trustedProxies?.length ? [...options.trustedProxies] : false,
    ajv: { customOptions: { removeAdditional: false } },
  });
  const app: FastifyInstance = instance.withTypeProvider<TypeBoxTypeProvider>();
  app.addHook("onRequest", async (request, reply) => {
    reply.header("x-request-id", request.id);
  });
  limitSending(app, options.clock);
  addErrorAnswers(app, options.log);
  addProbes(app, options);
  return listening(app);
}

/** Nobody needs longer to send a megabyte; slower senders would hold connections. */
const sendingTimeoutMs = 30_000;

function limitSending(app: FastifyInstance, clock: Clock): void {
  app.addHook("onRequest", async ({ raw, routeOptions }) => {
    if (raw.complete || routeOptions.config.takesFile === true) return;
    const cancel = clock.after(sendingTimeoutMs, () => {
      if (!raw.complete) raw.destroy();
    });
    raw.once("close", cancel);
  });
}

const listening = (app: FastifyInstance): HttpServer => ({
  app,
  async listen({ host, port, option }) {
    try {
      await app.listen({ host, port });
    } catch (error) {
      throw listenFault(error, "HTTP", port, option);
    }
    const address = app.server.address();
    return typeof address === "object" && address !== null ? address.port : port;
  },
  close: () => app.close(),
});
