import Type from "typebox";
import type { KeyEnvelope } from "../platform/state/network-event.ts";
import type { Session } from "./session.ts";
import {
  adrSample,
  adrSince,
  heardBy,
  type LastingSession,
  type LivingSession,
  lastingFields,
  livingFields,
  pacing,
} from "./session-record.ts";
import { historyOf, storedHistory } from "./stored-adr-history.ts";
import { jsonOf, lineOf, rowOf } from "./stored-json.ts";

/** The two lines of a session in a device's document (device-record.ts) that are not its MAC state. */

/** Lower-case hex is stored as base64url, and another text as it is, alone in an array. */
const packed = (text: string): string | readonly string[] =>
  /^([0-9a-f]{2})*$/.test(text) ? Buffer.from(text, "hex").toString("base64url") : [text];

function unpacked(stored: unknown): unknown {
  if (typeof stored === "string") return Buffer.from(stored, "base64url").toString("hex");
  return Array.isArray(stored) && stored.length === 1 ? stored[0] : stored;
}

const envelopeRow = rowOf(
  { aesKey: Type.String(), kekLabel: Type.Optional(Type.String()) },
  { readers: { aesKey: unpacked } },
);

const { sNwkSIntKey, nwkSEncKey } = lastingFields;

const lastingRow = rowOf(
  {
    devAddr: lastingFields.devAddr,
    macVersion: lastingFields.macVersion,
    regionalParameters: lastingFields.regionalParameters,
    region: lastingFields.region,
    regionConfigId: lastingFields.regionConfigId,
    fNwkSIntKey: lastingFields.fNwkSIntKey,
    appSKey: lastingFields.appSKey,
    joinEui: lastingFields.joinEui,
    sessionKeyId: lastingFields.sessionKeyId,
    /** Absent: FNwkSIntKey is this key too, as in LoRaWAN 1.0. */
    sNwkSIntKey: Type.Optional(sNwkSIntKey),
    nwkSEncKey: Type.Optional(nwkSEncKey),
    joinChannelHz: lastingFields.joinChannelHz,
  },
  {
    readers: {
      fNwkSIntKey: unpacked,
      sNwkSIntKey: unpacked,
      nwkSEncKey: unpacked,
      appSKey: envelopeRow.read,
      sessionKeyId: unpacked,
    },
  },
);

/** Found by a member that sessions share with what they become, and with nothing else as long as the others are equal too. */
const lastingLines = new WeakMap<KeyEnvelope, { of: LastingSession; readonly line: string }>();

/** What a session is from its beginning to its end. */
export function lastingLine(session: Session): string {
  const { appSKey } = session;
  const known = appSKey && lastingLines.get(appSKey);
  if (known && isSameFromTheBeginning(known.of, session)) {
    // The former one need not be kept.
    known.of = session;
    return known.line;
  }
  const line = lineOf(lastingRow.write(storedLasting(session)));
  if (appSKey) lastingLines.set(appSKey, { of: session, line });
  return line;
}

const isSameFromTheBeginning = (left: LastingSession, right: LastingSession): boolean =>
  left.devAddr === right.devAddr &&
  left.macVersion === right.macVersion &&
  left.regionalParameters === right.regionalParameters &&
  left.region === right.region &&
  left.regionConfigId === right.regionConfigId &&
  left.fNwkSIntKey === right.fNwkSIntKey &&
  left.sNwkSIntKey === right.sNwkSIntKey &&
  left.nwkSEncKey === right.nwkSEncKey &&
  left.appSKey === right.appSKey &&
  left.joinEui === right.joinEui &&
  left.sessionKeyId === right.sessionKeyId &&
  left.joinChannelHz === right.joinChannelHz;

