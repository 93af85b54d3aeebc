import Type, { type Static } from "typebox";
import { parse } from "yaml";
import {
  type Checkout,
  documentIn,
  type Finding,
  given,
  noScript,
  type ProfileRecord,
  type ProfileSource,
  type Script,
  type SourceFilter,
  scriptIn,
  shortened,
  skipping,
  tellsPower,
  UnusableFile,
} from "./source.ts";

const Text = Type.Union([Type.String(), Type.Number()]);
const Vendors = Type.Object({
  vendors: Type.Array(
    Type.Object({ id: Type.String(), name: Type.Optional(Type.String()), vendorID: Type.Optional(Type.Integer()) }),
  ),
});
const VendorIndex = Type.Object({
  endDevices: Type.Array(Type.String()),
  profileIDs: Type.Optional(
    Type.Record(
      Type.String(),
      Type.Object({
        endDeviceID: Type.Optional(Type.String()),
        firmwareVersion: Type.Optional(Text),
        region: Type.Optional(Type.String()),
        id: Type.Optional(Type.String()),
        codec: Type.Optional(Type.String()),
      }),
    ),
  ),
});
const ProfileReference = Type.Object({
  id: Type.String(),
  vendorID: Type.Optional(Type.String()),
  codec: Type.Optional(Type.String()),
});
const EndDevice = Type.Object({
  name: Type.String(),
  description: Type.Optional(Type.String()),
  firmwareVersions: Type.Array(Type.Object({ version: Text, profiles: Type.Record(Type.String(), ProfileReference) })),
});
const Profile = Type.Object({
  vendorProfileID: Type.Optional(Text),
  macVersion: Text,
  regionalParametersVersion: Text,
  supportsJoin: Type.Optional(Type.Boolean()),
  rx1Delay: Type.Optional(Type.Number()),
  rx1DataRateOffset: Type.Optional(Type.Number()),
  rx2DataRateIndex: Type.Optional(Type.Number()),
  rx2Frequency: Type.Optional(Type.Number()),
  factoryPresetFrequencies: Type.Optional(Type.Unknown()),
  maxEIRP: Type.Optional(Type.Number()),
  supports32bitFCnt: Type.Optional(Type.Boolean()),
  supportsClassB: Type.Optional(Type.Boolean()),
  classBTimeout: Type.Optional(Type.Number()),
  pingSlotPeriod: Type.Optional(Type.Number()),
  pingSlotDataRateIndex: Type.Optional(Type.Number()),
  pingSlotFrequency: Type.Optional(Type.Number()),
  supportsClassC: Type.Optional(Type.Boolean()),
  classCTimeout: Type.Optional(Type.Number()),
});
const CodecFile = Type.Object({ fileName: Type.String() });
const Codec = Type.Object({
  uplinkDecoder: Type.Optional(CodecFile),
  downlinkEncoder: Type.Optional(CodecFile),
  downlinkDecoder: Type.Optional(CodecFile),
});

const regions: Readonly<Record<string, string>> = {
  "EU863-870": "EU868",
  "US902-928": "US915",
  "AU915-928": "AU915",
  AS923: "AS923",
  "AS923-2": "AS923-2",
  "AS923-3": "AS923-3",
  "AS923-4": "AS923-4",
  "CN779-787": "CN779",
  EU433: "EU433",
  "CN470-510": "CN470",
  "KR920-923": "KR920",
  "IN865-867": "IN865",
  "RU864-870": "RU864",
  ISM2400: "ISM2400",
};
const macVersions: Readonly<Record<string, string>> = { "1": "1.0.0", "1.0": "1.0.0", "1.1": "1.1.0" };
const revisions: Readonly<Record<string, string>> = {
  "TS001-1.0": "TS001-1.0.0",
  "RP001-1.0.2": "RP001-1.0.2-A",
  "RP001-1.0.2-RevA": "RP001-1.0.2-A",
  "RP001-1.0.2-RevB": "RP001-1.0.2-B",
  "RP001-1.0.3-RevA": "RP001-1.0.3-A",
  "RP001-1.1-RevA": "RP001-1.1-A",
  "RP001-1.1-RevB": "RP001-1.1-B",
};

interface Vendor {
  readonly checkout: Checkout;
  readonly id: string;
  readonly name: string;
  readonly vendorId: number | undefined;
  readonly folder: string;
  readonly profileIds: NonNullable<Static<typeof VendorIndex>["profileIDs"]>;
}

interface Place {
  readonly vendor: Vendor;
  readonly deviceId: string;
  readonly firmware: string;
  /** As the repository calls it. */
  readonly regionKey: string;
  readonly reference: Static<typeof ProfileReference>;
}

/** Checkouts of the device repository of The Things Network. */
export const ttnProfiles: ProfileSource = async function* (checkout, filter) {
  const { vendors } = await documentIn(checkout, "vendor", "index.yaml", Vendors, parse);
  for (const { id, name = id, vendorID: vendorId } of vendors) {
    const isWanted = filter.vendors.length === 0 ? id !== "example" : filter.vendors.includes(id);
    if (!isWanted) continue;
    if (!/^[a-z0-9-]+$/.test(id)) {
      yield { kind: "skipped", what: JSON.stringify(id), why: "this is no id of a vendor" };
      continue;
    }
    const place = { checkout, id, name, vendorId, folder: `vendor/${id}` };
    // Most vendors are listed for their number alone.
    if ((await checkout.namesIn(place.folder)) === undefined) continue;
    yield* skipping(id, () => vendorFindings(place, filter));
  }
};

