import { Readable } from "node:stream";
import type { FastifyReply, FastifyRequest } from "fastify";
import Type, { type Static } from "typebox";
import { type ApplicationId, parseApplicationId, parseTenantId, type TenantId } from "../../lorawan/ids.ts";
import type { Page, PageRequest, Repositories } from "../catalog-ports.ts";
import { inTenant } from "./access.ts";
import { csvLine } from "./bulk/csv-text.ts";
import type { Api, ApiDependencies } from "./dependencies.ts";
import { strict, Uuid } from "./schemas.ts";

const formats = { csv: "text/csv", json: "application/json", jsonl: "application/x-ndjson" } as const;

const Query = Type.Object(
  {
    tenantId: Type.Optional(Uuid),
    format: Type.Optional(
      Type.Enum(["csv", "json", "jsonl"], { default: "csv", description: "jsonl: one object a line." }),
    ),
  },
  strict,
);
const DeviceQuery = Type.Object(
  {
    ...Query.properties,
    applicationId: Type.Optional(Type.String({ ...Uuid, description: "In place of tenantId: of this application." })),
  },
  strict,
);

interface Scope {
  readonly tenantId: TenantId;
  readonly applicationId?: ApplicationId;
}

/** A record as an import takes it: what the server gives itself is left out, and so are secrets. */
type Exported = Readonly<Record<string, unknown>>;

interface ExportKind {
  readonly name: string;
  readonly summary: string;
  /** In the order of the CSV; a record has no others there. */
  readonly columns: readonly string[];
  /** What the CSV has several columns for. */
  readonly flat?: (record: Exported) => Exported;
  records(repositories: Repositories, scope: Scope): AsyncGenerator<Exported>;
}

async function* everyPage<Item>(list: (page: PageRequest) => Promise<Page<Item>>): AsyncGenerator<Item> {
  let after: string | undefined;
  do {
    const page = await list({ limit: 1000, ...(after !== undefined && { after }) });
    yield* page.items;
    after = page.next;
  } while (after !== undefined);
}

