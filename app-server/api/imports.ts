import { randomUUID } from "node:crypto";
import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyReply, FastifyRequest } from "fastify";
import Type, { type Static } from "typebox";
import { parseApplicationId, parseTenantId } from "../../lorawan/ids.ts";
import { type OnExisting, onExistingChoices } from "../bulk-ports.ts";
import { type ImportFault, type ImportKind, type Import as ImportRecord, importKinds } from "../import-ports.ts";
import { acrossTenants, inTenant, type TenantRight } from "./access.ts";
import { callerOf } from "./authentication.ts";
import { codecFaults } from "./bulk/codec-trial.ts";
import { deviceLines } from "./bulk/device-lines.ts";
import type { ImportContext, Line, LineKind } from "./bulk/lines.ts";
import { applicationLines, gatewayLines, profileLines } from "./bulk/other-lines.ts";
import { importFormats, readRecords } from "./bulk/records.ts";
import { runImport } from "./bulk/run.ts";
import type { Api, ApiDependencies } from "./dependencies.ts";
import { listFilter } from "./listing.ts";
import { found, Refusal } from "./refusal.ts";
import { listOf, NullableTime, pageOf, pageQuery, strict, Time, Uuid } from "./schemas.ts";

const states = ["running", "interrupted", "finished"] as const;
const NullableCount = Type.Union([Type.Integer(), Type.Null()]);
const Import = Type.Object({
  id: Uuid,
  tenantId: Uuid,
  applicationId: Type.Union([Uuid, Type.Null()]),
  kind: Type.Enum([...importKinds]),
  key: Type.String({ description: "By which the sender knows it again." }),
  onExisting: Type.Enum([...onExistingChoices]),
  isDryRun: Type.Boolean(),
  startedBy: Type.String(),
  state: Type.Enum([...states], {
    description: "An import that was cut off by a crash is shown as running; changedAt tells.",
  }),
  position: Type.Integer({ description: "Records that are dealt with." }),
  bytesRead: Type.Integer(),
  totalBytes: NullableCount,
  created: Type.Integer(),
  updated: Type.Integer(),
  unchanged: Type.Integer(),
  skipped: Type.Integer(),
  failed: Type.Integer({ description: "Records that were not taken." }),
  faults: Type.Integer({ description: "What was wrong with them, to be had at /faults." }),
  startedAt: Time,
  changedAt: Time,
  finishedAt: NullableTime,
});
const Fault = Type.Object({
  line: Type.Integer({ description: "Of the file, from 1." }),
  column: Type.Union([Type.String(), Type.Null()], { description: "As the file has it; null: the whole record." }),
  message: Type.String({ description: "What is wrong, and what to do." }),
});

const importQuery = {
  tenantId: Type.Optional(Uuid),
  format: Type.Optional(
    Type.Enum(["csv", "json"], { default: "csv", description: "json: an array of objects, or one object a line." }),
  ),
  onExisting: Type.Optional(
    Type.Enum([...onExistingChoices], { default: "fail", description: "What is done with what is there already." }),
  ),
  dryRun: Type.Optional(Type.Boolean({ description: "Says what would come of it, and writes nothing." })),
  key: Type.Optional(
    Type.String({
      pattern: "^[!-~]{1,100}$",
      description: "Of your choice: sent again under it, an import that was cut off goes on where it stopped.",
    }),
  ),
  size: Type.Optional(Type.Integer({ minimum: 0, description: "Bytes of the file, for whoever watches." })),
};
const Query = Type.Object(importQuery, strict);
const ProfileQuery = Type.Object(
  {
    ...importQuery,
    force: Type.Optional(
      Type.Boolean({ description: "Take codecs although they do not load or do not pass their cases." }),
    ),
  },
  strict,
);
const DeviceQuery = Type.Object(
  {
    ...importQuery,
    applicationId: Type.Optional(Type.String({ ...Uuid, description: "In place of tenantId: into this application." })),
    deviceProfile: Type.Optional(
      Type.String({ minLength: 1, maxLength: 200, description: "Name or id, for devices that name none." }),
    ),
    format: Type.Optional(
      Type.Enum([...importFormats], {
        default: "csv",
        description: "json: an array of objects, or one object a line; tts-csv, tts-json: as The Things Stack has it.",
      }),
    ),
  },
  strict,
);
type ImportRequest = Static<typeof DeviceQuery> & { readonly force?: boolean };

