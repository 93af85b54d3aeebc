import type { Command } from "commander";
import { openLoad } from "../simulators/load/load.ts";
import { type Measurement, measureAt, measureHighest } from "../simulators/load/measure.ts";
import { leastPayloadBytes } from "../simulators/load/payload.ts";
import { isClean } from "../simulators/load/truth.ts";
import { addApiOptions, connect, serverOf } from "./api-options.ts";
import { putBenchDevices } from "./bench-devices.ts";
import { CommandFailed } from "./errors.ts";
import { loadRow, loadTitles } from "./load-table.ts";
import { type MqttUser, temporaryMqttUser } from "./mqtt-user.ts";
import {
  defaultUdp,
  durationOption,
  flagOption,
  integerBetween,
  numberOption,
  type OptionValues,
  textOption,
  udpAddress,
} from "./option-values.ts";
import { examplesText, printJson } from "./resources/commands.ts";
import { renderTable } from "./table.ts";
import type { Terminal } from "./terminal.ts";

const defaults = {
  devices: 200,
  gateways: 4,
  copies: 1,
  payloadBytes: 16,
  seed: 1,
  durationMs: 20_000,
  firstRate: 200,
  mqtt: "mqtt://127.0.0.1:1883",
};

interface BenchTarget {
  readonly httpUrl: string;
  readonly applicationId: string;
  readonly user: MqttUser;
}

function loadOptions(values: OptionValues) {
  const devices = numberOption(values, "devices") ?? defaults.devices;
  const copies = numberOption(values, "copies") ?? defaults.copies;
  return {
    servers: [udpAddress(textOption(values, "udp") ?? defaultUdp)],
    population: { seed: numberOption(values, "seed") ?? defaults.seed, devices, devicesPerAddress: 1 },
    senders: devices,
    gateways: Math.max(copies, numberOption(values, "gateways") ?? defaults.gateways),
    copies,
    payloadBytes: numberOption(values, "payloadBytes") ?? defaults.payloadBytes,
    confirmed: flagOption(values, "confirmed"),
  };
}

async function measure(
  values: OptionValues,
  { httpUrl, applicationId, user: { username, password } }: BenchTarget,
  progress: (text: string) => void,
): Promise<Measurement> {
  const url = textOption(values, "mqttUrl") ?? defaults.mqtt;
  const mqtt = { url, username, password };
  const load = await openLoad({ ...loadOptions(values), httpUrls: [httpUrl], mqtt, applicationId });
  try {
    const seconds = (numberOption(values, "duration") ?? defaults.durationMs) / 1000;
    const how = { seconds, firstRate: defaults.firstRate, progress };
    const rate = numberOption(values, "rate");
    return rate === undefined ? await measureHighest(load, how) : await measureAt(load, rate, how);
  } finally {
    await load.close();
  }
}

async function run(values: OptionValues, terminal: Terminal): Promise<void> {
  const client = connect(values, terminal);
  const { url: httpUrl } = serverOf(values, terminal);
  const progress = (text: string): void => terminal.writeError(`${text}\n`);
  const options = loadOptions(values);
  progress(`putting ${options.population.devices} devices and ${options.gateways} gateways into ${httpUrl}`);
  const applicationId = await putBenchDevices(client, options);
  const user = await temporaryMqttUser(client, applicationId, "bench");
  let measured: Measurement;
  try {
    measured = await measure(values, { httpUrl, applicationId, user }, progress);
  } catch (error) {
    // Nothing of these parts fails by itself: the message says which address does not answer.
    throw new CommandFailed("no_server", error instanceof Error ? error.message : String(error));
  } finally {
    await user.end();
  }
  const { report, halfRate } = measured;
  const rows = [loadRow("uplinks", report), ...(halfRate ? [loadRow("half of that", halfRate)] : [])];
  if (flagOption(values, "json")) printJson(terminal, measured);
  else terminal.write(renderTable(terminal, loadTitles, rows));
  if (!isClean(report) || (halfRate !== undefined && !isClean(halfRate))) terminal.setExitCode(1);
}

export function addBenchCommand(program: Command, terminal: Terminal): void {
  const command = program.command("bench");
  command
    .option("--udp <host:port>", "where the server takes Semtech UDP", defaultUdp)
    .option("--mqtt-url <url>", "broker that the server publishes to", defaults.mqtt)
    .option("--rate <n>", "uplinks a second; else the highest is searched", integerBetween(1, 1_000_000))
    .addOption(durationOption("--duration <time>", "length of the runs that are reported", defaults.durationMs))
    .option("--devices <n>", "how many devices send", integerBetween(1, 100_000), defaults.devices)
    .option("--gateways <n>", "how many gateways", integerBetween(1, 10_000), defaults.gateways)
    .option("--copies <n>", "gateways that hear each uplink", integerBetween(1, 16), defaults.copies)
    .option("--confirmed", "confirmed uplinks, which the server answers; needs many gateways")
    .option("--payload-bytes <n>", "of each uplink", integerBetween(leastPayloadBytes, 200), defaults.payloadBytes)
    .option("--seed <n>", "another seed, other devices", integerBetween(0, 65_535), defaults.seed);
  addApiOptions(command)
    .summary("measure a running server")
    .description(
      "Puts devices into a running server, as application Benchmark, sends uplinks of theirs over real UDP and counts and " +
        "times their events on MQTT. Exits with 1 when an uplink was lost, came twice or came in the wrong order.",
    )
    .addHelpText(
      "after",
      examplesText(["upchirp bench --rate 500", "upchirp bench --devices 2000 --gateways 8 --json"]),
    )
    .action((values: OptionValues) => run(values, terminal));
}