/** What an id is called: by the name, or by the id where another has the name too. */
async function namesOf(
  items: AsyncGenerator<{ readonly id: string; readonly name: string }>,
): Promise<(id: string) => string> {
  const names = new Map<string, string>();
  const counts = new Map<string, number>();
  for await (const { id, name } of items) {
    names.set(id, name);
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return id => {
    const name = names.get(id);
    return name !== undefined && counts.get(name) === 1 ? name : id;
  };
}

const devices: ExportKind = {
  name: "devices",
  summary: "Export devices, without their keys and sessions",
  columns: [
    ...["devEui", "joinEui", "name", "description", "application", "deviceProfile", "isDisabled", "resetsFCnt"],
    ...["mac", "variables", "tags"],
  ],
  async *records({ devices: repository, applications, deviceProfiles }, { tenantId, applicationId }) {
    const tenants = [tenantId];
    const applicationName = await namesOf(everyPage(page => applications.list({ tenants }, page)));
    const profileName = await namesOf(everyPage(page => deviceProfiles.list({ tenants }, page)));
    const all = everyPage(page => applications.list({ tenants }, page));
    // One application after the other, since devices are in order within each: a page costs no sorting.
    for await (const { id } of applicationId === undefined ? all : [{ id: applicationId }]) {
      for await (const device of everyPage(page => repository.list({ tenants, applicationId: id }, page))) {
        const { applicationId: application, deviceProfileId: profile, ...rest } = device;
        const { tenantId: _tenant, macVersion: _version, createdAt: _made, updatedAt: _changed, ...own } = rest;
        yield { ...own, application: applicationName(application), deviceProfile: profileName(profile) };
      }
    }
  },
};

const gateways: ExportKind = {
  name: "gateways",
  summary: "Export gateways",
  columns: [
    ...["gatewayId", "name", "description", "isDisabled", "latitude", "longitude", "altitude", "regionConfigId"],
    ...["antennaGainDb", "sourceRule", "rateLimit", "tags"],
  ],
  flat: ({ location, ...rest }) => ({ ...rest, ...(typeof location === "object" && location) }),
  async *records({ gateways: repository }, { tenantId }) {
    for await (const gateway of everyPage(page => repository.list({ tenants: [tenantId] }, page))) {
      const { tenantId: _tenant, createdAt: _made, updatedAt: _changed, ...own } = gateway;
      yield own;
    }
  },
};

const deviceProfiles: ExportKind = {
  name: "device-profiles",
  summary: "Export device profiles with their codecs",
  columns: [
    ...["name", "description", "region", "regionConfigId", "macVersion", "regionalParameters", "supportsOtaa"],
    ...["supportsClassB", "supportsClassC", "classBTimeoutSeconds", "classCTimeoutSeconds", "adrAlgorithm"],
    ...["adrScript", "adrMinDataRate", "adrMaxDataRate", "mac", "expectedUplinkIntervalSeconds"],
    ...["deviceStatusIntervalSeconds", "flushQueueOnActivate", "confirmedDownlinkRetries", "abpRx1DelaySeconds"],
    ...["abpRx1DrOffset", "abpRx2DataRate", "abpRx2FrequencyHz", "codec", "codecScript", "tags"],
    ...["sourceId", "vendorId", "vendorProfileId"],
  ],
  async *records({ deviceProfiles: repository }, { tenantId }) {
    for await (const profile of everyPage(page => repository.list({ tenants: [tenantId] }, page))) {
      const { id: _id, tenantId: _tenant, createdAt: _made, updatedAt: _changed, ...own } = profile;
      yield own;
    }
  },
};

const applications: ExportKind = {
  name: "applications",
  summary: "Export applications",
  columns: ["name", "description", "tags"],
  async *records({ applications: repository }, { tenantId }) {
    for await (const { name, description, tags } of everyPage(page => repository.list({ tenants: [tenantId] }, page))) {
      yield { name, description, tags };
    }
  },
};

async function* textOf(kind: ExportKind, format: keyof typeof formats, records: AsyncGenerator<Exported>) {
  if (format === "csv") yield csvLine(kind.columns);
  if (format === "json") yield "[";
  let isFirst = true;
  for await (const record of records) {
    switch (format) {
      case "csv": {
        const flat = new Map(Object.entries(kind.flat?.(record) ?? record));
        yield csvLine(kind.columns.map(name => flat.get(name)));
        break;
      }
      case "json":
        yield `${isFirst ? "\n" : ",\n"}${JSON.stringify(record)}`;
        break;
      case "jsonl":
        yield `${JSON.stringify(record)}\n`;
        break;
    }
    isFirst = false;
  }
  if (format === "json") yield "\n]\n";
}

function sendFile(
  request: FastifyRequest,
  reply: FastifyReply,
  kind: ExportKind,
  { format = "csv", applicationId }: Static<typeof DeviceQuery>,
  { repositories }: ApiDependencies,
): FastifyReply {
  const tenantId = parseTenantId(request.subjectTenantId ?? "");
  const scope = { tenantId, ...(applicationId !== undefined && { applicationId: parseApplicationId(applicationId) }) };
  return reply
    .type(`${formats[format]}; charset=utf-8`)
    .header("content-disposition", `attachment; filename="${kind.name}.${format}"`)
    .send(Readable.from(textOf(kind, format, kind.records(repositories, scope))));
}

/** What an export answers with; the schema of its records is that of the import. */
const file = Type.Unsafe<unknown>({ description: "The file." });

export function exportRoutes(api: Api, deps: ApiDependencies): void {
  const config = { access: inTenant("read", "query.tenantOrApplication") };
  const response = {
    200: { description: "The file.", content: { "text/csv": { schema: file }, "application/json": { schema: file } } },
  };
  api.get(
    "/exports/devices",
    { config, schema: { summary: devices.summary, querystring: DeviceQuery, response } },
    (request, reply) => sendFile(request, reply, devices, request.query, deps),
  );
  for (const kind of [gateways, deviceProfiles, applications]) {
    api.get(
      `/exports/${kind.name}`,
      { config, schema: { summary: kind.summary, querystring: Query, response } },
      (request, reply) => sendFile(request, reply, kind, request.query, deps),
    );
  }
}
