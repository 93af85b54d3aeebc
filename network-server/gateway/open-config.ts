import { type GatewayId, parseTenantId } from "../../lorawan/ids.ts";
import type { GatewayConfig } from "../ports.ts";

/** Rate limit of gateways that are let in without being registered. */
export const openRateLimit = 200;

const nobody = parseTenantId("00000000-0000-0000-0000-000000000000");

/** How a gateway is treated that is let in without being registered. */
export const openConfig = (gatewayId: GatewayId): GatewayConfig => ({
  gatewayId,
  tenantId: nobody,
  name: gatewayId,
  disabled: false,
  antennaGainDb: 0,
  sourceRule: { kind: "any" },
  rateLimit: openRateLimit,
});
