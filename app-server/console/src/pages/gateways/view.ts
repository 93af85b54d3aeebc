const sorts = ["name", "-name", "createdAt", "-createdAt"] as const;
export type GatewaySort = (typeof sorts)[number];
export const isGatewaySort = (text: unknown): text is GatewaySort => sorts.some(sort => sort === text);

const states = ["online", "offline", "never-seen"] as const;

/** What a list of gateways is narrowed to; kept in the page's address. */
export interface GatewayView {
  readonly search?: string;
  readonly state?: (typeof states)[number];
  /** `name=value`. */
  readonly tag?: string;
  readonly sort?: GatewaySort;
}

const textOf = (value: unknown): string | undefined =>
  typeof value === "string" && value !== "" ? value : typeof value === "number" ? String(value) : undefined;

/** Reads the address of the page; what it does not know is left out. */
export function gatewayViewOf(search: Record<string, unknown>): GatewayView {
  const [text, tag] = [textOf(search.search), textOf(search.tag)];
  const state = states.find(known => known === search.state);
  return {
    ...(text !== undefined && { search: text }),
    ...(state !== undefined && { state }),
    ...(tag !== undefined && { tag }),
    ...(isGatewaySort(search.sort) && { sort: search.sort }),
  };
}
