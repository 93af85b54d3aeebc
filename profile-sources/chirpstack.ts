import { parse } from "smol-toml";
import Type, { type Static } from "typebox";
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

const Vendor = Type.Object({
  vendor: Type.Object({
    name: Type.String(),
    vendor_id: Type.Optional(Type.Integer()),
    devices: Type.Optional(Type.Array(Type.String())),
  }),
});
const Device = Type.Object({
  device: Type.Object({
    name: Type.String(),
    description: Type.Optional(Type.String()),
    firmware: Type.Array(
      Type.Object({ version: Type.String(), profiles: Type.Array(Type.String()), codec: Type.Optional(Type.String()) }),
    ),
  }),
});
const Profile = Type.Object({
  profile: Type.Object({
    vendor_profile_id: Type.Optional(Type.Integer()),
    region: Type.String(),
    mac_version: Type.String(),
    reg_params_revision: Type.String(),
    supports_otaa: Type.Boolean(),
    supports_class_b: Type.Optional(Type.Boolean()),
    supports_class_c: Type.Optional(Type.Boolean()),
    max_eirp: Type.Optional(Type.Number()),
    abp: Type.Optional(
      Type.Object({
        rx1_delay: Type.Optional(Type.Integer()),
        rx1_dr_offset: Type.Optional(Type.Integer()),
        rx2_dr: Type.Optional(Type.Integer()),
        rx2_freq: Type.Optional(Type.Integer()),
      }),
    ),
    class_b: Type.Optional(
      Type.Object({
        timeout_secs: Type.Optional(Type.Integer()),
        ping_slot_nb_k: Type.Optional(Type.Integer()),
        ping_slot_dr: Type.Optional(Type.Integer()),
        ping_slot_freq: Type.Optional(Type.Integer()),
      }),
    ),
    class_c: Type.Optional(Type.Object({ timeout_secs: Type.Optional(Type.Integer()) })),
  }),
});

interface Place {
  readonly checkout: Checkout;
  readonly id: string;
  readonly name: string;
  readonly vendorId: number | undefined;
  readonly folder: string;
}

/** Checkouts of ChirpStack's device profiles. A 0 stands for what is not known. */
export const chirpStackProfiles: ProfileSource = async function* (checkout, filter) {
  const ids = await checkout.namesIn("vendors");
  if (ids === undefined) throw new UnusableFile("there is no folder vendors");
  for (const id of ids.toSorted()) {
    const isWanted = filter.vendors.length === 0 ? id !== "example-vendor" : filter.vendors.includes(id);
    if (isWanted) yield* skipping(id, () => vendorFindings(checkout, id, filter));
  }
};

async function* vendorFindings(checkout: Checkout, id: string, filter: SourceFilter): AsyncGenerator<Finding> {
  const folder = `vendors/${id}`;
  const { vendor } = await documentIn(checkout, folder, "vendor.toml", Vendor, parse);
  const place = { checkout, id, name: vendor.name, vendorId: vendor.vendor_id || undefined, folder };
  for (const file of vendor.devices ?? (await devicesIn(checkout, folder)))
    yield* skipping(`${id}/${file}`, () => deviceFindings(place, file, filter));
}

/** Of a vendor that does not list them. */
async function devicesIn(checkout: Checkout, folder: string): Promise<readonly string[]> {
  const files = await checkout.namesIn(`${folder}/devices`);
  if (files === undefined) throw new UnusableFile("there is no folder devices", `${folder}/devices`);
  return files.filter(file => file.endsWith(".toml")).toSorted();
}

async function* deviceFindings(vendor: Place, file: string, filter: SourceFilter): AsyncGenerator<Finding> {
  const { checkout, folder } = vendor;
  const { device } = await documentIn(checkout, `${folder}/devices`, file, Device, parse);
  for (const { version, profiles, codec } of device.firmware) {
    for (const name of profiles) {
      const what = `${vendor.id}/${file} ${version} ${name}`;
      yield* skipping(what, async function* () {
        const { profile } = await documentIn(checkout, `${folder}/profiles`, name, Profile, parse);
        if (filter.regions.length > 0 && !filter.regions.includes(profile.region)) return;
        const notes: string[] = [];
        const script = await codecOf(vendor, codec, notes);
        const radio = radioOf(profile, notes);
        const classes = profile.supports_class_c ? " class C" : "";
        const record = {
          name: shortened(`${vendor.name} ${device.name} ${version} ${profile.region}${classes}`, 200),
          description: shortened(device.description ?? "", 10_000),
          sourceId: `chirpstack:${vendor.id}/${file.replace(/\.toml$/, "")}/${version}/${name.replace(/\.toml$/, "")}`,
          ...given({ vendorId: vendor.vendorId, vendorProfileId: profile.vendor_profile_id || undefined }),
          ...radio,
          ...script,
          tags: { vendor: vendor.id, device: file.replace(/\.toml$/, ""), firmware: shortened(version, 1000) },
        };
        yield { kind: "profile", what, record, path: `${folder}/devices/${file}`, notes };
      });
    }
  }
}

async function codecOf({ checkout, folder }: Place, name: string | undefined, notes: string[]): Promise<Script> {
  if (name === undefined || name === "") return noScript;
  try {
    return await scriptIn(checkout, `${folder}/codecs`, name);
  } catch (error) {
    if (!(error instanceof UnusableFile)) throw error;
    notes.push(`without its codec: ${error.message}`);
    return noScript;
  }
}

/** A and B are revisions of the regional parameters of the version's own time. */
function revisionOf(macVersion: string, revision: string): string {
  if (!/^[AB]$/.test(revision)) return revision;
  switch (macVersion) {
    case "1.0.0":
    case "1.0.1":
      return `TS001-${macVersion}`;
    case "1.0.2":
      return `RP001-1.0.2-${revision}`;
    case "1.0.3":
      return "RP001-1.0.3-A";
    case "1.1.0":
      return `RP001-1.1-${revision}`;
    default:
      return "RP002-1.0.0";
  }
}

function radioOf(profile: Static<typeof Profile>["profile"], notes: string[]): ProfileRecord {
  const { abp, class_b: classB, class_c: classC, region } = profile;
  if (profile.supports_class_b && classB?.ping_slot_nb_k) notes.push("without its number of ping slots");
  const mac = given({
    ...(tellsPower(region) && { maxEirpDbm: profile.max_eirp || undefined }),
    ...(profile.supports_class_b && {
      pingSlotDataRate: classB?.ping_slot_dr || undefined,
      pingSlotFrequencyHz: classB?.ping_slot_freq || undefined,
    }),
  });
  return given({
    region,
    macVersion: profile.mac_version,
    regionalParameters: revisionOf(profile.mac_version, profile.reg_params_revision),
    supportsOtaa: profile.supports_otaa,
    supportsClassB: profile.supports_class_b ?? false,
    supportsClassC: profile.supports_class_c ?? false,
    classBTimeoutSeconds: classB?.timeout_secs || undefined,
    classCTimeoutSeconds: classC?.timeout_secs || undefined,
    ...(!profile.supports_otaa && {
      abpRx1DelaySeconds: abp?.rx1_delay || undefined,
      abpRx1DrOffset: abp?.rx1_dr_offset,
      abpRx2DataRate: abp?.rx2_dr,
      abpRx2FrequencyHz: abp?.rx2_freq || undefined,
    }),
    mac,
  });
}
