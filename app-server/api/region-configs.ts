import Type from "typebox";
import { regionNames } from "../../lorawan/region/region.ts";
import {
  type FixedRegionConfig,
  type NewRegionConfig,
  type RegionConfigRules,
  type RegionSettings,
  regionConfigSources,
  type StoredRegionConfig,
} from "../region-config-ports.ts";
import { administrators, signedIn } from "./access.ts";
import type { Api, ApiDependencies } from "./dependencies.ts";
import { ifMatch } from "./etag.ts";
import { found, InvalidMembers, notFound, Refusal } from "./refusal.ts";
import {
  change,
  Description,
  Eui64,
  listOf,
  NoContent,
  NullableTime,
  pageOf,
  pageQuery,
  strict,
  Uuid,
} from "./schemas.ts";

const Id = Type.String({
  pattern: "^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$",
  description: "Name that device profiles, gateways and events use, for example eu868-harbour.",
});
const Region = Type.Enum([...regionNames]);
const IsDefault = Type.Boolean({
  description: "It counts for devices of its region for which neither profile nor gateway names one.",
});
/** What is asked for by is not judged: there is none of such an id. */
const Params = Type.Object({ regionConfigId: Type.String({ maxLength: 200 }) });
const Uses = Type.Object({
  gatewayCount: Type.Integer(),
  deviceProfileCount: Type.Integer(),
  gateways: listOf(Type.Object({ gatewayId: Eui64, tenantId: Uuid, name: Type.String() }), {
    description: "100 at most, by name.",
  }),
  deviceProfiles: listOf(Type.Object({ id: Uuid, tenantId: Uuid, name: Type.String() }), {
    description: "100 at most, by name.",
  }),
});

const schemasFor = (rules: RegionConfigRules) => {
  const Settings = Type.Unsafe<RegionSettings>({
    ...rules.settings,
    description: "What differs from what the region has by itself. Replaced whole.",
  });
  const RegionConfig = Type.Object({
    ...{ id: Type.String(), region: Region, description: Type.String(), isDefault: IsDefault, settings: Settings },
    source: Type.Enum([...regionConfigSources], {
      description:
        "catalog: made here; file: of the configuration file, and changed there; built-in: what the region has where there is none.",
    }),
    createdAt: NullableTime,
    updatedAt: NullableTime,
  });
  const optional = { description: Description, isDefault: IsDefault, settings: Settings };
  return {
    RegionConfig,
    Create: Type.Object({ id: Id, region: Region, ...Type.Partial(Type.Object(optional)).properties }, strict),
    Change: Type.Partial(Type.Object(optional), change),
  };
};

const fixedAnswer = (config: FixedRegionConfig, isDefault: boolean) => ({
  ...config,
  description: "",
  isDefault,
  createdAt: null,
  updatedAt: null,
});

/** Those that are fixed and not replaced, with what has become of them beside those that were made here. */
function standing(fixed: readonly FixedRegionConfig[], stored: readonly StoredRegionConfig[]) {
  const remaining = fixed.filter(
    ({ source, id, region }) =>
      source === "file" || !stored.some(config => config.id === id && config.region === region),
  );
  return remaining.map(config => {
    const isFirst = remaining.find(({ region }) => region === config.region) === config;
    const isReplaced = stored.some(({ region, isDefault }) => isDefault && region === config.region);
    return fixedAnswer(config, isFirst && !isReplaced);
  });
}

/** They are few, and read at once. */
function pageAfter<Item extends { readonly id: string; readonly source: string }>(
  items: readonly Item[],
  limit: number,
  after: string | undefined,
) {
  const placeOf = ({ source, id }: Item): string => `${source}/${id}`;
  const start = after === undefined ? 0 : items.findIndex(item => placeOf(item) === after) + 1;
  if (after !== undefined && start === 0) {
    throw new Refusal("invalid_value", "after is the `next` of an earlier page.", "/querystring/after");
  }
  const page = items.slice(start, start + limit);
  const last = page.at(-1);
  return { items: page, ...(last !== undefined && start + limit < items.length && { next: placeOf(last) }) };
}

/** Throws InvalidMembers. */
function refuseFaults(rules: RegionConfigRules, config: Pick<NewRegionConfig, "id" | "region" | "settings">): void {
  const faults = rules.faults(config).map(({ member, text }) => ({
    path: `/body/settings/${member.replace(/\[(\d+)\]/g, "/$1").replaceAll(".", "/")}`,
    message: text,
  }));
  if (faults.length > 0) throw new InvalidMembers(`${config.region} does not allow this.`, faults);
}

