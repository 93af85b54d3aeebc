import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import Type from "typebox";
import Value from "typebox/value";
import { describe, expect, test, vi } from "vitest";
import { mosquittoMissing } from "../app-server/support/mosquitto.ts";

// Whole programs start here; wait for them as long as a busy machine needs.
vi.setConfig({ testTimeout: 180_000 });

const program = fileURLToPath(new URL("../../benchmark/bench.ts", import.meta.url));

async function bench(...args: readonly string[]) {
  const child = spawn(process.execPath, [program, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  const exited = new Promise<number | null>(resolve => child.once("exit", resolve));
  const [output, errors, code] = await Promise.all([text(child.stdout), text(child.stderr), exited]);
  return { output, errors, code };
}

const percentiles = Type.Object({ count: Type.Integer(), p50: Type.Number(), p95: Type.Number(), p99: Type.Number() });
const outputSchema = Type.Object({
  machine: Type.Object({ cores: Type.Integer(), node: Type.String() }),
  results: Type.Array(
    Type.Object({
      mode: Type.String(),
      report: Type.Object({
        uplinksPerSecond: Type.Number(),
        framesPerSecond: Type.Number(),
        sent: Type.Integer(),
        lost: Type.Integer(),
        duplicated: Type.Integer(),
        acknowledged: Type.Integer(),
        datagrams: Type.Integer(),
        unanswered: Type.Integer(),
        latencyMs: percentiles,
        answerLatencyMs: percentiles,
        cpuUsPerUplink: Type.Number(),
        residentBytes: Type.Number(),
      }),
      joins: Type.Optional(Type.Object({ devices: Type.Integer(), joined: Type.Integer() })),
    }),
  ),
});

const missing = mosquittoMissing();
describe.skipIf(missing !== undefined)(
  `the benchmark against a server of its own${missing ? ` (${missing})` : ""}`,
  () => {
    test("counts every uplink, every answer and every join at a fixed rate", async () => {
      const { output, errors, code } = await bench(
        ...["three-gateways", "downlinks", "joins", "--rate", "40", "--duration", "3s", "--devices", "40"],
        ...["--gateways", "40", "--no-floor", "--json"],
      );
      expect(code, errors).toBe(0);
      const { results } = Value.Parse(outputSchema, JSON.parse(output));
      expect(results.map(({ mode }) => mode)).toEqual(["three-gateways", "downlinks", "joins"]);
      for (const [index, copies] of [3, 1, 1].entries()) {
        const report = results[index]?.report;
        expect(report).toMatchObject({ sent: 120, lost: 0, duplicated: 0, unanswered: 0, datagrams: 120 * copies });
        expect(report?.acknowledged).toBe(120 * copies);
        expect(report?.latencyMs.count).toBe(120);
        expect(report?.cpuUsPerUplink).toBeGreaterThan(0);
      }
      expect(results[0]?.report.answerLatencyMs.count).toBe(0);
      expect(results[1]?.report.answerLatencyMs.count).toBe(120);
      expect(results[2]?.joins).toMatchObject({ devices: 40, joined: 40 });
    });
  },
);

test("a mode that is not there is wrong usage", async () => {
  const { errors, code } = await bench("sidelinks");
  expect(code).toBe(2);
  expect(errors).toContain("three-gateways");
});
