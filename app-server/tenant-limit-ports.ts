import { UpchirpError } from "../lorawan/errors.ts";
import type { TenantId } from "../lorawan/ids.ts";

/** What is counted. */
export const limitedKinds = ["devices", "gateways", "applications", "integrations"] as const;
export type LimitedKind = (typeof limitedKinds)[number];

/** Null: no limit. With 0 gateways a tenant can have none. */
export interface TenantLimits {
  readonly maxDevices: number | null;
  readonly maxGateways: number | null;
  readonly maxApplications: number | null;
  readonly maxIntegrations: number | null;
  /** Of all API keys and tokens of the tenant together. */
  readonly requestsPerMinute: number | null;
}

export const limitNames = {
  devices: "maxDevices",
  gateways: "maxGateways",
  applications: "maxApplications",
  integrations: "maxIntegrations",
} as const satisfies Record<LimitedKind, keyof TenantLimits>;

export interface TenantLimitState {
  readonly limits: TenantLimits;
  readonly use: Readonly<Record<LimitedKind, number>>;
}

/** What is there stays when a limit is set below it; nothing is added until there is room again. */
export interface TenantLimitStore {
  read(tenantId: TenantId): Promise<TenantLimitState>;
  write(tenantId: TenantId, change: Partial<TenantLimits>): Promise<TenantLimitState>;
  /** Requests a minute; as it was a few seconds ago at most. */
  requestsPerMinute(tenantId: TenantId): Promise<number | null>;
}

/** Said to whoever asked, and to whoever imports. */
export const limitText = (kind: LimitedKind, limit: number): string =>
  limit === 0 ? `This tenant may not have ${kind}.` : `This tenant may have ${limit} ${kind}, and has them.`;

/** A tenant has all that it may have. */
export class LimitReached extends UpchirpError {
  readonly code = "limit_reached";
  readonly kind: LimitedKind;
  readonly limit: number;

  constructor(kind: LimitedKind, limit: number) {
    super(limitText(kind, limit), { kind, limit });
    this.kind = kind;
    this.limit = limit;
  }
}
