import Type from "typebox";
import { parseDeviceProfileId, parseTenantId } from "../../lorawan/ids.ts";
import { regionNames } from "../../lorawan/region/region.ts";
import { macVersions, regionalParametersRevisions } from "../../lorawan/version.ts";
import { adrAlgorithms, type NewDeviceProfile } from "../catalog-ports.ts";
import { codecKinds } from "../codec-ports.ts";
import { acrossTenants, inTenant } from "./access.ts";
import { checkCodec, isSameCodec, touchesCodec } from "./codec-check.ts";
import { CodecCases, checkCases } from "./codec-schemas.ts";
import type { Api, ApiDependencies } from "./dependencies.ts";
import { ifMatch } from "./etag.ts";
import { listFilter, pageRequest, TenantListQuery } from "./listing.ts";
import { checkFrequency, checkMac, Mac } from "./mac-wishes.ts";
import { found, notFound, Refusal } from "./refusal.ts";
import { change, Description, Int32, Name, NoContent, pageOf, strict, TagMap, Time, Uuid } from "./schemas.ts";

const Region = Type.Enum([...regionNames]);
const RegionConfigId = Type.Union([Type.String({ minLength: 1, maxLength: 100 }), Type.Null()], {
  description:
    "Which configuration of the region applies; null: that of the gateway which first hears a device join or, without a join, send; else the first.",
});
const AdrLimit = (description: string) =>
  Type.Union([Type.Integer({ minimum: 0, maximum: 15 }), Type.Null()], { description });

const LabelNumber = (description: string) =>
  Type.Union([Type.Integer({ minimum: 0, maximum: 0xffff }), Type.Null()], { description });

/** Everything but the name and the region has a value that suits most devices on the market. */
const optional = {
  description: Description,
  regionConfigId: RegionConfigId,
  macVersion: Type.Enum([...macVersions]),
  regionalParameters: Type.Enum([...regionalParametersRevisions]),
  supportsOtaa: Type.Boolean(),
  supportsClassB: Type.Boolean(),
  supportsClassC: Type.Boolean(),
  classBTimeoutSeconds: Int32(1, { description: "Wait for the answer to a confirmed downlink of class B." }),
  classCTimeoutSeconds: Int32(1, { description: "Wait for the answer to a confirmed downlink of class C." }),
  classBPingSlotPeriodicity: Type.Union([Type.Integer({ minimum: 0, maximum: 7 }), Type.Null()], {
    description:
      "Class B devices have a ping slot every 0.96 s times 2^n until they say otherwise; null: they will say.",
  }),
  classBPingSlotDataRate: Type.Union([Type.Integer({ minimum: 0, maximum: 15 }), Type.Null()], {
    description: "Of ping slots, as devices are built; null: the region's own.",
  }),
  classBPingSlotFrequencyHz: Type.Union([Type.Integer({ minimum: 0, maximum: 2_600_000_000 }), Type.Null()], {
    description:
      "Of ping slots, as devices are built; 0 or null: the region's own, which hops where there are several.",
  }),
  adrAlgorithm: Type.Enum([...adrAlgorithms], {
    description: "default: Upchirp's own; script: that of adrScript; none: devices are left alone.",
  }),
  adrScript: Type.String({ maxLength: 50_000, description: "JavaScript with handle(req), for the algorithm script." }),
  adrMinDataRate: AdrLimit("Slowest data rate that ADR asks for; null: the slowest of the channels in use."),
  adrMaxDataRate: AdrLimit("Fastest data rate that ADR asks for; null: the fastest of the channels in use."),
  mac: Mac,
  expectedUplinkIntervalSeconds: Int32(1),
  deviceStatusIntervalSeconds: Int32(0, { description: "DevStatusReq this often; 0 is never." }),
  flushQueueOnActivate: Type.Boolean(),
  confirmedDownlinkRetries: Type.Integer({ minimum: 0, maximum: 15 }),
  abpRx1DelaySeconds: Type.Integer({ minimum: 1, maximum: 15 }),
  abpRx1DrOffset: Type.Integer({ minimum: 0, maximum: 7 }),
  abpRx2DataRate: Type.Union([Type.Integer({ minimum: 0, maximum: 15 }), Type.Null()]),
  abpRx2FrequencyHz: Type.Union([Type.Integer({ minimum: 1_000_000, maximum: 2_000_000_000 }), Type.Null()]),
  codec: Type.Enum([...codecKinds]),
  codecScript: Type.String({ maxLength: 200_000 }),
  codecCases: CodecCases,
  tags: TagMap,
  sourceId: Type.Union([Type.String({ minLength: 1, maxLength: 400 }), Type.Null()], {
    description: "Where it was imported from, by which it is found when it is imported again; null: made here.",
  }),
  vendorId: LabelNumber("The vendor's number on labels of its devices (TR005), given by the LoRa Alliance."),
  vendorProfileId: LabelNumber("The vendor's number for such devices on their labels (TR005)."),
};
export const deviceProfileDefaults = {
  description: "",
  regionConfigId: null,
  macVersion: "1.0.4",
  regionalParameters: "RP002-1.0.4",
  supportsOtaa: true,
  supportsClassB: false,
  supportsClassC: false,
  classBTimeoutSeconds: 8,
  classCTimeoutSeconds: 8,
  classBPingSlotPeriodicity: null,
  classBPingSlotDataRate: null,
  classBPingSlotFrequencyHz: null,
  adrAlgorithm: "default",
  adrScript: "",
  adrMinDataRate: null,
  adrMaxDataRate: null,
  mac: {},
  expectedUplinkIntervalSeconds: 3600,
  deviceStatusIntervalSeconds: 86_400,
  flushQueueOnActivate: true,
  confirmedDownlinkRetries: 3,
  abpRx1DelaySeconds: 1,
  abpRx1DrOffset: 0,
  abpRx2DataRate: null,
  abpRx2FrequencyHz: null,
  codec: "none",
  codecScript: "",
  codecCases: [],
  tags: {},
  sourceId: null,
  vendorId: null,
  vendorProfileId: null,
} as const;