/** Somebody who sends nothing for so long is gone. */
const silenceMs = 60_000;

interface ImportRoute<Value> {
  readonly kind: ImportKind;
  readonly right: TenantRight;
  readonly lines: LineKind<Value>;
  readonly summary: string;
  readonly query: typeof Query | typeof ProfileQuery;
  /** What is wrong with a line and shows only when it is tried out. */
  readonly tryOut?: (
    line: Line<Value>,
    context: ImportContext,
    deps: ApiDependencies,
  ) => Promise<readonly ImportFault[]>;
}

export function importRoutes(api: Api, deps: ApiDependencies): void {
  // Files are read as they come, and by nobody before the handler.
  void api.register(async scope => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser("*", (_request, _payload, done) => done(null));
    const files: Api = scope.withTypeProvider<TypeBoxTypeProvider>();
    deviceRoute(files, deps);
    wholeTenantRoute(files, deps, {
      kind: "gateways",
      right: "gateways",
      lines: gatewayLines,
      summary: "Import gateways",
      query: Query,
    });
    wholeTenantRoute(files, deps, {
      kind: "device-profiles",
      right: "devices",
      lines: profileLines,
      summary: "Import device profiles",
      query: ProfileQuery,
      tryOut: codecFaults,
    });
    wholeTenantRoute(files, deps, {
      kind: "applications",
      right: "devices",
      lines: applicationLines,
      summary: "Import applications",
      query: Query,
    });
  });
  watchRoutes(api, deps);
}

function deviceRoute(api: Api, deps: ApiDependencies): void {
  api.post(
    "/imports/devices",
    {
      config: { access: inTenant("devices", "query.tenantOrApplication"), takesFile: true },
      schema: { summary: "Import devices", querystring: DeviceQuery, response: { 200: Import } },
    },
    (request, reply) => importFile(request, reply, request.query, { kind: "devices", lines: deviceLines }, deps),
  );
}

function wholeTenantRoute<Value>(api: Api, deps: ApiDependencies, route: ImportRoute<Value>): void {
  api.post(
    `/imports/${route.kind}`,
    {
      config: { access: inTenant(route.right, "query.tenantOrApplication"), takesFile: true },
      schema: { summary: route.summary, querystring: route.query, response: { 200: Import } },
    },
    (request, reply) => importFile(request, reply, request.query, route, deps),
  );
}

async function importFile<Value>(
  request: FastifyRequest,
  reply: FastifyReply,
  query: ImportRequest,
  { kind, lines, tryOut }: Pick<ImportRoute<Value>, "kind" | "lines" | "tryOut">,
  deps: ApiDependencies,
): Promise<ImportRecord> {
  const { imports, clock } = deps;
  const { format = "csv", onExisting = "fail", dryRun = false, force = false, key = randomUUID(), size = null } = query;
  const tenantId = parseTenantId(request.subjectTenantId ?? "");
  const applicationId = query.applicationId === undefined ? null : parseApplicationId(query.applicationId);
  const wanted = { tenantId, applicationId, kind, key, onExisting, isDryRun: dryRun };
  const begun = await imports.begin({ ...wanted, startedBy: callerOf(request).name, totalBytes: size });
  checkSame(begun, wanted);
  if (begun.state === "finished") {
    reply.header("idempotent-replayed", "true");
    return begun;
  }
  const rule = { tenantId, ...(applicationId && { applicationId }), onExisting, isDryRun: dryRun };
  const context = { rule, ...(query.deviceProfile !== undefined && { deviceProfile: query.deviceProfile }) };
  const records = readRecords(chunksOf(request, clock), format, lines);
  try {
    const trial = force || tryOut === undefined ? undefined : (line: Line<Value>) => tryOut(line, context, deps);
    const done = await runImport(begun, records, lines, context, { ...deps, tryOut: trial });
    request.auditResult = countsOf(done);
    return done;
  } catch (error) {
    // If that cannot be noted either, the import is shown as running, and goes on all the same.
    if (!isOvertaken(error)) await imports.end(begun.id, "interrupted").catch(() => undefined);
    throw error;
  }
}

