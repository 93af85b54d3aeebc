import { expect, test } from "vitest";
import { whyNoKafka } from "../app-server/support/kafka.ts";
import { mosquittoMissing } from "../app-server/support/mosquitto.ts";
import { whyNoNats } from "../app-server/support/nats.ts";
import { whyNoRabbit } from "../app-server/support/rabbit.ts";
import { whyNoRedis } from "../support/redis.ts";
import { runOutage } from "./outage.ts";
import { outageSinks } from "./outage-receivers.ts";

// docs/reliability.md says how long ones are run.
const awaySeconds = Number(process.env.OUTAGE_SECONDS ?? 2);
const eventsPerSecond = Number(process.env.OUTAGE_RATE ?? 500);
const seed = Number(process.env.OUTAGE_SEED ?? 1);
const kinds = (process.env.OUTAGE_SINKS ?? "http,mqtt,redis-streams,nats").split(",");

const whyNot: Readonly<Record<string, string | undefined>> = {
  mqtt: mosquittoMissing(),
  "redis-streams": whyNoRedis,
  nats: whyNoNats,
  kafka: whyNoKafka,
  amqp: whyNoRabbit,
};
const sinks = outageSinks.filter(({ kind }) => kinds.includes(kind.kind) && whyNot[kind.kind] === undefined);

test(
  `of ${eventsPerSecond} events a second each sink gets every one, and none out of order, though its receiver was away`,
  async () => {
    const report = await runOutage({
      sinks,
      seed,
      eventsPerSecond,
      devices: 200,
      awayMs: awaySeconds * 1000,
      betweenMs: Math.min(10_000, awaySeconds * 250),
      progress: text => awaySeconds > 10 && console.log(new Date().toISOString(), text),
    });
    if (awaySeconds > 10) console.log(JSON.stringify(report, undefined, 2));
    expect(report.sinks).toHaveLength(sinks.length);
    for (const { kind, ...sink } of report.sinks) {
      expect({ kind, ...sink }).toMatchObject({ arrived: report.sent, leftOut: 0, deadLetters: 0 });
      // The others' outage had no part in this one's queue.
      expect(sink.waited, kind).toBeGreaterThan(sink.waitedWhileOthersAway);
    }
  },
  60_000 + awaySeconds * 1000 * 30,
);