export const deviceProfileFields = { name: Name, region: Region, ...optional };
export const DeviceProfile = Type.Object({
  id: Uuid,
  tenantId: Uuid,
  ...deviceProfileFields,
  createdAt: Time,
  updatedAt: Time,
});
const DeviceProfileCreate = Type.Object(
  { tenantId: Uuid, name: Name, region: Region, ...Type.Partial(Type.Object(optional)).properties },
  strict,
);
const DeviceProfileChange = Type.Partial(Type.Object(deviceProfileFields), change);
const Params = Type.Object({ deviceProfileId: Uuid });
const SaveQuery = Type.Object({
  force: Type.Optional(
    Type.Boolean({ description: "Store a codec although it does not load or does not pass its cases." }),
  ),
});

type AdrLimits = Partial<Pick<NewDeviceProfile, "adrMinDataRate" | "adrMaxDataRate">>;

/** `change` may have one of the limits: the other stays as it was. Throws Refusal. */
function checkAdrLimits(change: AdrLimits, before: AdrLimits = {}): void {
  const { adrMinDataRate: least = null, adrMaxDataRate: most = null } = { ...before, ...change };
  if (least === null || most === null || least <= most) return;
  const name = change.adrMinDataRate === undefined ? "adrMaxDataRate" : "adrMinDataRate";
  throw new Refusal("invalid_value", "adrMinDataRate must not be above adrMaxDataRate.", `/body/${name}`);
}

type AdrChoice = Partial<Pick<NewDeviceProfile, "adrAlgorithm" | "adrScript">>;

type Frequencies = Partial<Pick<NewDeviceProfile, "mac" | "classBPingSlotFrequencyHz">>;

/** Throws Refusal. */
function checkFrequencies({ mac, classBPingSlotFrequencyHz }: Frequencies): void {
  checkMac(mac);
  checkFrequency(classBPingSlotFrequencyHz, "/body/classBPingSlotFrequencyHz");
}

