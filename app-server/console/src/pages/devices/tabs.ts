/** Parts of a device's page, as they are in its address. */
export const deviceTabs = ["overview", "live", "events", "queue", "activation", "settings"] as const;
export type DeviceTab = (typeof deviceTabs)[number];