async function* vendorFindings(vendor: Omit<Vendor, "profileIds">, filter: SourceFilter): AsyncGenerator<Finding> {
  const { checkout, folder } = vendor;
  const { endDevices, profileIDs: profileIds = {} } = await documentIn(
    checkout,
    folder,
    "index.yaml",
    VendorIndex,
    parse,
  );
  for (const deviceId of endDevices) {
    yield* skipping(`${vendor.id}/${deviceId}`, () => deviceFindings({ ...vendor, profileIds }, deviceId, filter));
  }
}

async function* deviceFindings(vendor: Vendor, deviceId: string, filter: SourceFilter): AsyncGenerator<Finding> {
  const device = await documentIn(vendor.checkout, vendor.folder, `${deviceId}.yaml`, EndDevice, parse);
  for (const { version, profiles } of device.firmwareVersions) {
    for (const [regionKey, reference] of Object.entries(profiles)) {
      const region = regions[regionKey];
      if (region !== undefined && filter.regions.length > 0 && !filter.regions.includes(region)) continue;
      const what = `${vendor.id}/${deviceId} ${version} ${regionKey}`;
      if (region === undefined) {
        yield { kind: "skipped", what, why: "there is no such region here" };
        continue;
      }
      const place = { vendor, deviceId, firmware: String(version), regionKey, reference };
      yield* skipping(what, () => finding(what, place, region, device));
    }
  }
}

async function finding(what: string, place: Place, region: string, device: Static<typeof EndDevice>): Promise<Finding> {
  const { vendor, deviceId, firmware, regionKey, reference } = place;
  const { vendorID: owner = vendor.id } = reference;
  if (!/^[a-z0-9-]+$/.test(owner)) throw new UnusableFile(`${JSON.stringify(owner)} is no id of a vendor`);
  const profile = await documentIn(vendor.checkout, `vendor/${owner}`, `${reference.id}.yaml`, Profile, parse);
  const notes: string[] = [];
  const script = await codecOf(vendor, reference.codec, notes);
  const record = {
    name: shortened(`${vendor.name} ${device.name} ${firmware} ${region}`, 200),
    description: shortened(device.description ?? "", 10_000),
    region,
    sourceId: `ttn:${vendor.id}/${deviceId}/${firmware}/${regionKey}`,
    ...given({ vendorId: vendor.vendorId, vendorProfileId: vendorProfileIdOf(place, profile) }),
    ...radioOf(profile, region, notes),
    ...script,
    tags: { vendor: vendor.id, device: deviceId, firmware: shortened(firmware, 1000) },
  };
  return { kind: "profile", what, record, path: `${vendor.folder}/${deviceId}.yaml`, notes };
}

/** Which number of a label means this device, firmware and region; or this profile, and once its file said so itself. */
function vendorProfileIdOf(
  { vendor, deviceId, firmware, regionKey, reference }: Place,
  { vendorProfileID: own }: Static<typeof Profile>,
): number | undefined {
  const found = Object.entries(vendor.profileIds).find(([, { endDeviceID, firmwareVersion, region, id, codec }]) =>
    endDeviceID === undefined
      ? id === reference.id && (codec === undefined || codec === reference.codec)
      : endDeviceID === deviceId && String(firmwareVersion) === firmware && region === regionKey,
  );
  const number = Number(found?.[0] ?? own ?? Number.NaN);
  return Number.isInteger(number) && number >= 0 && number <= 0xffff ? number : undefined;
}

async function codecOf({ checkout, folder }: Vendor, name: string | undefined, notes: string[]): Promise<Script> {
  if (name === undefined) return noScript;
  try {
    const codec = await documentIn(checkout, folder, `${name}.yaml`, Codec, parse);
    const files = [codec.uplinkDecoder, codec.downlinkEncoder, codec.downlinkDecoder].flatMap(
      file => file?.fileName ?? [],
    );
    const [first] = files;
    if (first === undefined) return noScript;
    if (files.some(file => file !== first)) notes.push(`of the codec ${name} only ${first} is taken`);
    return await scriptIn(checkout, folder, first);
  } catch (error) {
    if (!(error instanceof UnusableFile)) throw error;
    notes.push(`without its codec: ${error.message}`);
    return noScript;
  }
}

const hertz = (megahertz: number | undefined): number | undefined =>
  megahertz === undefined ? undefined : Math.round(megahertz * 1e6);

function radioOf(profile: Static<typeof Profile>, region: string, notes: string[]): ProfileRecord {
  const version = String(profile.macVersion);
  const revision = String(profile.regionalParametersVersion);
  const isAbp = profile.supportsJoin === false;
  if (profile.supports32bitFCnt === false) notes.push("its 16-bit frame counters are taken for 32-bit ones");
  if (isAbp && profile.factoryPresetFrequencies !== undefined) notes.push("without its preset frequencies");
  if (profile.supportsClassB && profile.pingSlotPeriod !== undefined) notes.push("without its ping slot period");
  const mac = given({
    ...(tellsPower(region) && { maxEirpDbm: profile.maxEIRP }),
    ...(profile.supportsClassB && {
      pingSlotDataRate: profile.pingSlotDataRateIndex,
      pingSlotFrequencyHz: hertz(profile.pingSlotFrequency),
    }),
  });
  return given({
    macVersion: macVersions[version] ?? version,
    regionalParameters: revisions[revision] ?? revision,
    supportsOtaa: !isAbp,
    supportsClassB: profile.supportsClassB ?? false,
    supportsClassC: profile.supportsClassC ?? false,
    classBTimeoutSeconds: profile.classBTimeout || undefined,
    classCTimeoutSeconds: profile.classCTimeout || undefined,
    ...(isAbp && {
      abpRx1DelaySeconds: profile.rx1Delay || undefined,
      abpRx1DrOffset: profile.rx1DataRateOffset,
      abpRx2DataRate: profile.rx2DataRateIndex,
      abpRx2FrequencyHz: hertz(profile.rx2Frequency),
    }),
    mac,
  });
}
