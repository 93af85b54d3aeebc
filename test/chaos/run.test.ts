import { expect, test, vi } from "vitest";
import { mosquittoMissing } from "../app-server/support/mosquitto.ts";
import { whyNoRedis } from "../support/redis.ts";
import { whyNoClockStep } from "./clock-step.ts";
import { reportText } from "./report.ts";
import { type ChaosOptions, runChaos } from "./run.ts";

vi.setConfig({ testTimeout: 300_000 });

const noBroker = mosquittoMissing();
const noClockStep = whyNoClockStep();
const skipped = (reason: string | undefined): string => (reason === undefined ? "" : ` (skipped: ${reason})`);

async function expectPromisesKept(options: Pick<ChaosOptions, "set" | "seed" | "kinds">): Promise<void> {
  const report = await runChaos({
    ...options,
    durationMs: 30_000,
    uplinksPerSecond: 15,
    pauseMs: { from: 1000, to: 2000 },
    keepFolder: false,
    progress: () => {},
  });
  expect(report.passed, reportText(report)).toBe(true);
  expect(report.struck.length).toBeGreaterThan(0);
  expect(report.counts.delivered).toBeGreaterThan(0);
  expect(report.counts.uplinksAnswered).toBeGreaterThan(0);
}

// Side by side, since both wait for most of their time.
test(
  `C15 C16 C26 nothing is lost or used twice while the embedded set is killed, frozen and cut off${skipped(noBroker)}`,
  { concurrent: true, skip: noBroker !== undefined },
  () =>
    expectPromisesKept({
      set: "embedded",
      seed: 11,
      kinds: ["server-kill", "server-freeze", "server-stop", "broker-kill", "broker-cut"],
    }),
);

test(
  `C15 C16 C26 nothing is lost or used twice while the wall clock is moved by an hour${skipped(noBroker ?? noClockStep)}`,
  { concurrent: true, skip: (noBroker ?? noClockStep) !== undefined },
  () => expectPromisesKept({ set: "embedded", seed: 13, kinds: ["clock-step", "server-kill"] }),
);

const noScaledSet = noBroker ?? whyNoRedis;

test.skipIf(noScaledSet !== undefined)(
  `C15 C16 C26 nothing is lost or used twice while the parts of a scaled set are killed and cut off${skipped(noScaledSet)}`,
  () =>
    expectPromisesKept({
      set: "scaled",
      seed: 12,
      kinds: ["network-server-1-kill", "app-server-2-kill", "redis-kill", "redis-cut", "postgres-kill", "broker-kill"],
    }),
);
