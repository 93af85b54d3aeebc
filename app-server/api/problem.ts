import Type, { type Static } from "typebox";
import { MalformedValue, UpchirpError } from "../../lorawan/errors.ts";
import { CatalogConflict, type CatalogConflictCode } from "../catalog-ports.ts";
import type { FailedCodecCase } from "../codec-ports.ts";
import { LimitReached, limitNames } from "../tenant-limit-ports.ts";
import { FailedCases, InvalidMembers, Refusal } from "./refusal.ts";

const AnyJson = Object.assign(Type.Unknown(), { description: "Any JSON." });
export const FailedCase = Type.Object({
  index: Type.Integer({ description: "In the list of cases, from 0." }),
  name: Type.String(),
  differences: Type.Array(
    Type.Object({
      path: Type.String({ description: "JSON pointer into what was expected, like /object/temperature." }),
      expected: Type.Optional(AnyJson),
      actual: Type.Optional(AnyJson),
    }),
  ),
});

/** RFC 9457, with a stable `code` and, for a request that fits no schema, what is wrong where. */
export const Problem = Type.Object(
  {
    type: Type.Literal("about:blank"),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String(),
    code: Type.String({ description: "Stable; listed in the documentation of errors." }),
    errors: Type.Optional(
      Type.Array(
        Type.Object({
          path: Type.String({ description: "JSON pointer into the request, like /body/name." }),
          message: Type.String(),
        }),
      ),
    ),
    limit: Type.Optional(
      Type.Object(
        { name: Type.String({ description: "Like maxDevices." }), value: Type.Integer() },
        { description: "Of the tenant, which is reached." },
      ),
    ),
    failedCases: Type.Optional(Type.Array(FailedCase, { description: "Of a codec." })),
  },
  { description: "The request was refused or failed." },
);
export type Problem = Static<typeof Problem>;

const titles: Readonly<Record<number, string>> = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  409: "Conflict",
  412: "Precondition Failed",
  413: "Content Too Large",
  415: "Unsupported Media Type",
  422: "Unprocessable Content",
  426: "Upgrade Required",
  429: "Too Many Requests",
  500: "Internal Server Error",
  503: "Service Unavailable",
};

const conflictStatus: Readonly<Record<CatalogConflictCode, number>> = {
  already_exists: 409,
  still_in_use: 409,
  last_administrator: 409,
  different_tenant: 409,
  unknown_reference: 404,
};

/**
 * Codes with which the network server and the database refuse. They are known by code, because the network server's may
 * have come over HTTP and the database's class belongs to the platform.
 */
const portProblems: Readonly<Record<string, { readonly status: number; readonly detail?: string }>> = {
  device_not_found: { status: 404 },
  invalid_activation: { status: 422 },
  identity_provider_unavailable: { status: 503, detail: "The identity provider cannot be asked now; try again." },
  rejoin_impossible: { status: 409, detail: "Only a device that joined with LoRaWAN 1.1 can be told to rejoin." },
  sql_unique_violation: { status: 409, detail: "Something with this identity exists already." },
  sql_foreign_key_violation: { status: 409, detail: "It refers to something that is gone, or something refers to it." },
  sql_check_violation: { status: 422, detail: "A value is outside of what can be stored." },
  sql_invalid_value: { status: 422, detail: "A value is outside of what can be stored." },
  sql_unavailable: { status: 503, detail: "The database cannot answer now; try again." },
  sql_conflict: { status: 503, detail: "Another change was in the way; try again." },
};

const problem = (status: number, code: string, detail: string, errors?: Problem["errors"]): Problem => ({
  type: "about:blank",
  title: titles[status] ?? "Error",
  status,
  detail,
  code,
  ...(errors && { errors }),
});

interface SchemaFault {
  readonly instancePath: string;
  readonly message?: string;
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null;

function schemaFaults(error: Readonly<Record<string, unknown>>): readonly SchemaFault[] | undefined {
  const { validation } = error;
  if (!Array.isArray(validation)) return undefined;
  return validation.flatMap((fault: unknown) => {
    if (!isObject(fault) || typeof fault.instancePath !== "string") return [];
    return [{ instancePath: fault.instancePath, message: String(fault.message ?? "does not fit") }];
  });
}

/** Errors that Fastify itself raises for a request it cannot read carry a status below 500 and a harmless message. */
function frameworkProblem(error: Readonly<Record<string, unknown>>): Problem | undefined {
  const { statusCode, message, code } = error;
  if (typeof statusCode !== "number" || statusCode < 400 || statusCode >= 500) return undefined;
  const name = typeof code === "string" ? code.replace(/^FST_(ERR_)?/, "").toLowerCase() : "invalid_request";
  return problem(statusCode, name, typeof message === "string" ? message : "The request cannot be read.");
}

function failedCasesProblem({ statusCode, code, message, failed }: FailedCases): Problem {
  const errors = failed.map(one => ({ path: `/body/codecCases/${one.index}`, message: failedCaseText(one) }));
  return {
    ...problem(statusCode, code, message, errors),
    failedCases: failed.map(one => ({ ...one, differences: [...one.differences] })),
  };
}

const shown = (value: unknown): string => (value === undefined ? "missing" : JSON.stringify(value));

/** The first difference, for people; all of them are in `failedCases`. */
export function failedCaseText({ name, differences: [first] }: FailedCodecCase): string {
  return `${name}: ${first?.path} is ${shown(first?.actual)} instead of ${shown(first?.expected)}`;
}

function namedProblem(error: UpchirpError): Problem | undefined {
  if (error instanceof FailedCases) return failedCasesProblem(error);
  if (error instanceof InvalidMembers) {
    return problem(error.statusCode, error.code, error.message, [...error.errors]);
  }
  if (error instanceof Refusal) {
    const errors = error.path === undefined ? undefined : [{ path: error.path, message: error.message }];
    return problem(error.statusCode, error.code, error.message, errors);
  }
  if (error instanceof CatalogConflict) return problem(conflictStatus[error.code], error.code, error.message);
  if (error instanceof LimitReached) {
    const limit = { name: limitNames[error.kind], value: error.limit };
    return { ...problem(409, error.code, error.message), limit };
  }
  if (error instanceof MalformedValue) return problem(400, error.code, error.message);
  const known = portProblems[error.code];
  return known && problem(known.status, error.code, known.detail ?? error.message);
}

/** What a client is told of an error. A fault of our own says nothing of itself: the log has it. */
export function problemOf(error: unknown): Problem {
  const known = error instanceof UpchirpError ? namedProblem(error) : undefined;
  if (known !== undefined) return known;
  if (isObject(error)) {
    const faults = schemaFaults(error);
    if (faults !== undefined) {
      const part = typeof error.validationContext === "string" ? error.validationContext : "body";
      const errors = faults.map(fault => ({ path: `/${part}${fault.instancePath}`, message: fault.message ?? "" }));
      return problem(400, "invalid_request", "The request does not fit its schema.", errors);
    }
    const framework = frameworkProblem(error);
    if (framework !== undefined) return framework;
  }
  return problem(500, "internal_error", "Something went wrong here; the log of the server has details.");
}