function storedLasting(session: Session) {
  const { fNwkSIntKey, appSKey, sessionKeyId } = session;
  const unlessTheSame = (key: string) => (key === fNwkSIntKey ? undefined : packed(key));
  return {
    ...session,
    fNwkSIntKey: packed(fNwkSIntKey),
    sNwkSIntKey: unlessTheSame(session.sNwkSIntKey),
    nwkSEncKey: unlessTheSame(session.nwkSEncKey),
    appSKey: appSKey && envelopeRow.write({ ...appSKey, aesKey: packed(appSKey.aesKey) }),
    sessionKeyId: sessionKeyId === undefined ? undefined : packed(sessionKeyId),
  };
}

/** Throws UnreadableSession. */
export function lastingOf(line: string): LastingSession {
  const stored = lastingRow.read(jsonOf(line));
  return { sNwkSIntKey: stored.fNwkSIntKey, nwkSEncKey: stored.fNwkSIntKey, ...stored };
}

const sinceRow = rowOf({ fCnt: adrSince.properties.fCnt, heard: adrSince.properties.heard });

const gatewayRow = rowOf({
  gatewayId: heardBy.properties.gatewayId,
  snrDb: heardBy.properties.snrDb,
  rssiDbm: heardBy.properties.rssiDbm,
  hasGpsTime: heardBy.properties.hasGpsTime,
});

const { fromMs, untilMs } = pacing.properties.uplink.properties;
const windowsRow = rowOf({ fromMs, untilMs });

const pacingRow = rowOf(
  {
    quietUntilMs: pacing.properties.quietUntilMs,
    uplink: pacing.properties.uplink,
    wakeAtMs: pacing.properties.wakeAtMs,
    onAirUntilMs: pacing.properties.onAirUntilMs,
    failures: pacing.properties.failures,
    heardSinceJoin: pacing.properties.heardSinceJoin,
  },
  { readers: { uplink: windowsRow.read } },
);

const livingRow = rowOf(
  {
    fCntUp: livingFields.fCntUp,
    nFCntDown: livingFields.nFCntDown,
    aFCntDown: livingFields.aFCntDown,
    confFCntDown: livingFields.confFCntDown,
    lastUplinkAtMs: livingFields.lastUplinkAtMs,
    lastDataRate: livingFields.lastDataRate,
    lastMic: livingFields.lastMic,
    adrSince: livingFields.adrSince,
    adrHistory: Type.Array(adrSample),
    pacing: livingFields.pacing,
    heardBy: livingFields.heardBy,
    awaitedAck: livingFields.awaitedAck,
    classB: livingFields.classB,
    lastConfFCnt: livingFields.lastConfFCnt,
    rjCount0: livingFields.rjCount0,
    storeLosses: livingFields.storeLosses,
  },
  {
    readers: {
      adrSince: sinceRow.read,
      adrHistory: historyOf,
      pacing: pacingRow.read,
      heardBy: stored => (Array.isArray(stored) ? stored.map(gatewayRow.read) : stored),
    },
    usual: { adrHistory: [] },
  },
);

/** What each frame may change, beside the MAC layer. */
export function livingLine(session: Session): string {
  const { adrSince, adrHistory, pacing, heardBy } = session;
  const row = livingRow.write({
    fCntUp: session.fCntUp,
    nFCntDown: session.nFCntDown,
    aFCntDown: session.aFCntDown,
    confFCntDown: session.confFCntDown,
    lastUplinkAtMs: session.lastUplinkAtMs,
    lastDataRate: session.lastDataRate,
    lastMic: session.lastMic,
    adrSince: adrSince && sinceRow.write(adrSince),
    adrHistory: storedHistory(adrHistory),
    pacing: pacing && pacingRow.write({ ...pacing, uplink: pacing.uplink && windowsRow.write(pacing.uplink) }),
    heardBy: heardBy?.map(gateway => gatewayRow.write(gateway)),
    awaitedAck: session.awaitedAck,
    classB: session.classB,
    lastConfFCnt: session.lastConfFCnt,
    rjCount0: session.rjCount0,
    storeLosses: session.storeLosses,
  });
  return lineOf(row);
}

/** Throws UnreadableSession. */
export const livingOf = (line: string): LivingSession & Pick<Session, "adrHistory"> => livingRow.read(jsonOf(line));
