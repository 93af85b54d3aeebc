import { isUsualSort, type UsualSort } from "../../parts/sorts.ts";

/** What a list of devices is narrowed to; kept in the page's address, so that it can be marked and sent to others. */
export interface DeviceView {
  readonly search?: string;
  readonly application?: string;
  readonly profile?: string;
  readonly state?: "enabled" | "disabled";
  /** `name=value`. */
  readonly tag?: string;
  readonly sort?: UsualSort;
}

const textOf = (value: unknown): string | undefined =>
  typeof value === "string" && value !== "" ? value : typeof value === "number" ? String(value) : undefined;

/** Reads the address of a page; what it does not know is left out. */
export function deviceViewOf(search: Record<string, unknown>): DeviceView {
  const { application, profile, state, tag, sort } = search;
  const text = textOf(search.search);
  const [inApplication, withProfile, tagged] = [textOf(application), textOf(profile), textOf(tag)];
  return {
    ...(text !== undefined && { search: text }),
    ...(inApplication !== undefined && { application: inApplication }),
    ...(withProfile !== undefined && { profile: withProfile }),
    ...((state === "enabled" || state === "disabled") && { state }),
    ...(tagged !== undefined && { tag: tagged }),
    ...(isUsualSort(sort) && { sort }),
  };
}
