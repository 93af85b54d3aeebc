import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseDevEui } from "../../lorawan/ids.ts";
import { describeFleet } from "../../simulators/fleet.ts";
import { startTestApi, type TestApi } from "../support/api.ts";
import { createTestTerminal, runProgram } from "../support/terminal.ts";

let api: TestApi;
let env: Readonly<Record<string, string>>;
beforeAll(async () => {
  api = await startTestApi();
  await api.repositories.tenants.create({ name: "Default", description: "", tags: {} });
  const url = await api.app.listen({ host: "127.0.0.1", port: 0 });
  const { authorization = "" } = await api.keyFor("administrator", null);
  env = { UPCHIRP_URL: url, UPCHIRP_TOKEN: authorization.replace("Bearer ", "") };
});
afterAll(() => api.end());

/** Nothing listens there: the simulation puts its devices in and nobody hears them. */
const nobody = "127.0.0.1:9";

describe("simulate", () => {
  test("puts devices and gateways into the server, and ends after its duration with a report", async () => {
    const args = [
      "simulate",
      "--udp",
      nobody,
      "--devices",
      "3",
      "--gateways",
      "2",
      "--region",
      "US915",
      "--sub-band",
      "2",
    ];
    const run = await runProgram([...args, "--duration", "1s"], createTestTerminal({ env }));
    expect(run).toMatchObject({ exitCode: 0, errors: "" });
    expect(run.output).toMatch(/Simulation:\n[\s\S]*Passed\.\n$/);
    expect((await api.repositories.devices.list({ tenants: "all" }, { limit: 10 })).items).toHaveLength(3);
    expect((await api.repositories.gateways.list({ tenants: "all" }, { limit: 10 })).items).toHaveLength(2);
    const profiles = await api.repositories.deviceProfiles.list({ tenants: "all" }, { limit: 10 });
    expect(profiles.items.map(({ region }) => region)).toContain("US915");
  });

  test("is ended by an interruption, and prints JSON apart from its progress", async () => {
    const terminal = createTestTerminal({ env, interrupted: AbortSignal.abort() });
    const { exitCode, output, errors } = await runProgram(
      ["simulate", "--udp", nobody, "--devices", "1", "--no-provision", "--json"],
      terminal,
    );
    expect(exitCode).toBe(0);
    expect(JSON.parse(output)).toMatchObject({ passed: true, statistics: { joined: 0 } });
    expect(errors).toContain("Simulation:");
  });

  test.each([
    ["1.1", "1.1.0"],
    ["1.0", "1.0.4"],
    ["1.0.2", "1.0.2"],
  ] as const)("with --lorawan %s --abp puts personalised devices of %s in", async (short, macVersion) => {
    const args = ["simulate", "--udp", nobody, "--devices", "1", "--seed", "77", "--lorawan", short, "--abp"];
    const run = await runProgram([...args, "--duration", "1s"], createTestTerminal({ env }));
    expect(run).toMatchObject({ exitCode: 0, errors: "" });
    const { items } = await api.repositories.deviceProfiles.list({ tenants: "all" }, { limit: 100 });
    expect(items.map(profile => profile.macVersion)).toContain(macVersion);
    const devices = describeFleet({ seed: 77, devices: 1, gateways: 1, macVersion, abp: true });
    const devEui = devices.devices[0]?.credentials.devEui ?? "";
    expect(await api.repositories.devices.get(parseDevEui(devEui))).toMatchObject({ resetsFCnt: true });
  });

  test("with --check leaves no MQTT user behind, even when there is no broker", async () => {
    const args = ["simulate", "--udp", nobody, "--devices", "1", "--duration", "1s", "--check"];
    const run = await runProgram([...args, "--mqtt-url", "mqtt://127.0.0.1:1"], createTestTerminal({ env }));
    expect(run.exitCode).toBe(1);
    expect(run.errors).toBe(
      "error: the simulation cannot reach the MQTT broker (ECONNREFUSED); --mqtt-url says where it is\n",
    );
    const asked = ["application", "mqtt-users", "Simulated devices", "--json"];
    const users = await runProgram(asked, createTestTerminal({ env }));
    expect({ ...users, output: JSON.parse(users.output) }).toMatchObject({ exitCode: 0, output: [] });
  });

  test.each([
    [["--udp", "localhost"], "host:port is expected"],
    [["--confirmed-share", "1.5"], "A share from 0 to 1"],
    [["--duration", "10"], "A duration is expected"],
    [["--region", "EU"], "Allowed choices are"],
    [["--lorawan", "1.2"], "Allowed are 1.0, 1.1"],
  ])("%j is wrong usage", async (args, sentence) => {
    const { exitCode, errors } = await runProgram(["simulate", ...args]);
    expect(exitCode).toBe(2);
    expect(errors).toContain(sentence);
  });
});