/** What the schema cannot say of a whole profile. Throws Refusal. */
export function checkDeviceProfile(
  profile: AdrLimits & AdrChoice & Frequencies & Partial<Pick<NewDeviceProfile, "codecCases">>,
): void {
  checkCases(profile.codecCases ?? []);
  checkFrequencies(profile);
  checkAdrLimits(profile);
  checkAdrScript(profile);
}

/** Throws Refusal. */
function checkAdrScript(change: AdrChoice, before: AdrChoice = {}): void {
  const { adrAlgorithm, adrScript = "" } = { ...before, ...change };
  if (adrAlgorithm !== "script" || adrScript.trim() !== "") return;
  const name = change.adrScript === undefined ? "adrAlgorithm" : "adrScript";
  throw new Refusal("invalid_value", "The ADR algorithm script needs an adrScript.", `/body/${name}`);
}

export function deviceProfileRoutes(api: Api, deps: ApiDependencies): void {
  const { codecBench } = deps;
  const { deviceProfiles } = deps.repositories;
  api.get(
    "/device-profiles",
    {
      config: { access: acrossTenants("read") },
      schema: {
        summary: "List device profiles",
        querystring: TenantListQuery,
        response: { 200: pageOf(DeviceProfile) },
      },
    },
    async request =>
      deviceProfiles.list(listFilter(request, request.query, { reach: "shared" }), pageRequest(request.query)),
  );
  api.post(
    "/device-profiles",
    {
      config: { access: inTenant("devices", "body.tenantId") },
      schema: {
        summary: "Add a device profile",
        querystring: SaveQuery,
        body: DeviceProfileCreate,
        response: { 201: DeviceProfile },
      },
    },
    async (request, reply) => {
      checkDeviceProfile(request.body);
      const tenantId = parseTenantId(request.body.tenantId);
      const profile = { ...deviceProfileDefaults, ...request.body, tenantId };
      if (request.query.force !== true) await checkCodec(codecBench, profile);
      return reply.code(201).send(await deviceProfiles.create(profile));
    },
  );
  api.get(
    "/device-profiles/:deviceProfileId",
    {
      config: { access: inTenant("read", "params.deviceProfileId") },
      schema: { summary: "Read a device profile", params: Params, response: { 200: DeviceProfile } },
    },
    async request =>
      found(await deviceProfiles.get(parseDeviceProfileId(request.params.deviceProfileId)), "device profile"),
  );
  api.patch(
    "/device-profiles/:deviceProfileId",
    {
      config: { access: inTenant("devices", "params.deviceProfileId") },
      schema: {
        summary: "Change a device profile",
        params: Params,
        querystring: SaveQuery,
        body: DeviceProfileChange,
        response: { 200: DeviceProfile },
      },
    },
    async request => {
      const id = parseDeviceProfileId(request.params.deviceProfileId);
      checkFrequencies(request.body);
      checkCases(request.body.codecCases ?? []);
      const isForced = request.query.force === true || !touchesCodec(request.body);
      const tried = isForced ? undefined : found(await deviceProfiles.get(id), "device profile");
      if (tried !== undefined) await checkCodec(codecBench, { ...tried, ...request.body });
      const unchanged = ifMatch(request);
      const changed = await deviceProfiles.update(id, request.body, before => {
        unchanged?.(before);
        // What was tried took its time, and another change may have come in between.
        if (tried !== undefined && !isSameCodec(tried, before)) {
          throw new Refusal("conflict", "The codec was changed by somebody else meanwhile; try again.");
        }
        checkAdrLimits(request.body, before);
        checkAdrScript(request.body, before);
      });
      return found(changed, "device profile");
    },
  );
  api.delete(
    "/device-profiles/:deviceProfileId",
    {
      config: { access: inTenant("devices", "params.deviceProfileId") },
      schema: { summary: "Delete a device profile that no device uses", params: Params, response: { 204: NoContent } },
    },
    async (request, reply) => {
      const removed = await deviceProfiles.remove(
        parseDeviceProfileId(request.params.deviceProfileId),
        ifMatch(request),
      );
      if (!removed) throw notFound("device profile");
      return reply.code(204).send(null);
    },
  );
}
