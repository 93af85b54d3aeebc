import { type Command, InvalidArgumentError, Option } from "commander";
import { regionNames } from "../lorawan/region/region.ts";
import { type MacVersion, macVersions, regionalParametersRevisions } from "../lorawan/version.ts";
import { ProvisioningFailed } from "../simulators/provision.ts";
import { type SimulationOptions, type SimulationReport, simulate } from "../simulators/simulate.ts";
import type { ApiClient } from "./api-client.ts";
import { addApiOptions, connect, serverOf } from "./api-options.ts";
import { CommandFailed } from "./errors.ts";
import { temporaryMqttUser } from "./mqtt-user.ts";
import {
  decimal,
  defaultUdp,
  duration,
  flagOption,
  integerBetween,
  numberOption,
  type OptionValues,
  textOption,
  udpAddress,
} from "./option-values.ts";
import { examplesText, printJson } from "./resources/commands.ts";
import { tenantOrDefault, textMember } from "./resources/lookup.ts";
import type { Terminal } from "./terminal.ts";

const defaults = {
  devices: 10,
  gateways: 1,
  seed: 1,
  region: "EU868",
  mqtt: "mqtt://127.0.0.1:1883",
};
/** What the simulator calls the application that it puts its devices into. */
const applicationName = "Simulated devices";

function share(text: string): number {
  const value = decimal(text);
  if (value < 0 || value > 1) throw new InvalidArgumentError("A share from 0 to 1 is expected.");
  return value;
}

/** Options of the simulation that are the simulator's own, under its names. */
function simulationOf(values: OptionValues): Omit<SimulationOptions, "api" | "mqtt"> {
  const seconds = (name: string) => {
    const valueMs = numberOption(values, name);
    return valueMs === undefined ? undefined : valueMs / 1000;
  };
  const durationSeconds = seconds("duration");
  const intervalSeconds = seconds("interval");
  const startWithinSeconds = seconds("startWithin");
  const confirmedShare = numberOption(values, "confirmedShare");
  const subBand = numberOption(values, "subBand");
  const stateFile = textOption(values, "stateFile");
  const regionalParameters = regionalParametersRevisions.find(known => known === values.regionalParameters);
  const macVersion = macVersions.find(known => known === (values.macVersion ?? values.lorawan));
  return {
    udp: udpAddress(textOption(values, "udp") ?? defaultUdp),
    devices: numberOption(values, "devices") ?? defaults.devices,
    gateways: numberOption(values, "gateways") ?? defaults.gateways,
    seed: numberOption(values, "seed") ?? defaults.seed,
    region: regionNames.find(known => known === values.region) ?? "EU868",
    ...(durationSeconds !== undefined && { durationSeconds }),
    ...(intervalSeconds !== undefined && { intervalSeconds }),
    ...(startWithinSeconds !== undefined && { startWithinSeconds }),
    ...(confirmedShare !== undefined && { confirmedShare }),
    ...(subBand !== undefined && { subBand }),
    ...(stateFile !== undefined && { stateFile }),
    ...(regionalParameters !== undefined && { regionalParameters }),
    ...(macVersion !== undefined && { macVersion }),
    ...(flagOption(values, "abp") && { abp: true }),
  };
}

interface Subscription {
  readonly mqtt: NonNullable<SimulationOptions["mqtt"]>;
  end(): Promise<void>;
}

/** An MQTT user of the simulated devices' application, for as long as the simulation takes. */
async function subscription(client: ApiClient, url: string): Promise<Subscription> {
  const tenantId = await tenantOrDefault(client, "Default");
  const { items } = await client.list("/applications", { tenantId }, Number.MAX_SAFE_INTEGER);
  const application =
    items.find(({ name }) => name === applicationName) ??
    (await client.record("POST", "/applications", { body: { tenantId, name: applicationName } }));
  const { username, password, end } = await temporaryMqttUser(client, textMember(application, "id"), "simulate");
  return { mqtt: { url, username, password }, end };
}

function lorawanVersion(text: string): MacVersion {
  const version = macVersions.find(known => known === text) ?? shortVersions[text];
  if (version === undefined) throw new InvalidArgumentError(`Allowed are 1.0, 1.1, ${macVersions.join(", ")}.`);
  return version;
}

