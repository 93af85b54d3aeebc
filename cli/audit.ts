import type { Command } from "commander";
import { addApiOptions, connect } from "./api-options.ts";
import { CommandFailed } from "./errors.ts";
import {
  duration,
  flagOption,
  integerBetween,
  isObject,
  numberOption,
  type OptionValues,
  textOption,
} from "./option-values.ts";
import { examplesText, printJson } from "./resources/commands.ts";
import { tenantQuery, textMember } from "./resources/lookup.ts";
import { cellOf, renderTable } from "./table.ts";
import type { Terminal } from "./terminal.ts";

async function list(values: OptionValues, terminal: Terminal): Promise<void> {
  const client = connect(values, terminal);
  const sinceMs = numberOption(values, "last");
  const { items } = await client.list(
    "/audit-log",
    {
      ...(await tenantQuery(client, textOption(values, "tenant"))),
      actor: textOption(values, "actor"),
      action: textOption(values, "action"),
      since: sinceMs === undefined ? undefined : new Date(terminal.clock.nowMs() - sinceMs).toISOString(),
    },
    numberOption(values, "limit") ?? 50,
  );
  if (flagOption(values, "json")) return printJson(terminal, items);
  if (items.length === 0) return terminal.write("Nothing was done.\n");
  const rows = items.map(item => [
    textMember(item, "at"),
    isObject(item.actor) ? cellOf(item.actor.name) : "",
    textMember(item, "action"),
    isObject(item.subject) ? Object.values(item.subject).map(cellOf).join(" ") : "",
    item.status === null ? "cut off" : cellOf(item.status),
  ]);
  terminal.write(renderTable(terminal, ["Time", "Who", "What", "Of", "Outcome"], rows));
}

async function verify(values: OptionValues, terminal: Terminal): Promise<void> {
  const verdict = await connect(values, terminal).record("GET", "/audit-log/verification");
  if (flagOption(values, "json")) printJson(terminal, verdict);
  if (verdict.intact !== true) throw new CommandFailed("audit_log_broken", textMember(verdict, "reason"));
  if (flagOption(values, "json")) return;
  const { entries, head } = verdict;
  terminal.write(`All ${cellOf(entries)} entries are as they were written. Signature of the newest: ${cellOf(head)}\n`);
}

export function addAuditCommands(program: Command, terminal: Terminal): void {
  const audit = program.command("audit").summary("who changed what").description("Reads and checks the audit log.");
  addApiOptions(
    audit
      .command("list")
      .option("--tenant <tenant>", "name or id")
      .option("--actor <name>", "email of a user or name of an API key")
      .option("--action <text>", "beginning of what was done, like DELETE")
      .option("--last <duration>", "not older than this, like 1h or 7d", duration)
      .option("--limit <n>", "most entries", integerBetween(1, 100_000), 50),
  )
    .summary("list changes and log-ins, newest first")
    .description("Lists changes and log-ins, newest first.")
    .addHelpText("after", examplesText(["upchirp audit list --last 7d", "upchirp audit list --action DELETE"]))
    .action((values: OptionValues) => list(values, terminal));
  addApiOptions(audit.command("verify"))
    .summary("check that nobody changed the log")
    .description(
      "Checks the signature of every entry. Keep the signature of the newest one elsewhere: it shows later that nothing was " +
        "cut off the end. Exit code 1 when an entry does not hold.",
    )
    .action((values: OptionValues) => verify(values, terminal));
}
