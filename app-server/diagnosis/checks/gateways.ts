import type { Facts, GatewayFact, UplinkFact } from "../facts.ts";
import { type Check, countOf, duration, evidence, finding, gatewayText, gatewayTexts } from "../words.ts";

/** Whether what hears the device is on time, knows the time, and is the tenant's own. */
export const gatewaysCheck: Check = {
  name: "gateways",
  found: facts => {
    const hearers = facts.gateways.filter(({ hasHeardDevice }) => hasHeardDevice);
    const own = hearers.filter(({ isOwn }) => isOwn).length;
    return hearers.length === 0
      ? "none has heard it"
      : `heard by ${countOf(hearers.length, "gateway")}, ${own} of them of the tenant`;
  },
  findings: facts => [...late(facts), ...withoutTime(facts), ...wrongClock(facts), ...foreign(facts)],
};

const looksAt = 20;
const isLate = ({ heardBy }: UplinkFact): boolean => heardBy.length > 0 && heardBy.every(copy => copy.isLate);

function late(facts: Facts) {
  const recent = facts.uplinks.slice(0, looksAt);
  const held = recent.filter(isLate);
  const [last] = held;
  if (last === undefined || (!recent.slice(0, 1).every(isLate) && held.length * 4 < recent.length)) return [];
  return [
    finding(
      "gateway_late",
      "error",
      "The gateway holds frames back: they arrive long after they were heard, too late to be answered.",
      [
        evidence("uplinks that came late", `${held.length} of the last ${recent.length}`, last.atMs),
        evidence(
          "through",
          gatewayTexts(
            last.heardBy.map(({ gatewayId }) => gatewayId),
            facts.gateways,
          ),
        ),
      ],
      [
        "See the gateway's network: it was away, or is too slow, and the packet forwarder has stored what it heard.",
        "See the gateway's load: a forwarder that gets no processor time sends late as well.",
      ],
    ),
  ];
}

const heard = ({ gateways }: Facts): readonly GatewayFact[] => gateways.filter(({ hasHeardDevice }) => hasHeardDevice);

function withoutTime(facts: Facts) {
  const hearers = heard(facts);
  if (!facts.profile.supportsClassB || hearers.length === 0) return [];
  if (hearers.some(({ hasGpsTime }) => hasGpsTime === true)) return [];
  return [
    finding(
      "gateway_without_time",
      "warning",
      "The device is of class B, and no gateway that hears it has GPS time: there is no beacon, and no downlink in ping slots.",
      hearers.map(({ gatewayId, hasGpsTime }) =>
        evidence(
          gatewayText(gatewayId, hearers),
          hasGpsTime === undefined ? "never had GPS time" : "has lost GPS time",
        ),
      ),
      [
        "See that the gateway has a GPS receiver whose antenna sees the sky, and that gps_tty_path is set.",
        "Until then the device gets downlinks after its uplinks alone, as in class A.",
      ],
    ),
  ];
}

/** A forwarder tells the time every half a minute or so. */
const bearableMs = 5 * 60_000;

function wrongClock(facts: Facts) {
  const wrong = heard(facts).filter(
    ({ clockAheadMs, status }) => status === "online" && Math.abs(clockAheadMs ?? 0) > bearableMs,
  );
  if (wrong.length === 0) return [];
  return [
    finding(
      "gateway_clock_wrong",
      "notice",
      "The wall clock of a gateway is wrong: times that it gives for frames are too.",
      wrong.map(({ gatewayId, clockAheadMs = 0 }) =>
        evidence(
          gatewayText(gatewayId, wrong),
          `${duration(Math.abs(clockAheadMs))} ${clockAheadMs > 0 ? "ahead" : "behind"}`,
        ),
      ),
      ["Let the gateway take its time from NTP or GPS."],
    ),
  ];
}

function foreign(facts: Facts) {
  const hearers = heard(facts);
  if (facts.uplinks.length === 0 || hearers.length === 0 || hearers.some(({ isOwn }) => isOwn)) return [];
  return [
    finding(
      "foreign_gateways_only",
      "notice",
      "The device is heard by gateways of other tenants alone: it goes silent when they do.",
      [
        evidence(
          "heard by",
          gatewayTexts(
            hearers.map(({ gatewayId }) => gatewayId),
            hearers,
          ),
        ),
      ],
      ["Put up a gateway of your own near the device, or ask who runs that one whether it stays."],
    ),
  ];
}
