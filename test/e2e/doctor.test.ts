import { expect, test } from "vitest";
import { runUpchirp, startUpchirp, temporaryFolder } from "../support/upchirp-process.ts";

test("upchirp doctor looks at a server that runs, and at one that has stopped; its exit code says whether all is well", async () => {
  const folder = temporaryFolder();
  const server = await startUpchirp(folder);
  const ports = [
    ...[
      "--http-port",
      new URL(server.apiUrl).port,
      "--udp-port",
      String(server.udpPort),
      "--mqtt-port",
      String(server.mqttPort),
    ],
    ...["--set", "networkServer.udp.bind=127.0.0.1", "--set", "http.bind=127.0.0.1"],
    ...["--set", "appServer.mqtt.broker.bind=127.0.0.1"],
  ];
  const doctor = async (...args: readonly string[]) => {
    const run = runUpchirp(["doctor", "--data", folder, "--json", ...ports, ...args]);
    const exitCode = await run.exited;
    const examination = JSON.parse(run.output());
    return { exitCode, ...examination, codes: examination.findings.map(({ code }: { code: string }) => code) };
  };
  const beside = await doctor();
  expect(beside.checked).toContainEqual({ check: "server", found: "runs and is ready" });
  expect(beside.checked).toContainEqual({ check: "commits", found: expect.stringMatching(/^\d+ since the start/) });
  expect(beside.codes).not.toContain("port_taken");
  expect(beside.codes).not.toContain("check_failed");
  expect(beside.checked).toContainEqual({
    check: "clock",
    found: expect.stringContaining("no gateway tells the time"),
  });
  expect(beside.exitCode).toBe(beside.isWell ? 0 : 1);

  server.child.kill("SIGTERM");
  await server.exited;
  const after = await doctor();
  expect(after.checked).toContainEqual({ check: "server", found: "does not run" });
  expect(after.checked).toContainEqual({
    check: "database",
    found: expect.stringMatching(/^embedded, files of PostgreSQL \d+$/),
  });
  expect(after.exitCode).toBe(after.isWell ? 0 : 1);

  const faulty = await doctor("--set", "http.trustedProxies=nobody");
  expect(faulty).toMatchObject({ exitCode: 1, isWell: false });
  expect(new Set(faulty.codes)).toEqual(new Set(["invalid_config"]));
});
