import { expect, test } from "vitest";
import { runOutage } from "./outage.ts";
import { outageSinks } from "./outage-receivers.ts";

// docs/reliability.md says how long ones are run.
const {
  OUTAGE_SECONDS = "2",
  OUTAGE_RATE = "500",
  OUTAGE_DEVICES = "200",
  OUTAGE_SEED = "1",
  OUTAGE_SINKS = "http,mqtt,redis-streams,nats,postgres",
  OUTAGE_AT_ONCE = "half",
  OUTAGE_THEN = "more",
} = process.env;
const awaySeconds = Number(OUTAGE_SECONDS);
const kinds = OUTAGE_SINKS.split(",");
const sinks = outageSinks.filter(
  ({ kind, whyNot }) => (OUTAGE_SINKS === "all" || kinds.includes(kind.kind)) && whyNot === undefined,
);

test(
  `of ${OUTAGE_RATE} events a second each sink gets every one, and none out of order, though its receiver was away`,
  async () => {
    const report = await runOutage({
      sinks,
      atOnce: OUTAGE_AT_ONCE === "all" ? "all" : "half",
      goesOn: OUTAGE_THEN !== "nothing",
      seed: Number(OUTAGE_SEED),
      eventsPerSecond: Number(OUTAGE_RATE),
      devices: Number(OUTAGE_DEVICES),
      awayMs: awaySeconds * 1000,
      betweenMs: Math.min(10_000, awaySeconds * 250),
      progress: text => awaySeconds > 10 && console.log(new Date().toISOString(), text),
    });
    if (awaySeconds > 10) console.log(JSON.stringify(report, undefined, 2));
    expect(report.sinks).toHaveLength(sinks.length);
    for (const { kind, holds = report.sent, ...sink } of report.sinks) {
      expect({ kind, holds, ...sink }).toMatchObject({
        arrived: report.sent,
        holds: report.sent,
        leftOut: 0,
        deadLetters: 0,
      });
      // The others' outage had no part in this one's queue.
      expect(sink.waited, kind).toBeGreaterThan(sink.waitedWhileOthersAway);
    }
  },
  60_000 + awaySeconds * 1000 * 30,
);
