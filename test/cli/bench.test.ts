import { describe, expect, test } from "vitest";
import { runProgram } from "../support/terminal.ts";
import { runUpchirp, startUpchirp, temporaryFolder } from "../support/upchirp-process.ts";

describe("bench", () => {
  test("measures a running server, twice with the same devices", async () => {
    const folder = temporaryFolder();
    const server = await startUpchirp(folder);
    const where = [
      ...["--url", server.apiUrl, "--data", folder, "--udp", `127.0.0.1:${server.udpPort}`],
      ...["--mqtt-url", `mqtt://127.0.0.1:${server.mqttPort}`],
    ];
    const args = ["bench", ...where, "--devices", "20", "--gateways", "2", "--rate", "40", "--duration", "2s"];
    const first = runUpchirp([...args, "--copies", "2"]);
    expect(await first.exited, first.output()).toBe(0);
    expect(first.output()).toMatch(/^uplinks +\d+ +\d+ +0 +0 /m);

    const second = runUpchirp([...args, "--json"]);
    expect(await second.exited, second.output()).toBe(0);
    const json: unknown = JSON.parse(second.output().slice(second.output().indexOf("{")));
    expect(json).toMatchObject({ report: { sent: 80, delivered: 80, lost: 0, duplicated: 0, acknowledged: 80 } });
  });

  test.each([
    [["--udp", "localhost"], "host:port is expected"],
    [["--rate", "0"], "An integer from 1"],
    [["--payload-bytes", "5"], "An integer from 6"],
  ])("%j is wrong usage", async (args, sentence) => {
    const { exitCode, errors } = await runProgram(["bench", ...args]);
    expect(exitCode).toBe(2);
    expect(errors).toContain(sentence);
  });
});
