import type { NewGateway } from "../../app-server/catalog-ports.ts";
import { parseGatewayId, parseTenantId } from "../../lorawan/ids.ts";
import type { NoteTopic } from "../notes.ts";
import { decimal, has, hexText, integer, type Row, tags, text } from "./row.ts";

const usualPriority = 10;

/** Throws MalformedValue. */
export function decodeGateway(row: Row): { readonly gateway: NewGateway; readonly notes: readonly NoteTopic[] } {
  const [latitude, longitude, altitude] = ["latitude", "longitude", "altitude"].map(column => decimal(row, column));
  const isPlaced = latitude !== 0 || longitude !== 0;
  return {
    gateway: {
      gatewayId: parseGatewayId(hexText(row, "gateway_id", 8)),
      tenantId: parseTenantId(text(row, "tenant_id")),
      name: text(row, "name"),
      description: text(row, "description"),
      isDisabled: false,
      location: isPlaced ? { latitude: latitude ?? 0, longitude: longitude ?? 0, altitude: altitude ?? 0 } : null,
      regionConfigId: null,
      antennaGainDb: 0,
      sourceRule: { kind: "any" },
      rateLimit: 2000,
      tags: tags(row, "tags"),
    },
    notes: [
      ...(has(row, "tls_certificate") ? (["mqtt-certificates"] as const) : []),
      ...(has(row, "downlink_priority") && integer(row, "downlink_priority") !== usualPriority
        ? (["gateway-priority"] as const)
        : []),
    ],
  };
}