const shortVersions: Readonly<Record<string, MacVersion>> = { "1.0": "1.0.4", "1.1": "1.1.0" };

const codesOf = (error: unknown): string => (error instanceof Error && "code" in error ? String(error.code) : "");

/** What other parts of the simulation end with, as a sentence. */
function sentenceOf(error: unknown): unknown {
  if (error instanceof ProvisioningFailed) return new CommandFailed("request_refused", error.message);
  if (/^E[A-Z]+$/.test(codesOf(error))) {
    return new CommandFailed(
      "no_server",
      `the simulation cannot reach the MQTT broker (${codesOf(error)}); --mqtt-url says where it is`,
    );
  }
  return error;
}

async function run(values: OptionValues, terminal: Terminal): Promise<void> {
  const isJson = flagOption(values, "json");
  const client = connect(values, terminal);
  const server = serverOf(values, terminal);
  const options = { ...simulationOf(values), signal: terminal.interrupted, clock: terminal.clock };
  const api = { url: server.url, access: { token: await server.token() } };
  const wanted = values.provision !== false;
  // The first request tells in a sentence of the command line what is wrong with server or key.
  if (wanted) await client.list("/tenants", {}, 1);
  const subscribed = flagOption(values, "check")
    ? await subscription(client, textOption(values, "mqttUrl") ?? defaults.mqtt)
    : undefined;
  const output = { write: isJson ? terminal.writeError : terminal.write, isTTY: terminal.isTty };
  let report: SimulationReport;
  try {
    report = await simulate(
      { ...options, ...(wanted && { api }), ...(subscribed && { mqtt: subscribed.mqtt }) },
      output,
    );
  } catch (error) {
    throw sentenceOf(error);
  } finally {
    await subscribed?.end();
  }
  if (isJson) printJson(terminal, report);
  if (!report.passed) terminal.setExitCode(1);
}

export function addSimulateCommand(program: Command, terminal: Terminal): void {
  const command = program.command("simulate");
  command
    .option("--udp <host:port>", "where the server takes Semtech UDP", defaultUdp)
    .option("--devices <n>", "how many devices", integerBetween(1, 1_000_000), defaults.devices)
    .option("--gateways <n>", "how many gateways", integerBetween(1, 10_000), defaults.gateways)
    .option("--duration <time>", "like 10m; else until Ctrl+C", duration)
    .option("--interval <time>", "between uplinks of a device; else each sensor's own", duration)
    .option("--start-within <time>", "devices start one after another within this time", duration)
    .option("--confirmed-share <n>", "share of confirmed uplinks, 0 to 1", share)
    .option(
      "--seed <n>",
      "another seed, other devices and another radio",
      integerBetween(0, 4_294_967_295),
      defaults.seed,
    )
    .addOption(new Option("--region <region>", "radio plan").choices(regionNames).default(defaults.region))
    .addOption(new Option("--regional-parameters <revision>", "of the region").choices(regionalParametersRevisions))
    .addOption(new Option("--mac-version <version>", "LoRaWAN version of the devices").choices(macVersions))
    .option("--lorawan <version>", "the same, in short: 1.0 is 1.0.4, 1.1 is 1.1.0", lorawanVersion)
    .option("--abp", "devices are activated by personalization and do not join")
    .option("--sub-band <n>", "sub-band of a fixed channel plan", integerBetween(1, 12))
    .option("--state-file <file>", "keeps the devices' sessions from one run to the next; holds keys")
    .option("--no-provision", "devices and gateways of this seed are in the server already")
    .option("--check", "check by MQTT that each uplink arrives once")
    .option("--mqtt-url <url>", "broker for --check", defaults.mqtt);
  addApiOptions(command)
    .summary("drive a running server with simulated devices")
    .description(
      "Puts simulated gateways and devices into a running server and lets them send over real UDP. Exits with 1 when the " +
        "server broke a rule of LoRaWAN or, with --check, lost or repeated a reading.",
    )
    .addHelpText(
      "after",
      examplesText(["upchirp simulate", "upchirp simulate --devices 200 --gateways 3 --duration 10m --check"]),
    )
    .action((values: OptionValues) => run(values, terminal));
}
