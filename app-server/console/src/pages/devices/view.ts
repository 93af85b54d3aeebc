const sorts = ["name", "-name", "createdAt", "-createdAt", "lastHeardAt", "-lastHeardAt"] as const;
export type DeviceSort = (typeof sorts)[number];
export const isDeviceSort = (text: unknown): text is DeviceSort => sorts.some(sort => sort === text);

/** Of the radio, or of the settings. */
export const stateNames = {
  active: "active",
  inactive: "inactive",
  "never-seen": "never seen",
  disabled: "disabled",
} as const;
export type StateChoice = keyof typeof stateNames;
const isStateChoice = (text: unknown): text is StateChoice =>
  typeof text === "string" && Object.hasOwn(stateNames, text);

/** What a list of devices is narrowed to; kept in the page's address, so that it can be marked and sent to others. */
export interface DeviceView {
  readonly search?: string;
  readonly application?: string;
  readonly profile?: string;
  readonly state?: StateChoice;
  /** `name=value`. */
  readonly tag?: string;
  readonly sort?: DeviceSort;
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
    ...(isStateChoice(state) && { state }),
    ...(tagged !== undefined && { tag: tagged }),
    ...(isDeviceSort(sort) && { sort }),
  };
}
