import { regions } from "../device-profiles/choices.ts";

/** Where somebody is on the way from an empty server to a reading; in the page's address, so that it can be left and gone on with. */
export interface Progress {
  readonly step?: number;
  readonly region?: (typeof regions)[number];
  readonly gateway?: string;
  readonly profile?: string;
  readonly application?: string;
  readonly device?: string;
}

export const stepCount = 7;

const textOf = (value: unknown): string | undefined =>
  typeof value === "string" && value !== "" ? value : typeof value === "number" ? String(value) : undefined;

/** Reads the address of the page; what it does not know is left out. */
export function progressOf(search: Record<string, unknown>): Progress {
  const step = Number(search.step);
  const region = regions.find(known => known === search.region);
  const texts = ["gateway", "profile", "application", "device"].flatMap(name => {
    const text = textOf(search[name]);
    return text === undefined ? [] : [[name, text] as const];
  });
  return {
    ...(Number.isInteger(step) && step > 0 && step < stepCount && { step }),
    ...(region !== undefined && { region }),
    ...Object.fromEntries(texts),
  };
}
