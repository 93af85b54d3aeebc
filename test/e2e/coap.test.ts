import { spawn } from "node:child_process";
import { once } from "node:events";
import { parse as parseToml } from "smol-toml";
import Type, { type Static, type TSchema } from "typebox";
import Value from "typebox/value";
import { expect, onTestFinished, test, vi } from "vitest";
import { regionOf } from "../../lorawan/region/regions.ts";
import { systemClock } from "../../platform/clock.ts";
import { createFleet, describeFleet } from "../../simulators/fleet.ts";
import { provision } from "../../simulators/provision.ts";
import { freePort } from "../app-server/support/mosquitto.ts";
import { programAt } from "../app-server/support/programs.ts";
import { blocksOf, readText } from "../docs/markdown.ts";
import { followingPort } from "../support/following-port.ts";
import { startUpchirp, temporaryFolder, type UpchirpProcess } from "../support/upchirp-process.ts";

const program = programAt("libcoap3-bin", "/usr/bin/coap-client-notls");
const blocks = blocksOf(readText("docs/coap.md"));
const blockOf = (label: string): string => blocks.find(block => block.label === label)?.text ?? "";

/** The client with what it has printed so far. */
function runClient(args: readonly string[]) {
  const child = spawn(program ?? "", ["-w", "-v", "4", ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", chunk => (output += chunk));
  const ended = once(child, "exit");
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  return { ended, output: () => output };
}

async function ask(...args: readonly string[]): Promise<string> {
  const client = runClient(["-B", "10", ...args]);
  await client.ended;
  return client.output().trim();
}

const caller =
  (server: UpchirpProcess) =>
  async <Answer extends TSchema>(answer: Answer, path: string, body?: object): Promise<Static<Answer>> => {
    const headers = { authorization: `Bearer ${server.token()}`, ...(body && { "content-type": "application/json" }) };
    const response = await fetch(`${server.apiUrl}/api${path}`, {
      headers,
      ...(body && { method: "POST", body: JSON.stringify(body) }),
    });
    return Value.Parse(answer, await response.json());
  };

/** A device whose codec tells a temperature that is another one with each uplink. */
async function startDevice(server: UpchirpProcess) {
  const call = caller(server);
  const size = { seed: 7, devices: 1, gateways: 1 };
  const region = regionOf("EU868", "RP002-1.0.4");
  const shape = { ...describeFleet(size), region, macVersion: "1.0.4" as const };
  const { applicationId } = await provision({ ...shape, apiUrl: server.apiUrl, access: { token: server.token() } });
  const fleet = createFleet({
    ...size,
    clock: systemClock,
    region,
    macVersion: "1.0.4",
    connect: () => followingPort(() => server.udpPort),
    intervalSeconds: 3,
    startWithinSeconds: 1,
    confirmedShare: 0,
    radiusM: 200,
    listener: () => undefined,
  });
  onTestFinished(() => fleet.stop());
  fleet.start();
  const Login = Type.Object({ username: Type.String(), password: Type.String() });
  const login = { username: "display", isReadOnly: true };
  const { password } = await call(Login, `/applications/${applicationId}/mqtt-credentials`, login);
  const Devices = Type.Object({ items: Type.Array(Type.Object({ devEui: Type.String() })) });
  const { items } = await call(Devices, `/devices?applicationId=${applicationId}`);
  return { devEui: items[0]?.devEui ?? "", applicationId, password };
}

test.skipIf(program === undefined)(
  `libcoap's client reads a device and is told of news${program ? "" : " (not installed)"}`,
  async () => {
    const port = await freePort();
    const { appServer } = Value.Parse(
      Type.Object({ appServer: Type.Object({ coap: Type.Object({ listen: Type.String() }) }) }),
      parseToml(blockOf("configuration")),
    );
    const listen = appServer.coap.listen.replace("5683", String(port));
    const server = await startUpchirp(temporaryFolder(), ["--set", `appServer.coap.listen=${listen}`]);
    const { devEui, applicationId, password } = await startDevice(server);

    /** As the page shows it, for what there is here. */
    const asShown = (label: string): readonly string[] =>
      blockOf(label)
        .trim()
        .replace("127.0.0.1", `127.0.0.1:${port}`)
        .replace("0101010101010101", devEui)
        .replace("the-password", encodeURIComponent(password))
        .split(" ")
        .slice(1)
        .map(word => word.replaceAll('"', ""));

    const latest = await vi.waitFor(
      async () => {
        const answer = JSON.parse(await ask(...asShown("client latest")));
        expect(answer).toMatchObject({ object: expect.any(Object) });
        return answer;
      },
      { timeout: 30_000, interval: 300 },
    );
    expect(Object.keys(latest)).toEqual(Object.keys(JSON.parse(blockOf("answer latest"))));
    const [key = ""] = Object.keys(latest.object);

    const asked = asShown("client value").map(word => word.replace("temperature", key));
    const uri = asked.at(-1) ?? "";
    expect(await ask(uri)).toMatch(/^-?[\d.]+$/);
    expect(await ask("-A", "50", "-b", "16", asShown("client latest").at(-1) ?? "")).toMatch(/^\{"time":.*\}$/s);
    expect(await ask("-N", uri.replace("/devices", `/applications/${applicationId}/devices`))).toMatch(/^-?[\d.]+$/);
    expect(await ask(uri.replace(/p=.*/, "p=wrong"))).toMatch(/4\.01/);

    const observer = runClient(asked);
    await vi.waitFor(() => expect(observer.output().trim().split("\n").length).toBeGreaterThan(1), {
      timeout: 30_000,
      interval: 100,
    });
    for (const line of observer.output().trim().split("\n")) expect(line).toMatch(/^-?[\d.]+$/);
  },
  90_000,
);
