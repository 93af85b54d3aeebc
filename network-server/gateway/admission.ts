import type { GatewayConfig } from "../ports.ts";

/** `lookup`: the catalog could not be asked, or too much waits for its answer already. */
export type RefusalReason = "unknown" | "disabled" | "source" | "rate" | "lookup";

export type Admission =
  | { readonly kind: "admitted"; readonly config: GatewayConfig }
  /** Counted and noted already; the packet is dropped without an answer. */
  | { readonly kind: "refused"; readonly reason: RefusalReason };

/** The catalog is asked first; packets of one gateway are decided in the order in which they came. Never rejects. */
export interface PendingAdmission {
  readonly kind: "pending";
  readonly decided: Promise<Admission>;
}

export const refusalCounters: Readonly<Record<RefusalReason, string>> = {
  unknown: "unknown_gateway",
  disabled: "disabled_gateway",
  source: "wrong_source",
  rate: "rate_limit",
  lookup: "lookup_failed",
};
