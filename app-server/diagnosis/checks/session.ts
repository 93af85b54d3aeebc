import { type Facts, type LogFact, lastUplinkMs } from "../facts.ts";
import { type Check, countOf, duration, evidence, finding, gatewayTexts, timeSince } from "../words.ts";

/** Frames that are or may be of the device, and that its session does not accept. */
export const sessionCheck: Check = {
  name: "session",
  found: facts => {
    const { session, uplinks, unsigned } = facts;
    if (!session) return "none";
    const atMs = lastUplinkMs(facts);
    const delivered = `${countOf(uplinks.length, "uplink")} looked at${atMs === undefined ? "" : `, the last ${timeSince(facts, atMs)}`}`;
    return `${session.devAddr}, next FCntUp ${session.fCntUp}; ${delivered}; ${countOf(unsigned.length, "frame")} under the address with a wrong MIC`;
  },
  findings: facts => [...unknownSession(facts), ...wrongKeys(facts), ...counterReset(facts), ...replay(facts)],
};

const after = <Item extends { readonly atMs: number }>(items: readonly Item[], atMs: number | undefined) =>
  items.filter(item => item.atMs > (atMs ?? Number.NEGATIVE_INFINITY));

/** Fewer may be another network's device that has the same address. */
const fewestStrays = 3;

function unknownSession(facts: Facts) {
  const since = Math.max(lastUplinkMs(facts) ?? 0, facts.joins.find(({ refusal }) => refusal === undefined)?.atMs ?? 0);
  const strays = after(facts.unowned, since);
  const [last] = strays;
  if (last === undefined || strays.length < (facts.session ? fewestStrays : 1)) return [];
  return [
    finding(
      "unknown_session",
      "error",
      "Frames are heard under an address that the device had before: it still uses a session that has ended here.",
      [
        evidence("frames under the earlier address", strays.length),
        evidence("DevAddr", last.devAddr, last.atMs),
        evidence("address now", facts.session?.devAddr ?? "none"),
        evidence("heard by", gatewayTexts(last.gatewayIds, facts.gateways)),
      ],
      [
        "Restart the device, so that it joins again.",
        "If it is personalised (ABP), activate it with the DevAddr and keys that it was built with.",
      ],
    ),
  ];
}

function wrongKeys(facts: Facts) {
  const strays = after(facts.unsigned, lastUplinkMs(facts));
  const [last] = strays;
  if (last === undefined || strays.length < fewestStrays) return [];
  return [
    finding(
      "wrong_session_keys",
      "error",
      "Frames come under the device's address, and none is signed with its keys.",
      [
        evidence("frames with a wrong MIC since its last uplink", strays.length),
        evidence("DevAddr", last.devAddr, last.atMs),
        evidence("heard by", gatewayTexts(last.gatewayIds, facts.gateways)),
      ],
      [
        "If the device is personalised (ABP), activate it anew with the NwkSKey that it was built with.",
        "If it joins over the air, restart it: it may be in a session of another server.",
        ...(facts.profile.macVersion === "1.0.4"
          ? []
          : [
              "If it has been out of reach for a long time: before LoRaWAN 1.0.4 a gap of more than 16384 frames ends a session; let it join again or activate it anew.",
            ]),
        "The LoRaWAN version of the profile has to be that of the device: 1.1 signs otherwise than 1.0.x.",
      ],
    ),
  ];
}

const isReset = ({ code, level }: LogFact): boolean => code === "UPLINK_F_CNT_RESET" && level === "ERROR";
const isOld = ({ code }: LogFact): boolean => code === "UPLINK_F_CNT_RETRANSMISSION";
const counterOf = ({ context }: LogFact): number => Number(context.f_cnt);

/**
 * What was refused since the last uplink, if it comes of a counter that began anew: at 0, or with counters that rise again
 * below the one that was reached. Recordings hardly ever come in place of the device itself.
 */
function resetFrames(facts: Facts): readonly LogFact[] {
  const refused = after(facts.logs, lastUplinkMs(facts)).filter(log => isReset(log) || isOld(log));
  const rises = refused.every((log, index) => index === 0 || counterOf(log) < counterOf(refused[index - 1] ?? log));
  return refused.some(isReset) || (refused.length >= 3 && rises) ? refused : [];
}

function counterReset(facts: Facts) {
  const resets = resetFrames(facts);
  const [last] = resets;
  if (last === undefined) return [];
  return [
    finding(
      "counter_reset",
      "error",
      "The device began again at a lower frame counter, and what it sends is refused since.",
      [
        evidence("frames refused for it", resets.length),
        evidence("FCnt", last.context.f_cnt ?? "unknown", last.atMs),
        ...(facts.session ? [evidence("expected from", facts.session.fCntUp)] : []),
      ],
      [
        "If it is an ABP device that cannot keep its counter over a restart: allow resets for it (resetsFCnt). Recorded frames can then be played back to it.",
        "Else activate it anew, or let it join again: then both begin at 0.",
      ],
    ),
  ];
}

const dayMs = 24 * 3600 * 1000;

function replay(facts: Facts) {
  const ofReset = resetFrames(facts);
  const repeated = facts.logs.filter(log => isOld(log) && facts.nowMs - log.atMs < dayMs && !ofReset.includes(log));
  const [last] = repeated;
  const first = repeated.at(-1);
  if (last === undefined || first === undefined) return [];
  return [
    finding(
      "replay",
      "warning",
      "Frames of the device came again that had been delivered before; they are not delivered twice.",
      [
        evidence("frames", repeated.length),
        evidence("FCnt of the last one", last.context.f_cnt ?? "unknown", last.atMs),
        ...(repeated.length > 1 ? [evidence("within", duration(last.atMs - first.atMs))] : []),
      ],
      [
        "See whether a gateway holds frames back and sends them later: its network is bad, or its forwarder keeps a store.",
        "If the device itself sends old counters, its firmware loses its counter: see that it keeps it over a restart.",
        "Else somebody plays back recordings. They are refused; nothing need be done.",
      ],
    ),
  ];
}
