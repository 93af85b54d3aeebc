import Type, { type Static } from "typebox";
import { type ApplicationId, parseApplicationId, parseDeviceProfileId, parseGatewayId } from "../../../lorawan/ids.ts";
import type { BulkRecord, BulkVerdict, NamedKey, ProfileKey } from "../../bulk-ports.ts";
import type { NewApplication, NewDeviceProfile, NewGateway } from "../../catalog-ports.ts";
import { applicationFields } from "../applications.ts";
import { checkDeviceProfile, deviceProfileDefaults, deviceProfileFields } from "../device-profiles.ts";
import { checkSourceRule, gatewayDefaults, gatewayFields } from "../gateways.ts";
import { Eui64, strict, Uuid } from "../schemas.ts";
import { vocabularyOf } from "./cells.ts";
import { defineLineKind, type LineOutcome } from "./lines.ts";

const Location = Type.Object(
  {
    latitude: Type.Number({ minimum: -90, maximum: 90 }),
    longitude: Type.Number({ minimum: -180, maximum: 180 }),
    altitude: Type.Optional(Type.Number({ minimum: -1000, maximum: 100_000 })),
  },
  strict,
);
const GatewaySchema = Type.Object(
  {
    gatewayId: Eui64,
    ...Type.Partial(Type.Object(gatewayFields)).properties,
    location: Type.Optional(Type.Union([Location, Type.Null()])),
  },
  strict,
);
const ApplicationSchema = Type.Object(
  { id: Type.Optional(Uuid), ...Type.Partial(Type.Object(applicationFields)).properties },
  strict,
);
const ProfileSchema = Type.Object(
  { id: Type.Optional(Uuid), ...Type.Partial(Type.Object(deviceProfileFields)).properties },
  strict,
);

const told = (verdicts: readonly BulkVerdict[]): readonly LineOutcome[] =>
  verdicts.map(verdict => ({ kind: "verdict", verdict }));

function gatewayRecord(
  { gatewayId, location, ...rest }: Static<typeof GatewaySchema>,
  tenantId: NewGateway["tenantId"],
): BulkRecord<NewGateway["gatewayId"], NewGateway> {
  const key = parseGatewayId(gatewayId);
  const place = location && { altitude: 0, ...location };
  const change = { ...rest, ...(place !== undefined && { location: place }) };
  const { name } = rest;
  const whenNew = name === undefined ? undefined : { ...gatewayDefaults, ...change, name, gatewayId: key, tenantId };
  return { key, change, whenNew };
}

export const gatewayLines = defineLineKind({
  noun: "a gateway",
  keyMember: "gatewayId",
  needs: "a name",
  schema: GatewaySchema,
  vocabulary: vocabularyOf({ ...GatewaySchema.properties, location: Location }, ["location"], {
    id: "gatewayId",
    eui: "gatewayId",
    gatewayeui: "gatewayId",
    gatewayname: "name",
    lat: "location.latitude",
    lon: "location.longitude",
    lng: "location.longitude",
    disabled: "isDisabled",
    antennagain: "antennaGainDb",
  }),
  aliases: {},
  ignored: [],
  keyOf: ({ gatewayId }) => parseGatewayId(gatewayId),
  check: ({ sourceRule }) => checkSourceRule(sourceRule),
  async write(lines, { rule }, batch) {
    const records = lines.map(({ value }) => gatewayRecord(value, rule.tenantId));
    return told(await batch.gateways(records, rule));
  },
});

interface Named {
  readonly id?: string;
  readonly name?: string;
}

/** By the id if there is one, which may then get another name. */
const keyOf = <Id>({ id, name = "" }: Named, parse: (text: string) => Id): NamedKey<Id> =>
  id === undefined ? { name } : { id: parse(id) };

/** By its source if it has one, unless the line has an id. */
const profileKey = ({ sourceId = null, ...rest }: Named & { readonly sourceId?: string | null }): ProfileKey =>
  sourceId === null || rest.id !== undefined ? keyOf(rest, parseDeviceProfileId) : { sourceId };

const namedKey = ({ id, name }: Named): string => (id === undefined ? `name ${name}` : id.toLowerCase());

export const applicationLines = defineLineKind({
  noun: "an application",
  keyMember: "name",
  needs: "a name and no id",
  schema: ApplicationSchema,
  vocabulary: vocabularyOf(ApplicationSchema.properties, [], { applicationid: "id", applicationname: "name" }),
  aliases: {},
  ignored: [],
  keyOf: namedKey,
  check: () => undefined,
  async write(lines, { rule }, batch) {
    const { tenantId } = rule;
    const records = lines.map(({ value }): BulkRecord<NamedKey<ApplicationId>, NewApplication> => {
      const { id, ...change } = value;
      const { name } = change;
      const isNew = id === undefined && name !== undefined;
      const whenNew = isNew ? { description: "", tags: {}, ...change, tenantId, name } : undefined;
      return { key: keyOf(value, parseApplicationId), change, whenNew };
    });
    return told(await batch.applications(records, rule));
  },
});

export const profileLines = defineLineKind({
  noun: "a device profile",
  keyMember: "name",
  needs: "name and region, and no id",
  schema: ProfileSchema,
  vocabulary: vocabularyOf(ProfileSchema.properties, [], { deviceprofileid: "id", deviceprofilename: "name" }),
  aliases: {},
  ignored: [],
  keyOf: value =>
    typeof value.sourceId === "string" && value.id === undefined ? `source ${value.sourceId}` : namedKey(value),
  check: checkDeviceProfile,
  async write(lines, { rule }, batch) {
    const { tenantId } = rule;
    const records = lines.map(({ value }): BulkRecord<ProfileKey, NewDeviceProfile> => {
      const { id, ...change } = value;
      const { name, region } = change;
      const isNew = id === undefined && name !== undefined && region !== undefined;
      const whenNew = isNew ? { ...deviceProfileDefaults, ...change, tenantId, name, region } : undefined;
      return { key: profileKey(value), change, whenNew };
    });
    return told(await batch.deviceProfiles(records, rule));
  },
});