export function regionConfigRoutes(api: Api, { repositories, regionConfigRules: rules }: ApiDependencies): void {
  const { regionConfigs } = repositories;
  const { RegionConfig, Create, Change } = schemasFor(rules);
  const fixedOf = (id: string) => rules.fixed.find(config => config.id === id);
  /** What is changed elsewhere is refused here, with the place. */
  const refuseFixed = (id: string): void => {
    const source = fixedOf(id)?.source;
    if (source === "file") throw new Refusal("conflict", "It is of the configuration file, and is changed there.");
    if (source === "built-in") throw new Refusal("conflict", "It is built in: add one with this id to replace it.");
    throw notFound("region configuration");
  };
  api.get(
    "/region-configs",
    {
      config: { access: signedIn },
      schema: {
        summary: "List region configurations",
        querystring: Type.Object({ ...pageQuery, region: Type.Optional(Region) }, strict),
        response: { 200: pageOf(RegionConfig) },
      },
    },
    async ({ query: { region, limit = 100, after } }) => {
      const stored = await regionConfigs.list();
      const all = [...stored, ...standing(rules.fixed, stored)];
      return pageAfter(region === undefined ? all : all.filter(config => config.region === region), limit, after);
    },
  );
  api.post(
    "/region-configs",
    {
      config: { access: administrators },
      schema: {
        summary: "Add a region configuration",
        description: "It counts at once. One with the id that a region's own has, like eu868, takes its place.",
        body: Create,
        response: { 201: RegionConfig },
      },
    },
    async (request, reply) => {
      const config = { description: "", isDefault: false, settings: {}, ...request.body };
      if (fixedOf(config.id)?.source === "file") {
        throw new Refusal("conflict", "The configuration file has one with this id.", "/body/id");
      }
      const own = fixedOf(config.id);
      if (own !== undefined && own.region !== config.region) {
        throw new Refusal("invalid_value", `This is the id of what ${own.region} has by itself.`, "/body/id");
      }
      refuseFaults(rules, config);
      return reply.code(201).send(await regionConfigs.create(config));
    },
  );
  api.get(
    "/region-configs/:regionConfigId",
    {
      config: { access: signedIn },
      schema: { summary: "Read a region configuration", params: Params, response: { 200: RegionConfig } },
    },
    async ({ params: { regionConfigId: id } }) => {
      const stored = await regionConfigs.list();
      const all = [...stored, ...standing(rules.fixed, stored)];
      // One of the file goes before one that was made when the file had none of its id.
      const known =
        all.find(config => config.id === id && config.source === "file") ?? all.find(config => config.id === id);
      return found(known, "region configuration");
    },
  );
  api.get(
    "/region-configs/:regionConfigId/uses",
    {
      config: { access: administrators },
      schema: { summary: "Who names a region configuration", params: Params, response: { 200: Uses } },
    },
    async ({ params: { regionConfigId: id } }) => {
      if (fixedOf(id) === undefined) found(await regionConfigs.get(id), "region configuration");
      return regionConfigs.uses(id);
    },
  );
  api.patch(
    "/region-configs/:regionConfigId",
    {
      config: { access: administrators },
      schema: {
        summary: "Change a region configuration",
        description: "Devices that have it are told with their next uplinks.",
        params: Params,
        body: Change,
        response: { 200: RegionConfig },
      },
    },
    async request => {
      const id = request.params.regionConfigId;
      const unchanged = ifMatch(request);
      const changed = await regionConfigs.update(id, request.body, before => {
        unchanged?.(before);
        if (request.body.settings !== undefined) refuseFaults(rules, { ...before, settings: request.body.settings });
      });
      if (changed === undefined) refuseFixed(id);
      return found(changed, "region configuration");
    },
  );
  api.delete(
    "/region-configs/:regionConfigId",
    {
      config: { access: administrators },
      schema: {
        summary: "Delete a region configuration that nobody names",
        params: Params,
        response: { 204: NoContent },
      },
    },
    async (request, reply) => {
      const id = request.params.regionConfigId;
      if (!(await regionConfigs.remove(id, ifMatch(request)))) refuseFixed(id);
      return reply.code(204).send(null);
    },
  );
}
