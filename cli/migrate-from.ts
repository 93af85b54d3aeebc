import type { Command } from "commander";
import type { ProgramActions } from "./actions.ts";
import { UsageError } from "./errors.ts";
import type { MigrationOrigin, MigrationRequest } from "./migration-request.ts";
import {
  collected,
  flagOption,
  integerBetween,
  listOption,
  numberOption,
  type OptionValues,
  textOption,
} from "./option-values.ts";
import { addServerOptions, startOptionsOf } from "./server-options.ts";
import type { Terminal } from "./terminal.ts";

/** LoRaWAN up to 1.0.3 lets a device refuse a gap of 16,384. */
const mostSkipped = 10_000;

/** Commands that bring devices from other servers. */
export function addMigrateFromCommands(program: Command, actions: ProgramActions, terminal: Terminal): void {
  const group = program
    .command("migrate-from")
    .summary("bring devices from another server")
    .description(
      "Brings tenants, users, applications, profiles, gateways and devices from another server, with keys, counters and " +
        "waiting downlinks, so that devices go on without joining again. The other server is only read. With embedded parts, " +
        "stop this server before. A run that was ended, or made early, is repeated: counters never go back.",
    );
  addRequestOptions(addServerOptions(group.command("chirpstack")))
    .option("--from-postgres <url>", "ChirpStack's PostgreSQL")
    .option("--from-sqlite <file>", "ChirpStack's SQLite file")
    .option("--from-redis <url>", "ChirpStack's Redis; before version 4.7 the sessions are there")
    .option("--redis-prefix <text>", "key_prefix of ChirpStack's Redis configuration", "")
    .summary("bring devices from ChirpStack 4")
    .description("Reads the database of ChirpStack 4. Stop ChirpStack before, but for a dry run.")
    .addHelpText(
      "after",
      "\nExamples:\n  upchirp migrate-from chirpstack --from-postgres postgres://chirpstack@localhost/chirpstack --dry-run" +
        "\n  upchirp migrate-from chirpstack --from-sqlite /var/lib/chirpstack/chirpstack.sqlite --data /var/lib/upchirp",
    )
    .action((values: OptionValues) => run(actions, terminal, values, chirpStackOrigin(values)));
  addRequestOptions(addServerOptions(group.command("things-stack").alias("ttn")))
    .option("--devices <file>", "end devices as JSON; may be repeated", collected)
    .option("--gateways <file>", "gateways as JSON; may be repeated", collected)
    .option("--tenant <name>", "tenant that everything goes into; made if it is not there", "The Things Stack")
    .summary("bring devices from The Things Stack")
    .description("Reads end devices and gateways as `ttn-lw-cli` and `ttn-lw-migrate` write them.")
    .addHelpText(
      "after",
      "\nExample:\n  upchirp migrate-from things-stack --devices devices.json --gateways gateways.json",
    )
    .action((values: OptionValues) => run(actions, terminal, values, thingsStackOrigin(values)));
}

const addRequestOptions = (command: Command): Command =>
  command
    .option("--dry-run", "read everything, say what would be done, and write nothing")
    .option("--report <file>", "write the whole report as JSON")
    .option("--kek <label=hex>", "a key that the other server's keys are wrapped under; may be repeated", collected)
    .option(
      "--skip-downlinks <count>",
      "leave so many downlink counters out, for frames that the other server sends yet",
      integerBetween(0, mostSkipped),
    )
    .option("--without-queues", "leave waiting downlinks where they are");

async function run(
  actions: ProgramActions,
  terminal: Terminal,
  values: OptionValues,
  origin: MigrationOrigin,
): Promise<void> {
  const reportFile = textOption(values, "report");
  const request: MigrationRequest = {
    origin,
    isDryRun: flagOption(values, "dryRun"),
    keks: listOption(values, "kek").map(kekOf),
    skippedDownlinks: numberOption(values, "skipDownlinks") ?? 0,
    withQueues: !flagOption(values, "withoutQueues"),
    ...(reportFile !== undefined && { reportFile }),
  };
  const isComplete = await actions.migrateFrom(startOptionsOf(values), request);
  if (!isComplete) terminal.setExitCode(1);
}

function chirpStackOrigin(values: OptionValues): MigrationOrigin {
  const postgres = textOption(values, "fromPostgres");
  const sqlite = textOption(values, "fromSqlite");
  if ((postgres === undefined) === (sqlite === undefined)) {
    throw new UsageError("give either --from-postgres or --from-sqlite");
  }
  const redis = textOption(values, "fromRedis");
  return {
    kind: "chirpstack",
    database: postgres === undefined ? { sqlite: sqlite ?? "" } : { postgres },
    redisPrefix: textOption(values, "redisPrefix") ?? "",
    ...(redis !== undefined && { redis }),
  };
}

function thingsStackOrigin(values: OptionValues): MigrationOrigin {
  const devices = listOption(values, "devices");
  const gateways = listOption(values, "gateways");
  if (devices.length + gateways.length === 0) throw new UsageError("give --devices, --gateways or both");
  return { kind: "things-stack", devices, gateways, tenant: textOption(values, "tenant") ?? "" };
}

function kekOf(text: string): { readonly kekLabel: string; readonly kek: Uint8Array } {
  const at = text.lastIndexOf("=");
  const [kekLabel, hex] = [text.slice(0, at), text.slice(at + 1)];
  // The text holds a key, so it is not repeated.
  if (at < 1 || !/^(?:[0-9a-fA-F]{32}|[0-9a-fA-F]{48}|[0-9a-fA-F]{64})$/.test(hex)) {
    throw new UsageError("--kek: label=key is expected, with a key of 32, 48 or 64 hex digits");
  }
  return { kekLabel, kek: Buffer.from(hex, "hex") };
}
