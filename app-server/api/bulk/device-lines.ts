import Type, { type Static } from "typebox";
import { parseDevEui, parseJoinEui } from "../../../lorawan/ids.ts";
import type { MacVersion } from "../../../lorawan/version.ts";
import type { BulkBatch, BulkDevice, References } from "../../bulk-ports.ts";
import type { NewDevice } from "../../catalog-ports.ts";
import { ActivationBody, activationOf, KeysBody, rootKeysOf } from "../device-activation.ts";
import { deviceDefaults, deviceFields } from "../devices.ts";
import { checkMac } from "../mac-wishes.ts";
import { Eui64, Name, strict } from "../schemas.ts";
import { vocabularyOf } from "./cells.ts";
import { defineLineKind, faultyLine, type ImportContext, type Line, type LineOutcome, refusedLine } from "./lines.ts";

const { applicationId: _application, deviceProfileId: _profile, ...fields } = deviceFields;
const Schema = Type.Object(
  {
    devEui: Eui64,
    application: Type.Optional(Name),
    deviceProfile: Type.Optional(Name),
    /** `sourceId` of the profile, if it is there; else the import's own profile is taken. */
    profileSource: Type.Optional(Type.String({ maxLength: 400 })),
    ...Type.Partial(Type.Object(fields)).properties,
    keys: Type.Optional(KeysBody),
    activation: Type.Optional(ActivationBody),
  },
  strict,
);
type DeviceValue = Static<typeof Schema>;
type DeviceLine = Line<DeviceValue>;

const vocabulary = vocabularyOf(Schema.properties, ["keys", "activation"], {
  eui: "devEui",
  deviceeui: "devEui",
  appeui: "joinEui",
  devicename: "name",
  applicationid: "application",
  applicationname: "application",
  deviceprofileid: "deviceProfile",
  deviceprofilename: "deviceProfile",
  profile: "deviceProfile",
  profileid: "deviceProfile",
  disabled: "isDisabled",
  skipfcntcheck: "resetsFCnt",
  fcntdown: "activation.nFCntDown",
  networksessionkey: "activation.nwkSKey",
  applicationsessionkey: "activation.appSKey",
});

export const deviceLines = defineLineKind({
  noun: "a device",
  keyMember: "devEui",
  needs: "name, application and deviceProfile",
  schema: Schema,
  vocabulary,
  ignored: ["macVersion"],
  aliases: { applicationId: "application", deviceProfileId: "deviceProfile" },
  keyOf: ({ devEui }) => parseDevEui(devEui),
  check: ({ mac }) => checkMac(mac),
  write: writeDevices,
});

/** By its name or its id; several may have the name. */
const named = <Item extends { readonly id: string; readonly name: string; readonly sourceId?: string | null }>(
  items: readonly Item[],
  text: string,
): readonly Item[] =>
  items.filter(({ id, name, sourceId }) => name === text || id === text.toLowerCase() || sourceId === text);

async function writeDevices(
  lines: readonly DeviceLine[],
  context: ImportContext,
  batch: BulkBatch,
): Promise<readonly LineOutcome[]> {
  const { rule } = context;
  const found = await batch.references(rule.tenantId, wantedBy(lines, context));
  const versions = await batch.macVersions(
    lines.flatMap(({ value }) => (hasKeys(value) ? [parseDevEui(value.devEui)] : [])),
  );
  const prepared = lines.map(line => prepare(line, context, found, versions));
  const devices = prepared.flatMap(one => ("device" in one ? [one.device] : []));
  const verdicts = (await batch.devices(devices, rule)).values();
  return prepared.map((one): LineOutcome => {
    if (!("device" in one)) return one;
    const verdict = verdicts.next().value ?? { kind: "incomplete" };
    const isThere = verdict.kind === "created" || verdict.kind === "updated" || verdict.kind === "unchanged";
    return { kind: "verdict", verdict, ...(isThere && one.session && { session: one.session }) };
  });
}

const hasKeys = ({ keys, activation }: DeviceValue): boolean => keys !== undefined || activation !== undefined;

