// `npm run bench`: everything that a measurement needs is started here, and gone afterwards.
import { cpus, totalmem } from "node:os";
import { Command, InvalidArgumentError } from "commander";
import { duration, flagOption, integerBetween, numberOption, type OptionValues } from "../cli/option-values.ts";
import { processTerminal } from "../cli/terminal.ts";
import type { FloorReport } from "../simulators/load/floor.ts";
import { type LoadReport, openLoad } from "../simulators/load/load.ts";
import { type Measurement, measureAt, measureFloor, measureHighest } from "../simulators/load/measure.ts";
import { leastPayloadBytes } from "../simulators/load/payload.ts";
import { maxDevices } from "../simulators/load/population.ts";
import { isClean } from "../simulators/load/truth.ts";
import { openInstallation } from "./installation.ts";
import { type Mode, modes } from "./modes.ts";
import { type Result, resultTable } from "./results.ts";

const terminal = processTerminal();
const progress = (text: string): void => terminal.writeError(`${text}\n`);

function modeNamed(name: string): Mode {
  const mode = modes.find(known => known.name === name);
  if (!mode) throw new InvalidArgumentError(`Modes are ${modes.map(known => known.name).join(", ")}.`);
  return mode;
}

const modeNames = (name: string, before: readonly Mode[] | undefined): readonly Mode[] => [
  ...(before ?? []),
  modeNamed(name),
];

function adjusted(mode: Mode, values: OptionValues): Mode {
  return {
    ...mode,
    devices: numberOption(values, "devices") ?? mode.devices,
    gateways: numberOption(values, "gateways") ?? mode.gateways,
  };
}

async function measure(mode: Mode, values: OptionValues): Promise<Omit<Result, "floorRatio">> {
  const { devices, devicesPerAddress, gateways, copies, confirmed, firstRate } = mode;
  const seconds = (numberOption(values, "duration") ?? 0) / 1000;
  const population = { seed: numberOption(values, "seed") ?? 1, devices, devicesPerAddress };
  progress(`${mode.name}: ${mode.description}; ${devices} devices, ${gateways} gateways`);
  const installation = await openInstallation({ population, gateways, enforceDutyCycle: !confirmed, progress });
  try {
    const { server, broker, provisionSeconds } = installation;
    const load = await openLoad({
      server: { host: "127.0.0.1", port: server.udpPort },
      httpUrl: server.httpUrl,
      mqtt: { url: broker.url },
      filter: "application/+/device/+/event/up",
      population,
      gateways,
      copies,
      payloadBytes: numberOption(values, "payloadBytes") ?? leastPayloadBytes,
      confirmed,
    });
    try {
      const rate = numberOption(values, "rate");
      const options = { seconds, firstRate, progress };
      const measured: Measurement =
        rate === undefined ? await measureHighest(load, options) : await measureAt(load, rate, options);
      return { mode: mode.name, devices, gateways, copies, provisionSeconds, startMs: server.startMs, ...measured };
    } finally {
      await load.close();
    }
  } finally {
    await installation.close();
  }
}

const isPassed = ({ report, halfRate }: Measurement): boolean =>
  [report, halfRate].every((each: LoadReport | undefined) => each === undefined || isClean(each));

async function run(values: OptionValues, chosen: readonly Mode[]): Promise<void> {
  const payloadBytes = numberOption(values, "payloadBytes") ?? leastPayloadBytes;
  const floor: FloorReport | undefined =
    values.floor === false
      ? undefined
      : await measureFloor({ gateways: 16, payloadBytes, firstRate: 10_000, progress });
  const results: Result[] = [];
  for (const mode of chosen) {
    const result = await measure(adjusted(mode, values), values);
    const { framesPerSecond } = result.report;
    results.push({ ...result, ...(floor && { floorRatio: floor.framesPerSecond / framesPerSecond }) });
  }
  const machine = { cores: cpus().length, memoryBytes: totalmem(), node: process.version, platform: process.platform };
  if (flagOption(values, "json")) terminal.write(`${JSON.stringify({ machine, floor, results }, undefined, 2)}\n`);
  else terminal.write(resultTable(terminal, floor, results));
  if (!results.every(isPassed)) terminal.setExitCode(1);
}

const program = new Command("npm run bench --")
  .description(
    "Starts a server in a temporary folder with Mosquitto, a load generator and a subscriber, and finds the highest rate " +
      "at which nothing is lost. Exits with 1 when an uplink was lost, came twice or came in the wrong order.",
  )
  .argument("[modes...]", "what to measure; everything when left out", modeNames)
  .option("--rate <n>", "uplinks a second; without it the highest rate is searched", integerBetween(1, 1_000_000))
  .option("--duration <time>", "length of the runs that are reported", duration, 20_000)
  .option("--devices <n>", "devices in the server", integerBetween(1, maxDevices))
  .option("--gateways <n>", "gateways in the server", integerBetween(1, 10_000))
  .option("--payload-bytes <n>", "of each uplink", integerBetween(leastPayloadBytes, 200), 16)
  .option("--seed <n>", "other devices, keys and addresses", integerBetween(0, 65_535), 1)
  .option("--no-floor", "do not measure what receiving and parsing alone takes")
  .option("--json", "print JSON instead of a table")
  .addHelpText(
    "after",
    "\nModes:\n" +
      modes.map(({ name, description }) => `  ${name.padEnd(16)}${description}\n`).join("") +
      "\nExamples:\n  npm run bench\n  npm run bench -- uplinks --rate 2000 --duration 30s --no-floor --json",
  )
  .action((chosen: readonly Mode[], values: OptionValues) => run(values, chosen.length > 0 ? chosen : modes));

await program.exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2)).parseAsync();
