import { parseArgs } from "node:util";
import { reportText } from "./report.ts";
import { type ChaosOptions, runChaos, type SetName, sets } from "./run.ts";

const help = `Usage: npm run chaos -- [options]

Starts a server with its stores and a broker, loads it with simulated devices over UDP, breaks
things at random moments, and checks that nothing is lost, doubled or used twice.

  --minutes <n>   how long to break things (default 10)
  --seed <n>      other devices, other faults, other moments (default 1)
  --set <name>    embedded: one process with everything inside; scaled: each role in a process of
                  its own, on PostgreSQL and Redis (default embedded)
  --rate <n>      uplinks a second (default 60)
  --fault <kind>  only this kind; may be repeated; an unknown one lists all
  --keep          leave the folder with logs and data behind; it stays after a violation anyway
  --json          print the report as JSON
  --help

Mosquitto has to be installed, and Redis for the scaled set. docs/reliability.md says what each
fault may cost. Exits with 1 when a promise was broken, and with 2 when nothing could be tried.
`;

class UsageError extends Error {}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new UsageError(`--${name}: a number above 0 is expected, not ${text}`);
  return value;
}

function setNamed(name: string): SetName {
  if (name === "embedded" || name === "scaled") return name;
  throw new UsageError(`--set: ${name} is none of ${Object.keys(sets).join(", ")}`);
}

function readArguments() {
  const { values } = parseArgs({
    options: {
      minutes: { type: "string", default: "10" },
      seed: { type: "string", default: "1" },
      set: { type: "string", default: "embedded" },
      rate: { type: "string", default: "60" },
      fault: { type: "string", multiple: true },
      keep: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  const seed = Number(values.seed);
  if (!Number.isInteger(seed) || seed < 0)
    throw new UsageError(`--seed: a whole number is expected, not ${values.seed}`);
  const options: ChaosOptions = {
    set: setNamed(values.set),
    seed,
    durationMs: positive("minutes", values.minutes) * 60_000,
    uplinksPerSecond: positive("rate", values.rate),
    ...(values.fault && { kinds: values.fault }),
    pauseMs: { from: 1000, to: 6000 },
    keepFolder: values.keep,
    progress: text => process.stderr.write(process.stderr.isTTY ? `\r\u001b[2K${text}` : `${text}\n`),
  };
  return { options, asJson: values.json, wantsHelp: values.help };
}

async function main(): Promise<number> {
  const { options, asJson, wantsHelp } = readArguments();
  if (wantsHelp) {
    process.stdout.write(help);
    return 0;
  }
  const report = await runChaos(options);
  if (process.stderr.isTTY) process.stderr.write("\n");
  process.stdout.write(asJson ? `${JSON.stringify(report, undefined, 2)}\n` : reportText(report));
  return report.passed ? 0 : 1;
}

for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(2));
try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  // What was started before ends with this process.
  process.exit(2);
}
