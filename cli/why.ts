import type { Command } from "commander";
import Type from "typebox";
import Value from "typebox/value";
import type { ApiClient, ApiRecord } from "./api-client.ts";
import { addApiOptions, connect } from "./api-options.ts";
import { CommandFailed } from "./errors.ts";
import { Checked, Finding, renderFindings } from "./findings.ts";
import { flagOption, type OptionValues } from "./option-values.ts";
import { examplesText, printJson } from "./resources/commands.ts";
import { deviceIdOf } from "./resources/device.ts";
import { textMember } from "./resources/lookup.ts";
import type { Terminal } from "./terminal.ts";

const Diagnosis = Type.Object({
  isWell: Type.Boolean(),
  findings: Type.Array(Finding),
  checked: Type.Array(Checked),
});

/** A device that is not here may be heard all the same. Throws CommandFailed where it is not, or not for this caller. */
async function diagnosisOfUnknown(client: ApiClient, devEui: string): Promise<ApiRecord> {
  const refused = (): undefined => undefined;
  const found = await client.list("/devices/unknown", { devEui }, 1).catch(refused);
  const [heard] = found?.items ?? [];
  if (heard === undefined) {
    const silence = found === undefined ? "" : " Nothing under this DevEUI has asked to join in the last seven days.";
    throw new CommandFailed("request_refused", `There is no such device.${silence}`);
  }
  const member = (name: string): string => textMember(heard, name);
  const finding = {
    code: "unknown_device",
    severity: "error",
    summary: "A device asks to join under this DevEUI, and nobody here has it.",
    evidence: [
      { what: "Join-Requests", value: member("requests") },
      { what: "the last one", value: `JoinEUI ${member("joinEui")}`, at: member("lastHeardAt") },
      { what: "heard by", value: member("gatewayIds") },
    ],
    whatToDo: [
      `Add it: upchirp device create --dev-eui ${devEui} --join-eui ${member("joinEui")} --app-key <key> --application <name> --profile <name> --name <name>`,
      "If it was added under another DevEUI, ask for that one.",
    ],
  };
  return { isWell: false, findings: [finding], checked: [] };
}

async function run(text: string, values: OptionValues, terminal: Terminal): Promise<void> {
  const client = connect(values, terminal);
  const devEui = await deviceIdOf(client, text, values);
  const diagnosis = (await client.find(`/devices/${devEui}/diagnosis`)) ?? (await diagnosisOfUnknown(client, devEui));
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
