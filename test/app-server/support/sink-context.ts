import { createOutbound } from "../../../app-server/integration/outbound.ts";
import type { SinkContext } from "../../../app-server/integration/sinks/kind.ts";
import type { Integration, SinkMessage } from "../../../app-server/integration-ports.ts";
import { parseIntegrationId } from "../../../lorawan/ids.ts";
import { systemClock } from "../../../platform/clock.ts";
import { createLog } from "../../../platform/log.ts";
import { usualLimits } from "./delivery.ts";
import { applicationId, devEui, deviceInfo } from "./fixtures.ts";

export const integrationId = parseIntegrationId("37c82e96-be03-4f38-aef3-f83d48582d97");

/** For a sink that is tried without the engine. */
export const sinkContext = (allowedNetworks: readonly string[] = ["127.0.0.0/8"]): SinkContext => ({
  integrationId,
  tenantId: deviceInfo.tenantId,
  applicationId,
  format: "chirpstack",
  outbound: createOutbound(allowedNetworks),
  commands: { down: async () => ({ kind: "refused", message: "no commands here" }) },
  isShared: false,
  clock: systemClock,
  log: createLog({ level: "silent" }),
});

export const integrationOf = (kind: string, more: Partial<Integration> = {}): Integration => ({
  id: integrationId,
  tenantId: deviceInfo.tenantId,
  applicationId,
  name: kind,
  description: "",
  kind,
  mode: "active",
  filter: { events: [], fPorts: [], tags: {} },
  format: "chirpstack",
  mapping: "",
  settings: {},
  limits: usualLimits,
  secretNames: [],
  createdAt: "",
  updatedAt: "",
  ...more,
});

const event = { deduplicationId: "3ac7e3c4-4401-4b8d-9386-a5c902f9202d", deviceInfo, fPort: 1, fCnt: 4 };
export const sinkMessage = (more: Partial<SinkMessage> = {}): SinkMessage => ({
  deduplicationId: event.deduplicationId,
  kind: "up",
  tenantId: deviceInfo.tenantId,
  applicationId,
  devEui,
  time: "2026-03-14T09:26:53.589Z",
  body: JSON.stringify(event),
  event,
  ...more,
});