function wantedBy(lines: readonly DeviceLine[], { rule, deviceProfile }: ImportContext) {
  const texts = (given: readonly (string | undefined)[]) =>
    [...new Set(given.filter(text => text !== undefined))].flatMap(text => [text, text.toLowerCase()]);
  return {
    applications: texts([rule.applicationId, ...lines.map(({ value }) => value.application)]),
    deviceProfiles: texts([deviceProfile, ...lines.flatMap(({ value }) => [value.deviceProfile, value.profileSource])]),
  };
}

type Prepared =
  | { readonly device: BulkDevice; readonly session?: Extract<LineOutcome, { kind: "verdict" }>["session"] }
  | Extract<LineOutcome, { kind: "faulty" }>;

/** What one line makes of its device, with names looked up and keys in the form that the device's version has. */
function prepare(
  line: DeviceLine,
  context: ImportContext,
  found: References,
  versions: ReadonlyMap<string, MacVersion>,
): Prepared {
  const { application, profileSource, keys, activation, joinEui, deviceProfile: _named, ...rest } = line.value;
  const devEui = parseDevEui(rest.devEui);
  const isKnownSource = found.deviceProfiles.some(({ sourceId }) => sourceId !== null && sourceId === profileSource);
  const deviceProfile = line.value.deviceProfile ?? (isKnownSource ? profileSource : undefined);
  const applicationText = application ?? context.rule.applicationId;
  // A device that is there keeps its profile, unless its own line says otherwise.
  const profileText = deviceProfile ?? (versions.has(devEui) ? undefined : context.deviceProfile);
  const applications = applicationText === undefined ? [] : named(found.applications, applicationText);
  const profiles = profileText === undefined ? [] : named(found.deviceProfiles, profileText);
  const [{ id: applicationId } = { id: undefined }] = applications;
  if (context.rule.applicationId !== undefined && applicationId !== context.rule.applicationId) {
    // Whether there is another one of this name is nothing that whoever is limited to one application is told.
    return fallen(faultyLine(line, "/application", "The import is into one application; take this column out."));
  }
  const fault =
    referenceFault("application", applicationText, applications.length) ??
    referenceFault("deviceProfile", profileText, profiles.length);
  if (fault !== undefined) return fallen(faultyLine(line, `/${fault.member}`, fault.message));
  const [profile] = profiles;
  const change: Partial<NewDevice> = {
    ...rest,
    devEui,
    ...(joinEui !== undefined && { joinEui: parseJoinEui(joinEui) }),
    ...(applicationId !== undefined && { applicationId }),
    ...(profile !== undefined && deviceProfile !== undefined && { deviceProfileId: profile.id }),
  };
  const macVersion = profile?.macVersion ?? versions.get(devEui);
  try {
    const whenNew = newDevice(change, rest.name, applicationId, profile?.id);
    if (macVersion === undefined) return { device: { key: devEui, change, whenNew } };
    const rootKeys = keys && rootKeysOf(keys, macVersion, "/body/keys");
    const session = activation && { devEui, activation: activationOf(activation, macVersion, "/body/activation") };
    return { device: { key: devEui, change, whenNew, ...(rootKeys && { rootKeys }) }, ...(session && { session }) };
  } catch (error) {
    return fallen(refusedLine(line, error));
  }
}

function fallen(outcome: LineOutcome): Extract<LineOutcome, { kind: "faulty" }> {
  return outcome.kind === "faulty" ? outcome : { kind: "faulty", faults: [] };
}

function referenceFault(member: "application" | "deviceProfile", text: string | undefined, found: number) {
  if (text === undefined || found === 1) return undefined;
  const noun = member === "application" ? "application" : "device profile";
  const message =
    found === 0
      ? `There is no ${noun} with this name or id in the tenant; add it first.`
      : `${found} of the tenant's ${noun}s have this name; give the id.`;
  return { member, message };
}

/** Undefined when the line does not say enough for a new device. */
function newDevice(
  change: Partial<NewDevice>,
  name: string | undefined,
  applicationId: NewDevice["applicationId"] | undefined,
  deviceProfileId: NewDevice["deviceProfileId"] | undefined,
): NewDevice | undefined {
  const { devEui, joinEui = parseJoinEui("0000000000000000") } = change;
  if (devEui === undefined || name === undefined || applicationId === undefined || deviceProfileId === undefined) {
    return undefined;
  }
  return { ...deviceDefaults, ...change, devEui, joinEui, name, applicationId, deviceProfileId };
}
