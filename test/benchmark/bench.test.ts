import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import Type from "typebox";
import Value from "typebox/value";
import { expect, test } from "vitest";
import { mosquittoMissing } from "../app-server/support/mosquitto.ts";
import { whyNoInstallation } from "../support/installation.ts";

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

/** Small, and everything of it. */
async function measured(...args: readonly string[]) {
  const small = ["--rate", "40", "--duration", "3s", "--devices", "40", "--gateways", "40", "--no-floor", "--json"];
  const { output, errors, code } = await bench(...args, ...small);
  expect(code, errors).toBe(0);
  const { results } = Value.Parse(outputSchema, JSON.parse(output));
  for (const { report } of results) {
    expect(report).toMatchObject({ sent: 120, lost: 0, duplicated: 0, unanswered: 0, acknowledged: 120 });
    expect(report.latencyMs.count).toBe(120);
    expect(report.cpuUsPerUplink).toBeGreaterThan(0);
  }
  return results;
}

test.skipIf(mosquittoMissing() !== undefined)("counts every uplink, every answer and every join", async () => {
  const [downlinks, joins] = await measured("downlinks", "joins");
  expect(downlinks?.report.answerLatencyMs.count).toBe(120);
  expect(joins?.report.answerLatencyMs.count).toBe(0);
  expect(joins?.joins).toMatchObject({ devices: 40, joined: 40 });
});

test.skipIf(whyNoInstallation !== undefined)("counts every uplink through two network servers", async () => {
  const [uplinks] = await measured("uplinks", "--set", "roles", "--network-servers", "2");
  expect(uplinks?.mode).toBe("uplinks");
});

test("a mode that is not there is wrong usage", async () => {
  const { errors, code } = await bench("sidelinks");
  expect(code).toBe(2);
  expect(errors).toContain("three-gateways");
});
