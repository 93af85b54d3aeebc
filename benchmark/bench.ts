// `npm run bench`: everything that a measurement needs is started here, and gone afterwards.
import { cpus, totalmem } from "node:os";
import { Command, InvalidArgumentError, Option } from "commander";
import {
  durationOption,
  flagOption,
  integerBetween,
  numberOption,
  type OptionValues,
  textOption,
} from "../cli/option-values.ts";
import { processTerminal } from "../cli/terminal.ts";
import { measureFloor } from "../simulators/load/measure.ts";
import { leastPayloadBytes } from "../simulators/load/payload.ts";
import { maxDevices } from "../simulators/load/population.ts";
import { ProgramMissing } from "./child-servers.ts";
import { type InstallationSet, installationSets } from "./installation.ts";
import { runMicro } from "./micro.ts";
import { type Mode, modes } from "./modes.ts";
import { isPassed, microText, type RatedResult, resultText } from "./results.ts";
import { type RunOptions, runMode } from "./run-mode.ts";

const terminal = processTerminal();
const progress = (text: string): void => terminal.writeError(`${text}\n`);
const interrupted = new Promise<never>((_, reject) => {
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => reject(new Error("interrupted")));
});
// Nobody may be waiting for it yet.
interrupted.catch(() => {});
const setNames = Object.keys(installationSets);
const defaults = { seconds: 20, payloadBytes: 16, seed: 1, set: "embedded", microMs: 1000 };

function modeNames(name: string, before: readonly Mode[] | undefined): readonly Mode[] {
  const mode = modes.find(known => known.name === name);
  if (!mode) throw new InvalidArgumentError(`Modes are ${modes.map(known => known.name).join(", ")}.`);
  return [...(before ?? []), mode];
}

function adjusted(mode: Mode, values: OptionValues): Mode {
  const devices = numberOption(values, "devices") ?? mode.devices;
  return {
    ...mode,
    devices,
    senders: Math.min(devices, numberOption(values, "senders") ?? mode.senders),
    gateways: Math.max(mode.copies, numberOption(values, "gateways") ?? mode.gateways),
  };
}

const isSet = (name: string | undefined): name is InstallationSet => name !== undefined && name in installationSets;

function runOptions(values: OptionValues): RunOptions {
  const rate = numberOption(values, "rate");
  const profileFolder = textOption(values, "cpuProfile");
  const set = textOption(values, "set");
  return {
    set: isSet(set) ? set : "embedded",
    networkServers: numberOption(values, "networkServers") ?? 1,
    seed: numberOption(values, "seed") ?? defaults.seed,
    seconds: (numberOption(values, "duration") ?? defaults.seconds * 1000) / 1000,
    payloadBytes: numberOption(values, "payloadBytes") ?? defaults.payloadBytes,
    ...(rate !== undefined && { rate }),
    ...(profileFolder !== undefined && { profileFolder }),
    progress,
    interrupted,
  };
}

const machine = { cores: cpus().length, memoryBytes: totalmem(), node: process.version, platform: process.platform };
const printJson = (value: unknown): void => terminal.write(`${JSON.stringify(value, undefined, 2)}\n`);

async function run(values: OptionValues, chosen: readonly Mode[]): Promise<void> {
  const options = runOptions(values);
  const { payloadBytes } = options;
  const isFloorWanted = values.floor !== false;
  const floor = isFloorWanted ? await measureFloor({ payloadBytes, progress }) : undefined;
  const results: RatedResult[] = [];
  for (const mode of chosen) {
    const result = await runMode(adjusted(mode, values), options);
    const { framesPerSecond } = result.report;
    results.push({ ...result, ...(floor && { floorRatio: floor.framesPerSecond / framesPerSecond }) });
  }
  if (flagOption(values, "json")) printJson({ machine, floor, results });
  else terminal.write(resultText(terminal, floor, results));
  if (!results.every(isPassed)) terminal.setExitCode(1);
}

async function micro(values: OptionValues): Promise<void> {
  const parts = await runMicro(numberOption(values, "time") ?? defaults.microMs);
  if (flagOption(values, "json")) printJson({ machine, parts });
  else terminal.write(microText(terminal, parts));
}

const listText = (title: string, entries: readonly (readonly [name: string, text: string])[]): string =>
  `\n${title}:\n${entries.map(([name, text]) => `  ${name.padEnd(16)}${text}\n`).join("")}`;

const program = new Command("npm run bench --")
  .description(
    "Starts a server in a temporary folder with Mosquitto, a load generator and a subscriber, and finds the highest rate " +
      "at which nothing is lost. Exits with 1 when an uplink was lost, came twice or came in the wrong order.",
  )
  .argument("[modes...]", "what to measure; everything when left out", modeNames)
  .addOption(new Option("--set <name>", "what the installation is made of").choices(setNames).default(defaults.set))
  .option("--network-servers <n>", "processes with that role in the set roles", integerBetween(1, 16), 1)
  .option("--rate <n>", "uplinks a second; without it the highest rate is searched", integerBetween(1, 1_000_000))
  .addOption(durationOption("--duration <time>", "length of the runs that are reported", defaults.seconds * 1000))
  .option("--devices <n>", "devices in the server", integerBetween(1, maxDevices))
  .option("--senders <n>", "how many of them send", integerBetween(1, maxDevices))
  .option("--gateways <n>", "gateways in the server", integerBetween(1, 10_000))
  .option("--payload-bytes <n>", "of each uplink", integerBetween(leastPayloadBytes, 200), defaults.payloadBytes)
  .option("--seed <n>", "other devices, keys and addresses", integerBetween(0, 65_535), defaults.seed)
  .option("--cpu-profile <folder>", "the server leaves CPU profiles there")
  .option("--no-floor", "do not measure what receiving and parsing alone takes")
  .option("--json", "print JSON instead of a table")
  .addHelpText(
    "after",
    listText(
      "Modes",
      modes.map(({ name, description }) => [name, description]),
    ) +
      listText("Sets", Object.entries(installationSets)) +
      "\nExamples:\n  npm run bench\n  npm run bench -- uplinks --rate 2000 --duration 30s --no-floor --json",
  )
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  .action((chosen: readonly Mode[], values: OptionValues) => run(values, chosen.length > 0 ? chosen : modes));

program
  .command("micro")
  .summary("time single parts of an uplink's way")
  .description("Times frame codec, cryptography, state store, codec sandbox and event JSON, each by itself.")
  .addOption(durationOption("--time <time>", "for each part", defaults.microMs))
  .option("--json", "print JSON instead of a table")
  .addHelpText("after", "\nExample:\n  npm run bench -- micro --time 3s")
  .action((values: OptionValues) => micro(values));

try {
  await program.parseAsync();
} catch (error) {
  terminal.writeError(`error: ${error instanceof ProgramMissing ? error.message : String(error)}\n`);
  // What an interruption left under way has nothing to work on any more.
  process.exit(1);
}
