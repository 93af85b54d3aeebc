import { expect, test, vi } from "vitest";
import { mosquittoMissing } from "../app-server/support/mosquitto.ts";
import { reportText } from "./report.ts";
import { runChaos } from "./run.ts";

vi.setConfig({ testTimeout: 300_000 });

const missing = mosquittoMissing();

test.skipIf(missing !== undefined)(
  `C15 C16 C26 nothing is lost or used twice while the embedded set is killed, frozen and cut off${missing ? ` (skipped: ${missing})` : ""}`,
  async () => {
    const report = await runChaos({
      seed: 11,
      durationMs: 35_000,
      uplinksPerSecond: 15,
      kinds: ["server-kill", "server-freeze", "server-stop", "broker-kill", "broker-cut"],
      pauseMs: { from: 1000, to: 3000 },
      keepFolder: false,
      progress: () => {},
    });
    expect(report.passed, reportText(report)).toBe(true);
    expect(report.struck.length).toBeGreaterThan(0);
    expect(report.counts.delivered).toBeGreaterThan(0);
    expect(report.counts.uplinksAnswered).toBeGreaterThan(0);
  },
);
