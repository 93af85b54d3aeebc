/** Parts of a profile's page, as they are in its address. */
export const profileTabs = ["settings", "codec", "measurements"] as const;
export type ProfileTab = (typeof profileTabs)[number];
