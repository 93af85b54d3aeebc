import { readdirSync, readFileSync } from "node:fs";
import { afterAll, describe, expect, test } from "vitest";
import { createCodecBench } from "../../../app-server/codec/cases.ts";
import { createCodecSandbox } from "../../../app-server/codec/sandbox.ts";
import type { CodecCase } from "../../../app-server/codec-ports.ts";
import { systemClock } from "../../../platform/clock.ts";
import { createMetrics } from "../../../platform/metrics.ts";

const sandbox = createCodecSandbox({ clock: systemClock, metrics: createMetrics(), timeMs: 1000, graceMs: 20_000 });
const bench = createCodecBench(sandbox);
afterAll(() => sandbox.close());

const folder = new URL("../../vectors/codecs/", import.meta.url);
const scripts = readdirSync(folder).filter(name => !name.endsWith(".json"));
const textOf = (name: string): string => readFileSync(new URL(name, folder), "utf8");

describe("codecs in the shapes that are found", () => {
  test.each(scripts)("%s passes its cases", async name => {
    const cases: readonly CodecCase[] = JSON.parse(textOf(`${name.split(".")[0]}.cases.json`));
    const kind = name.includes(".ts") ? "typescript" : "javascript";
    expect(cases.length).toBeGreaterThan(1);
    expect(await bench.runCases({ kind, script: textOf(name) }, cases, "tenant")).toEqual([]);
  });

  test("give the same in one context after the other as each alone", async () => {
    for (const name of scripts) {
      const cases: readonly CodecCase[] = JSON.parse(textOf(`${name.split(".")[0]}.cases.json`));
      const codec = { kind: name.includes(".ts") ? "typescript" : "javascript", script: textOf(name) } as const;
      for (const { direction, bytes = "", fPort, recvTime, variables = {}, expected } of cases) {
        if (direction !== "uplink" || expected.object === undefined) continue;
        const input = {
          bytes: Buffer.from(bytes, "hex"),
          fPort,
          recvTimeMs: Date.parse(recvTime ?? "1970-01-01"),
          variables,
        };
        expect(await sandbox.decode(codec, { ...input, scope: "tenant" }), name).toMatchObject({
          object: expected.object,
        });
      }
    }
  });
});
