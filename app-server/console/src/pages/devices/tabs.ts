/** Parts of a device's page, as they are in its address. */
export const deviceTabs = [
  "overview",
  "diagnosis",
  "live",
  "events",
  "queue",
  "twin",
  "activation",
  "settings",
] as const;
export type DeviceTab = (typeof deviceTabs)[number];
