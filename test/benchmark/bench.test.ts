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
        latencyMs: percentiles,
        cpuUsPerUplink: Type.Number(),
        residentBytes: Type.Number(),
      }),
    }),
  ),
});

const missing = mosquittoMissing();
describe.skipIf(missing !== undefined)(
  `the benchmark against a server of its own${missing ? ` (${missing})` : ""}`,
  () => {
    test("counts every uplink of a fixed rate, heard by one gateway and by three", async () => {
      const { output, errors, code } = await bench(
        ...["uplinks", "three-gateways", "--rate", "50", "--duration", "4s", "--devices", "40", "--gateways", "4"],
        ...["--no-floor", "--json"],
      );
      expect(code, errors).toBe(0);
      const { results } = Value.Parse(outputSchema, JSON.parse(output));
      expect(results.map(({ mode }) => mode)).toEqual(["uplinks", "three-gateways"]);
      for (const [index, copies] of [1, 3].entries()) {
        const report = results[index]?.report;
        expect(report).toMatchObject({ sent: 200, lost: 0, duplicated: 0, datagrams: 200 * copies });
        expect(report?.acknowledged).toBe(200 * copies);
        expect(report?.latencyMs.count).toBe(200);
        expect(report?.cpuUsPerUplink).toBeGreaterThan(0);
      }
    });
  },
);

test("a mode that is not there is wrong usage", async () => {
  const { errors, code } = await bench("sidelinks");
  expect(code).toBe(2);
  expect(errors).toContain("three-gateways");
});
