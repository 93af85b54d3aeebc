import type { DeviceProfile, NewDeviceProfile } from "../../catalog-ports.ts";
import type { ImportFault } from "../../import-ports.ts";
import { checkCodec, isSameCodec, touchesCodec } from "../codec-check.ts";
import type { ApiDependencies } from "../dependencies.ts";
import { deviceProfileDefaults } from "../device-profiles.ts";
import { failedCaseText } from "../problem.ts";
import { FailedCases, Refusal } from "../refusal.ts";
import type { ImportContext, Line } from "./lines.ts";

/** Of a line that is about a device profile. */
type ProfileValue = Partial<Omit<NewDeviceProfile, "tenantId">> & { readonly id?: string };

type Trials = Pick<ApiDependencies, "bulk" | "codecBench" | "repositories">;

/** As many as of other faults of a line. */
const mostFaults = 10;

/** The profile that the line is about, where there is one alone. */
async function storedProfile(
  { id, sourceId = null, name = "" }: ProfileValue,
  { rule: { tenantId } }: ImportContext,
  { bulk, repositories }: Trials,
): Promise<DeviceProfile | undefined> {
  const wanted = id ?? sourceId ?? name;
  const { deviceProfiles } = await bulk.batch(batch =>
    batch.references(tenantId, { applications: [], deviceProfiles: [wanted] }),
  );
  const named = deviceProfiles.filter(profile =>
    id !== undefined
      ? profile.id === id.toLowerCase()
      : sourceId !== null
        ? profile.sourceId === sourceId
        : profile.name === name,
  );
  const [only, ...others] = named;
  return only === undefined || others.length > 0 ? undefined : repositories.deviceProfiles.get(only.id);
}

/**
 * What is wrong with the codec that the line would store: it is loaded and its cases are run, as for a single profile, one
 * line after the other. Codecs that would stay as they are, or not be stored, are left alone.
 */
export async function codecFaults(
  { line, value, nameOf }: Line<ProfileValue>,
  context: ImportContext,
  deps: Trials,
): Promise<readonly ImportFault[]> {
  if (!touchesCodec(value)) return [];
  const { tenantId, onExisting } = context.rule;
  const stored = await storedProfile(value, context, deps);
  if (stored === undefined ? value.id !== undefined : onExisting !== "update") return [];
  const { codec, codecScript, codecCases } = { ...(stored ?? deviceProfileDefaults), ...value };
  const settings = { codec, codecScript, codecCases, tenantId };
  if (stored !== undefined && isSameCodec(stored, settings)) return [];
  try {
    await checkCodec(deps.codecBench, settings);
    return [];
  } catch (error) {
    if (error instanceof FailedCases) {
      const column = nameOf("/codecCases");
      return error.failed.slice(0, mostFaults).map(one => ({ line, column, message: `Case ${failedCaseText(one)}.` }));
    }
    if (!(error instanceof Refusal)) throw error;
    return [{ line, column: nameOf("/codecScript"), message: `The codec does not load: ${error.message}` }];
  }
}
