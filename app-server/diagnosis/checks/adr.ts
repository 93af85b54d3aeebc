import type { Facts } from "../facts.ts";
import { type Check, countOf, evidence, finding } from "../words.ts";

/** Whether the device does what the network asks of its radio, and how much of what it sends arrives. */
export const adrCheck: Check = {
  name: "radio",
  found: ({ session, uplinks, logs }) => {
    const asked = logs.filter(({ code }) => code === "ADR").length;
    const [last] = uplinks;
    return `${session ? `DR${session.dataRate} asked for` : "no session"}${last ? `, the last uplink at DR${last.dataRate}` : ""}; ${countOf(asked, "change")} asked for`;
  },
  findings: facts => [...notFollowed(facts), ...scriptFailed(facts), ...givenUp(facts), ...lost(facts)],
};

const sinceJoin = (facts: Facts): number =>
  facts.joins.find(({ refusal }) => refusal === undefined)?.atMs ?? facts.sinceMs;
const advice = [
  "See whether the device's firmware has ADR: if not, let it clear the ADR bit, or let its profile use the algorithm `none`.",
  "See the LoRaWAN version and revision of regional parameters of the profile: they say what a data rate and a power mean.",
];

function notFollowed(facts: Facts) {
  const refused = facts.logs.filter(
    ({ code, context, atMs }) =>
      code === "MAC_REQUEST_GIVEN_UP" && context.command === "LinkADRReq" && atMs >= sinceJoin(facts),
  );
  const [lastRefused] = refused;
  if (lastRefused !== undefined) {
    return [
      finding(
        "adr_not_followed",
        "warning",
        "The device refuses what ADR asks of it, or does not answer.",
        [evidence("what was given up", lastRefused.description, lastRefused.atMs)],
        advice,
      ),
    ];
  }
  return disobeyed(facts);
}

/** It agrees, and sends as before: the same is asked for again. */
function disobeyed(facts: Facts) {
  const asked = facts.logs.filter(({ code, atMs }) => code === "ADR" && atMs >= sinceJoin(facts));
  const [last] = asked;
  const wanted = last?.context.data_rate;
  if (last === undefined || wanted === undefined) return [];
  const same = asked.filter(({ context }) => context.data_rate === wanted);
  const first = same.at(-1);
  if (first === undefined || same.length < 2) return [];
  const since = facts.uplinks.filter(({ atMs }) => atMs > first.atMs);
  if (since.length < 3 || since.some(({ dataRate }) => dataRate === Number(wanted))) return [];
  return [
    finding(
      "adr_not_followed",
      "warning",
      "The device agrees to the data rate that ADR asks for, and does not use it.",
      [
        evidence("asked for", `DR${wanted}, ${countOf(same.length, "time")}`, last.atMs),
        evidence("uplinks since it was asked for", since.length),
        evidence("they come at", [...new Set(since.map(({ dataRate }) => `DR${dataRate}`))].join(", ")),
      ],
      advice,
    ),
  ];
}

const looksAt = 20;

function scriptFailed(facts: Facts) {
  const oldest = facts.uplinks.slice(0, looksAt).at(-1)?.atMs ?? facts.nowMs;
  const failed = facts.logs.filter(({ code, atMs }) => code === "ADR_SCRIPT" && atMs >= oldest);
  const [last] = failed;
  if (last === undefined) return [];
  return [
    finding(
      "adr_script_failed",
      "warning",
      "The ADR script of the device's profile fails: the device keeps the settings that it has.",
      [
        evidence("failures over its last uplinks", failed.length, last.atMs),
        evidence("what it says", last.description),
      ],
      [
        "Correct the script: docs/adr.md has what it is asked and may answer.",
        "Or let the profile use the algorithm `default`.",
      ],
    ),
  ];
}

function givenUp(facts: Facts) {
  const requests = facts.logs.filter(
    ({ code, context, atMs }) =>
      code === "MAC_REQUEST_GIVEN_UP" && context.command !== "LinkADRReq" && atMs >= sinceJoin(facts),
  );
  const [last] = requests;
  if (last === undefined) return [];
  return [
    finding(
      "mac_request_given_up",
      "warning",
      "The device refuses a setting of the network, or does not answer to it.",
      requests.slice(0, 5).map(({ description, atMs }) => evidence("what was given up", description, atMs)),
      [
        "See the LoRaWAN version and region of the profile: a device refuses what its own do not have.",
        "Let the profile or the region's configuration not ask for it.",
      ],
    ),
  ];
}

const bearableLoss = 0.3;

function lost(facts: Facts) {
  const { uplinks, session } = facts;
  const inSession = uplinks.filter(({ devAddr }) => devAddr === session?.devAddr);
  const [last] = inSession;
  const first = inSession.at(-1);
  if (last === undefined || first === undefined || inSession.length < 10) return [];
  const sent = last.fCnt - first.fCnt + 1;
  const loss = 1 - inSession.length / sent;
  if (sent < inSession.length || loss < bearableLoss) return [];
  const snrs = inSession.flatMap(({ heardBy }) => heardBy.flatMap(({ snr }) => snr ?? []));
  return [
    finding(
      "uplinks_lost",
      "warning",
      "Many of the device's frames are not heard.",
      [
        evidence("heard", `${inSession.length} of ${sent} frames`, first.atMs),
        ...(snrs.length > 0 ? [evidence("best SNR", `${Math.max(...snrs)} dB`)] : []),
        evidence("the last one at", `DR${last.dataRate}`, last.atMs),
      ],
      [
        "Bring a gateway nearer, or put the antennas higher and free of metal.",
        "See that ADR is on: it lets the device repeat frames, or send slower.",
        "See that the device uses no channels that the gateways do not hear.",
      ],
    ),
  ];
}
