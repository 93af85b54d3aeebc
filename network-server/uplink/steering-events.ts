import { requestKey } from "../../lorawan/mac/command.ts";
import { describeCommands, type MacEvent, type MacRequestGroup } from "../../lorawan/mac/engine.ts";
import { keep } from "../../lorawan/mac/link-adr.ts";
import type { Fields } from "../../lorawan/mac/message.ts";
import type { LogEvent, NetworkEvent } from "../../platform/state/network-event.ts";
import type { AdrDecision } from "../adr/adr.ts";
import { type EventOrigin, logEvent, statusEvent } from "../events.ts";
import { regionOfSession, type Session } from "../session.ts";
import type { AppliedUplink } from "./apply.ts";

type Steering = Pick<AppliedUplink, "session" | "macEvents" | "adrDecision">;

/**
 * What an application learns of the steering of its device: its status, requests that are given up, what ADR asks for and
 * why, and that an ADR script failed. Pure but for the ids that `fresh` takes.
 * @param sent the requests that the answer to the uplink carries.
 */
export const steeringEvents = (
  fresh: () => EventOrigin,
  { session, macEvents, adrDecision }: Steering,
  sent: readonly MacRequestGroup[],
): readonly NetworkEvent[] => [
  ...macEvents.flatMap(event => macEventOf(fresh, session, event)),
  ...(adrDecision?.fault === undefined ? [] : [scriptEvent(fresh(), adrDecision.fault)]),
  ...(adrDecision ? sent.flatMap(group => adrEventOf(fresh, session, adrDecision, group)) : []),
];

function macEventOf(fresh: () => EventOrigin, session: Session, event: MacEvent): readonly NetworkEvent[] {
  switch (event.kind) {
    case "device-status":
      return [statusEvent(fresh(), event.battery, event.marginDb)];
    case "given-up":
      return [givenUpEvent(fresh(), session, event)];
    default:
      return [];
  }
}

function givenUpEvent(
  origin: EventOrigin,
  session: Session,
  { name, request, refusal }: MacEvent & { kind: "given-up" },
): LogEvent {
  const asked = fieldsOf(session, Buffer.from(request, "hex")).map(textOf).join("; ");
  const tries = session.mac.failures[request] ?? 1;
  const times = tries === 1 ? "once" : `${tries} times`;
  const description =
    refusal === undefined
      ? `The device did not answer ${name} (${asked}), which was sent ${times}`
      : `The device refused ${name} (${asked}) ${times}: ${refusal}`;
  return logEvent(origin, "WARNING", "MAC_REQUEST_GIVEN_UP", description, {
    command: name,
    request: asked,
    tries: String(tries),
    ...(refusal !== undefined && { refused: refusal }),
  });
}

const scriptEvent = (origin: EventOrigin, fault: string): LogEvent =>
  logEvent(origin, "ERROR", "ADR_SCRIPT", `The profile's ADR script failed, and the device is kept as it is: ${fault}`);

/** Nothing for a request that says again what was asked for before, or that is about channels alone. */
function adrEventOf(
  fresh: () => EventOrigin,
  session: Session,
  { reason }: AdrDecision,
  { bytes, name }: MacRequestGroup,
): readonly LogEvent[] {
  const { current, failures } = session.mac;
  const settings = fieldsOf(session, bytes).at(-1);
  if (name !== "LinkADRReq" || settings === undefined || requestKey(bytes) in failures) return [];
  const dataRate = settings.dataRate === keep ? current.dataRate : Number(settings.dataRate);
  const txPowerIndex = settings.txPowerIndex === keep ? current.txPowerIndex : Number(settings.txPowerIndex);
  const { nbTrans } = settings;
  const isInForce =
    dataRate === current.dataRate && txPowerIndex === current.txPowerIndex && nbTrans === current.nbTrans;
  if (isInForce) return [];
  const dBm = regionOfSession(session).txPowerDbm(txPowerIndex, current.maxEirpDbm);
  const transmissions = nbTrans === 1 ? "1 transmission" : `${nbTrans} transmissions`;
  return [
    logEvent(fresh(), "INFO", "ADR", `${reason}: DR${dataRate}, ${dBm} dBm, ${transmissions}`, {
      data_rate: String(dataRate),
      tx_power_index: String(txPowerIndex),
      tx_power_dbm: String(dBm),
      nb_trans: String(nbTrans),
    }),
  ];
}

/** Of each command of a request. */
const fieldsOf = (session: Session, request: Uint8Array): readonly Fields[] =>
  describeCommands(request, "down", session.macVersion).map(({ fields }) => fields);

const textOf = (fields: Fields): string =>
  Object.entries(fields)
    .map(([name, value]) => `${name} ${value}`)
    .join(", ");
