import type { Command } from "commander";
import Type from "typebox";
import Value from "typebox/value";
import { addApiOptions, connect } from "./api-options.ts";
import { CommandFailed } from "./errors.ts";
import { Checked, Finding, renderFindings } from "./findings.ts";
import { flagOption, type OptionValues } from "./option-values.ts";
import { examplesText, printJson } from "./resources/commands.ts";
import { deviceIdOf } from "./resources/device.ts";
import type { Terminal } from "./terminal.ts";

const Diagnosis = Type.Object({
  isWell: Type.Boolean(),
  findings: Type.Array(Finding),
  checked: Type.Array(Checked),
});

async function run(text: string, values: OptionValues, terminal: Terminal): Promise<void> {
  const client = connect(values, terminal);
  const devEui = await deviceIdOf(client, text, values);
  const diagnosis = await client.record("GET", `/devices/${devEui}/diagnosis`);
  if (!Value.Check(Diagnosis, diagnosis)) {
    throw new CommandFailed("unexpected_answer", "the server's answer is not one that this version understands");
  }
  const { isWell, findings, checked } = diagnosis;
  if (flagOption(values, "json")) printJson(terminal, diagnosis);
  else {
    const [first] = findings;
    const title =
      first === undefined
        ? "All is well."
        : isWell
          ? "It works; to be noticed:"
          : "The first is the most probable cause.";
    terminal.write(`${devEui}: ${title}\n\n${renderFindings(terminal, findings, checked)}`);
  }
  if (!isWell) terminal.setExitCode(1);
}

export function addWhyCommand(program: Command, terminal: Terminal): void {
  const command = program.command("why").argument("<device>", "DevEUI or name");
  addApiOptions(command.option("--tenant <tenant>", "tenant to look a name up in"))
    .summary("why a device does not work")
    .description(
      "Says why a device is silent or does not do its work, what shows it and what to do about it; or that all is well. " +
        "Exit code 0 when all is well, 1 when not.",
    )
    .addHelpText("after", examplesText(["upchirp why 70b3d57ed0001234", "upchirp why north-wall --json"]))
    .action((text: string, values: OptionValues) => run(text, values, terminal));
}
