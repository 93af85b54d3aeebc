import type { Command } from "commander";
import type { ProgramActions } from "./actions.ts";
import { renderFindings } from "./findings.ts";
import { flagOption, type OptionValues, textOption } from "./option-values.ts";
import { printJson } from "./resources/commands.ts";
import { addServerOptions, startOptionsOf } from "./server-options.ts";
import type { Terminal } from "./terminal.ts";

async function run(values: OptionValues, actions: ProgramActions, terminal: Terminal): Promise<void> {
  const examination = await actions.doctor(startOptionsOf(values), textOption(values, "ntp"));
  const { isWell, findings, checked } = examination;
  if (flagOption(values, "json")) printJson(terminal, examination);
  else {
    const title = findings.length === 0 ? "All is well." : isWell ? "All is well; to be noticed:" : "Not all is well.";
    terminal.write(`${title}\n\n${renderFindings(terminal, findings, checked)}`);
  }
  if (!isWell) terminal.setExitCode(1);
}

export function addDoctorCommand(program: Command, actions: ProgramActions, terminal: Terminal): void {
  addServerOptions(program.command("doctor"))
    .option("--ntp <server>", "compare the clock with this time server, like pool.ntp.org")
    .option("--json", "print JSON")
    .summary("whether the server and its machine are well")
    .description(
      "Looks at configuration, data folder, disk, ports, database, state store, broker, certificates, clock and limits, with " +
        "the options that the server is started with, and says what is wrong and what to do. Changes nothing; works beside a " +
        "running server and without one. Exit code 0 when all is well, 1 when not.",
    )
    .addHelpText("after", "\nExample:\n  upchirp doctor --config /etc/upchirp/upchirp.toml --ntp pool.ntp.org")
    .action((values: OptionValues) => run(values, actions, terminal));
}
