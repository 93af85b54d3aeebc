import type { Command } from "commander";
import type { ProgramActions } from "./actions.ts";
import { addMigrateFromCommands } from "./migrate-from.ts";
import { flagOption, type OptionValues } from "./option-values.ts";
import { addServerOptions, startOptionsOf } from "./server-options.ts";
import type { Terminal } from "./terminal.ts";

/** Commands that run the server, or a part of it, in this process. */
export function addServerCommands(program: Command, actions: ProgramActions, terminal: Terminal): void {
  addServerOptions(program.command("start"))
    .summary("run the server")
    .description(
      "Runs the server until it is told to stop (Ctrl+C). The first start prints the administrator's password.",
    )
    .addHelpText("after", "\nExamples:\n  upchirp start\n  upchirp start --data /var/lib/upchirp --http-port 80")
    .action((values: OptionValues) => actions.start(startOptionsOf(values)));

  addServerOptions(program.command("demo"))
    .summary("run the server with a simulated gateway and devices")
    .description("Runs the server with a simulated gateway and four devices, and prints their joins and readings.")
    .addHelpText("after", "\nExample:\n  upchirp demo --data ./demo-data")
    .action((values: OptionValues) => actions.demo(startOptionsOf(values)));

  addServerOptions(program.command("migrate"))
    .summary("bring the database up to date")
    .description("Applies the migrations that the database has not seen, and ends. `start` does this too.")
    .addHelpText("after", "\nExample:\n  upchirp migrate --postgres-url postgres://upchirp@db.example/upchirp")
    .action((values: OptionValues) => actions.migrate(startOptionsOf(values)));

  addServerOptions(program.command("migrate-state"))
    .summary("bring the embedded state into Redis")
    .description(
      "Copies devices, queues, events that are not delivered yet and gateway states from the data folder into the Redis of " +
        "the configuration, and puts the old state aside. Stop the server before. A run that was ended is repeated.",
    )
    .addHelpText(
      "after",
      "\nExample:\n  upchirp migrate-state --data /var/lib/upchirp --set state.redis.url=redis://redis.example",
    )
    .action((values: OptionValues) => actions.migrateState(startOptionsOf(values)));

  addMigrateFromCommands(program, actions, terminal);

  addServerOptions(program.command("config"))
    .option("--example", "print a documented example file instead")
    .summary("print the configuration")
    .description(
      "Prints the configuration as it takes effect, from file, environment and options; secrets are left out.",
    )
    .addHelpText(
      "after",
      "\nExamples:\n  upchirp config --config upchirp.toml\n  upchirp config --example > upchirp.toml",
    )
    .action(async (values: OptionValues) => {
      const isExample = flagOption(values, "example");
      const text = isExample ? actions.exampleConfig() : await actions.printConfig(startOptionsOf(values));
      terminal.write(text.endsWith("\n") ? text : `${text}\n`);
    });

  addServerOptions(program.command("rotate-keys"))
    .summary("encrypt stored keys anew")
    .description(
      "Makes a new key-encryption key and encrypts every stored device key under it. Stop the server before, and make a " +
        "new backup of the key file after.",
    )
    .addHelpText("after", "\nExample:\n  upchirp rotate-keys --data /var/lib/upchirp")
    .action((values: OptionValues) => actions.rotateKeys(startOptionsOf(values)));
}
