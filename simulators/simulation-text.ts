import type { DeliveryReport } from "./delivery-check.ts";
import type { FleetStatistics } from "./fleet.ts";
import { percentilesText } from "./percentiles.ts";

/** One line for a terminal. */
export const progressText = (statistics: FleetStatistics, devices: number, elapsedSeconds: number): string =>
  [
    `${Math.round(elapsedSeconds)} s`,
    `joined ${statistics.joined}/${devices}`,
    `uplinks ${statistics.uplinks} (heard ${statistics.uplinksHeard})`,
    `downlinks ${statistics.downlinks}`,
    `PUSH_ACK p95 ${statistics.pushAckLatencyMs.p95.toFixed(1)} ms`,
    ...(statistics.violationCount > 0 ? [`violations ${statistics.violationCount}`] : []),
  ].join("  ");

const row = (name: string, value: string | number): string => `  ${name.padEnd(12)}${value}`;

/** Several lines, without one at the end. */
export function reportText(report: {
  readonly statistics: FleetStatistics;
  readonly delivery?: DeliveryReport;
  readonly passed: boolean;
}): string {
  const { statistics, delivery } = report;
  const { air } = statistics;
  const losses = Object.entries(air.losses).map(([name, count]) => `${name} ${count}`);
  const txAcks = Object.entries(statistics.txAcks).map(([name, count]) => `${name} ${count}`);
  const failures = `${statistics.joinFailures} attempts without an answer`;
  const confirmed = `${statistics.acknowledged} acknowledged, ${statistics.notAcknowledged} not`;
  return [
    "Simulation:",
    row("joins", `${statistics.joins} (${statistics.joined} devices joined, ${failures})`),
    row("uplinks", `${statistics.uplinks} in ${statistics.transmissions} transmissions, ${confirmed}`),
    row("heard", `${statistics.uplinksHeard} uplinks, by at least one gateway`),
    row("downlinks", statistics.downlinks),
    row("lost", `${air.uplinksLost} uplinks, ${air.downlinksLost} downlinks (at receivers: ${losses.join(", ")})`),
    row("TX_ACK", txAcks.length === 0 ? "none" : txAcks.join(", ")),
    row(
      "PUSH_ACK",
      `${statistics.pushAcks} of ${statistics.pushData}, ${percentilesText(statistics.pushAckLatencyMs)}`,
    ),
    ...(delivery ? deliveryRows(delivery) : []),
    row("violations", statistics.violationCount),
    ...statistics.violations.map(violation => `    ${violation}`),
    report.passed ? "Passed." : "Failed.",
  ].join("\n");
}

const deliveryRows = (delivery: DeliveryReport): readonly string[] => [
  row("MQTT", `${delivery.delivered} of ${delivery.expected}, ${percentilesText(delivery.latencyMs)}`),
  row("missing", delivery.missingCount),
  ...delivery.missing.map(name => `    ${name}`),
  row("duplicates", delivery.duplicates),
  row("unexpected", delivery.unexpected),
];
