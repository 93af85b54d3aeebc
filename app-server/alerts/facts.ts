import Type from "typebox";
import { Compile } from "typebox/compile";
import { parseGatewayId } from "../../lorawan/ids.ts";
import type { AlertKind, AlertSubject, Pulse } from "../alert-ports.ts";
import { type ApplicationEvent, bodyOf } from "../ports.ts";
import type { Observation } from "./rule.ts";

export interface Fact {
  readonly subject: AlertSubject;
  readonly observation: Observation;
}

const logged = Compile(
  Type.Object({
    time: Type.String(),
    level: Type.String(),
    code: Type.String(),
    description: Type.String(),
    context: Type.Record(Type.String(), Type.String()),
  }),
);
const timed = Compile(Type.Object({ time: Type.String() }));
const heard = Compile(
  Type.Object({
    time: Type.String(),
    devAddr: Type.String(),
    rxInfo: Type.Optional(Type.Array(Type.Object({ gatewayId: Type.String() }))),
  }),
);
const status = Compile(
  Type.Object({
    batteryLevel: Type.Number(),
    batteryLevelUnavailable: Type.Boolean(),
    externalPowerSource: Type.Boolean(),
  }),
);

const mostGateways = 8;

/** The device as this event shows it alive; undefined for events that tell nothing about that. */
export function pulseOf(event: ApplicationEvent): Omit<Pulse, "intervals"> | undefined {
  if (event.kind !== "up") return undefined;
  const told = bodyOf(event);
  if (!heard.Check(told)) return undefined;
  const heardAtMs = Date.parse(told.time);
  if (Number.isNaN(heardAtMs)) return undefined;
  const gateways = [...new Set(told.rxInfo?.map(({ gatewayId }) => gatewayId))].slice(0, mostGateways);
  const { devEui, tenantId, applicationId } = event;
  return { devEui, tenantId, applicationId, heardAtMs, gateways, devAddr: told.devAddr };
}

/** When it happened; undefined for one that does not say. */
export function timeOf(event: ApplicationEvent): number | undefined {
  const told = bodyOf(event);
  const atMs = timed.Check(told) ? Date.parse(told.time) : Number.NaN;
  return Number.isNaN(atMs) ? undefined : atMs;
}

/** What an event tells about something that rules look at. */
export function factsOf(event: ApplicationEvent): readonly Fact[] {
  if (event.kind === "log") return factsOfLog(event);
  if (event.kind !== "status") return [];
  const told = bodyOf(event);
  if (!status.Check(told) || told.batteryLevelUnavailable) return [];
  const value = told.externalPowerSource ? 100 : told.batteryLevel;
  const observation: Observation = { kind: "value", value, details: { batteryLevel: value } };
  return [{ subject: ofDevice(event, "battery-low"), observation }];
}

const ofDevice = ({ tenantId, applicationId, devEui }: ApplicationEvent, kind: AlertKind): AlertSubject => ({
  tenantId,
  applicationId,
  kind,
  type: "device",
  id: devEui,
});

/** TS002-1.1.0 Table 21: the MIC was right and the nonce is one of before. */
const replayedNonce = "FrameReplayed";

function factsOfLog(event: ApplicationEvent): readonly Fact[] {
  const told = bodyOf(event);
  if (!logged.Check(told)) return [];
  const atMs = Date.parse(told.time);
  if (Number.isNaN(atMs)) return [];
  const { code, level, description, context } = told;
  const name = (context.deduplication_id ?? told.time).slice(-12);
  const details = { description: description.slice(0, 500), ...(context.dev_addr && { devAddr: context.dev_addr }) };
  const happened: Observation = { kind: "happened", atMs, name, details };
  const ofKind = (kind: AlertKind): Fact => ({ subject: ofDevice(event, kind), observation: happened });
  switch (code) {
    case "OTAA":
      return [
        ofKind("join-failures"),
        ...(context.result_code === replayedNonce ? [ofKind("repeated-dev-nonce")] : []),
      ];
    case "UPLINK_F_CNT_RETRANSMISSION":
      return [ofKind("replay")];
    case "UPLINK_F_CNT_RESET":
      return [ofKind(level === "ERROR" ? "smaller-counter" : "counter-reset")];
    case "DOWNLINK_GATEWAY":
      return gatewaysOf(context.duty_cycle_gateways).map(id => ({
        subject: { tenantId: event.tenantId, applicationId: null, kind: "duty-budget", type: "gateway", id },
        observation: happened,
      }));
    default:
      return [];
  }
}

/** As the network server names them. */
const gatewaysOf = (list = ""): readonly string[] => (list.match(/[0-9a-f]{16}/g) ?? []).map(id => parseGatewayId(id));
