const tenantTabs = ["users", "alerts", "limits", "history", "settings"] as const;

/** Parts of a tenant's page. */
export type TenantTab = (typeof tenantTabs)[number];

export const isTenantTab = (value: unknown): value is TenantTab => tenantTabs.some(tab => tab === value);
