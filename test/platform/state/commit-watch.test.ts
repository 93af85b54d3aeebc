import { pino } from "pino";
import { expect, test } from "vitest";
import { createMetrics } from "../../../platform/metrics.ts";
import { createCommitWatch } from "../../../platform/state/commit-watch.ts";
import { createVirtualClock } from "../../support/virtual-clock.ts";

test("each commit is counted, and slow ones are told once a minute with how many there were and the slowest", async () => {
  const lines: unknown[] = [];
  const log = pino({ base: null, timestamp: false }, { write: (text: string) => lines.push(JSON.parse(text)) });
  const clock = createVirtualClock();
  const metrics = createMetrics();
  const watch = createCommitWatch({ clock, metrics, log });
  const commit = async (milliseconds: number): Promise<void> => {
    const beganAtUs = watch.begin();
    await clock.advance(milliseconds);
    watch.end(beganAtUs);
  };
  for (const milliseconds of [4, 249]) await commit(milliseconds);
  expect(lines).toEqual([]);
  for (const milliseconds of [250, 300, 900, 500, 3]) await commit(milliseconds);
  await clock.advance(60_000);
  for (const milliseconds of [5, 260, 270]) await commit(milliseconds);
  expect(lines).toMatchObject([
    { level: 40, slowCommits: 1, slowestMs: 250 },
    { level: 40, slowCommits: 4, slowestMs: 900 },
  ]);
  const counts = await metrics.registry.getSingleMetricAsString("upchirp_store_commit_seconds");
  expect(counts).toContain('_bucket{le="0.005"} 3');
  expect(counts).toContain('_bucket{le="0.25"} 5');
  expect(counts).toContain("_count 10");
});