const isOvertaken = (error: unknown): boolean => error instanceof Refusal && error.code === "conflict";

const countsOf = ({ created, updated, unchanged, skipped, failed }: ImportRecord) => ({
  created,
  updated,
  unchanged,
  skipped,
  failed,
});

function checkSame(
  begun: ImportRecord,
  wanted: Pick<ImportRecord, "applicationId" | "kind" | "isDryRun"> & { readonly onExisting: OnExisting },
): void {
  const { applicationId, kind, isDryRun, onExisting } = begun;
  const isSame =
    applicationId === wanted.applicationId &&
    kind === wanted.kind &&
    isDryRun === wanted.isDryRun &&
    onExisting === wanted.onExisting;
  if (!isSame) throw new Refusal("conflict", "This key was used for an import of another kind: take a new one.");
}

/** The body as it comes. Throws Refusal when it is cut off, or when nothing comes for a minute. */
async function* chunksOf({ raw }: FastifyRequest, clock: ApiDependencies["clock"]): AsyncGenerator<Uint8Array> {
  const chunks = raw[Symbol.asyncIterator]();
  for (;;) {
    const cancel = clock.after(silenceMs, () => raw.destroy());
    try {
      const next: IteratorResult<Uint8Array> = await chunks.next();
      if (next.done === true) return;
      yield next.value;
    } catch {
      throw new Refusal(
        "invalid_request",
        "The file was cut off; what was read of it is there. Send it again to go on.",
      );
    } finally {
      cancel();
    }
  }
}

function watchRoutes(api: Api, { imports }: ApiDependencies): void {
  const Params = Type.Object({ importId: Uuid });
  api.get(
    "/imports",
    {
      config: { access: acrossTenants("read") },
      schema: {
        summary: "List imports of the last month, the latest first",
        querystring: Type.Object(
          {
            ...pageQuery,
            tenantId: Type.Optional(Uuid),
            key: Type.Optional(Type.String({ maxLength: 100 })),
            kind: Type.Optional(Type.Enum([...importKinds])),
            state: Type.Optional(Type.Enum([...states])),
          },
          strict,
        ),
        response: { 200: pageOf(Import) },
      },
    },
    async request => {
      const { limit = 100, after, tenantId, ...wanted } = request.query;
      const filter = listFilter(request, tenantId === undefined ? {} : { tenantId }, { reach: "applications" });
      return imports.list({ ...filter, ...wanted }, { limit, ...(after !== undefined && { after }) });
    },
  );
  const read = { access: inTenant("read", "params.importId") };
  api.get(
    "/imports/:importId",
    { config: read, schema: { summary: "Read how far an import is", params: Params, response: { 200: Import } } },
    async request => found(await imports.get(request.params.importId), "import"),
  );
  api.get(
    "/imports/:importId/faults",
    {
      config: read,
      schema: {
        summary: "List what was wrong with an import's records",
        params: Params,
        querystring: Type.Object(
          {
            limit: pageQuery.limit,
            after: Type.Optional(Type.Integer({ minimum: 0, description: "`next` of the page before." })),
          },
          strict,
        ),
        response: { 200: Type.Object({ items: listOf(Fault), next: Type.Optional(Type.String()) }) },
      },
    },
    async request => {
      const { limit = 100, after } = request.query;
      return imports.faults(request.params.importId, { limit, ...(after !== undefined && { after }) });
    },
  );
}
