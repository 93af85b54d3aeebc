import { randomUUID } from "node:crypto";
import { type Command, Option } from "commander";
import { regionNames } from "../lorawan/region/region.ts";
import { chirpStackProfiles } from "../profile-sources/chirpstack.ts";
import { type Finding, type ProfileSource, UnusableFile } from "../profile-sources/source.ts";
import { ttnProfiles } from "../profile-sources/ttn.ts";
import type { ApiClient, ApiRecord } from "./api-client.ts";
import { addApiOptions, connect } from "./api-options.ts";
import { checkoutIn } from "./checkout.ts";
import { CommandFailed } from "./errors.ts";
import { summaryOf } from "./import.ts";
import { countOf } from "./import-progress.ts";
import { collected, flagOption, listOption, type OptionValues, textOption } from "./option-values.ts";
import { examplesText, printJson } from "./resources/commands.ts";
import { tenantOrDefault, textMember } from "./resources/lookup.ts";
import { cellOf } from "./table.ts";
import type { Terminal } from "./terminal.ts";

const sources: Readonly<Record<string, ProfileSource>> = { ttn: ttnProfiles, chirpstack: chirpStackProfiles };

/** What a repository had that was not taken, or not wholly. */
interface Report {
  readonly skipped: { readonly what: string; readonly why: string }[];
  readonly notes: { readonly what: string; readonly note: string }[];
  /** What the line of this number was made of. */
  readonly lines: string[];
}

/** JSON lines for the server, read from the folder while they are sent. */
async function* linesOf(findings: AsyncGenerator<Finding>, report: Report): AsyncGenerator<Uint8Array> {
  for await (const finding of findings) {
    if (finding.kind === "skipped") {
      report.skipped.push({ what: finding.what, why: finding.why });
      continue;
    }
    report.notes.push(...finding.notes.map(note => ({ what: finding.what, note })));
    report.lines.push(finding.what);
    yield Buffer.from(`${JSON.stringify(finding.record)}\n`);
  }
}

function faultsOf(items: readonly ApiRecord[], { lines }: Report): Report["skipped"] {
  return items.map(fault => {
    const what = lines[(typeof fault.line === "number" ? fault.line : 0) - 1] ?? "the file";
    const column = fault.column === null ? "" : `${cellOf(fault.column)}: `;
    return { what, why: `${column}${cellOf(fault.message)}` };
  });
}

async function send(client: ApiClient, values: OptionValues, content: AsyncIterable<Uint8Array>): Promise<ApiRecord> {
  const query = {
    tenantId: await tenantOrDefault(client, textOption(values, "tenant")),
    format: "json",
    onExisting: textOption(values, "onExisting") ?? "update",
    key: randomUUID(),
    ...(flagOption(values, "dryRun") && { dryRun: "true" }),
    ...(flagOption(values, "force") && { force: "true" }),
  };
  return client.upload("/imports/device-profiles", query, content);
}

async function importProfiles(values: OptionValues, terminal: Terminal): Promise<void> {
  const client = connect(values, terminal);
  const source = sources[textOption(values, "format") ?? ""] ?? ttnProfiles;
  const filter = { vendors: listOption(values, "vendor"), regions: listOption(values, "region") };
  const report: Report = { skipped: [], notes: [], lines: [] };
  const findings = source(checkoutIn(textOption(values, "from") ?? "."), filter);
  const first = await findings.next().catch((error: unknown) => {
    if (!(error instanceof UnusableFile)) throw error;
    throw new CommandFailed("unreadable_file", `this is no checkout of such a repository: ${error.message}`);
  });
  if (first.done === true) throw new CommandFailed("name_not_found", "there is nothing of these vendors and regions");
  async function* all(): AsyncGenerator<Finding> {
    if (first.done !== true) yield first.value;
    yield* findings;
  }
  const done = await send(client, values, linesOf(all(), report));
  const { items } = await client.list(`/imports/${textMember(done, "id")}/faults`, {}, Number.MAX_SAFE_INTEGER);
  const skipped = [...report.skipped, ...faultsOf(items, report)];
  if (flagOption(values, "json")) return printJson(terminal, { ...done, skipped, notes: report.notes });
  for (const { what, note } of report.notes) terminal.write(`note: ${what}: ${note}\n`);
  for (const { what, why } of skipped) terminal.write(`skipped: ${what}: ${why}\n`);
  terminal.write(summaryOf(done));
  if (countOf(done, "faults") > 0) terminal.setExitCode(1);
}

export function addImportProfilesCommand(program: Command, terminal: Terminal): void {
  const command = program.command("import-profiles");
  command
    .requiredOption("--from <folder>", "checkout of a repository of device profiles")
    .addOption(
      new Option(
        "--format <format>",
        "ttn: The Things Network's lorawan-devices; chirpstack: chirpstack-device-profiles",
      )
        .choices(Object.keys(sources))
        .makeOptionMandatory(),
    )
    .addOption(new Option("--vendor <id>", "only this vendor; may be repeated").argParser(collected))
    .addOption(
      new Option("--region <region>", "only this region; may be repeated").argParser(
        (text: string, before: readonly string[] | undefined) => collected(text.toUpperCase(), before),
      ),
    )
    .addOption(
      new Option("--on-existing <what>", "what is done with profiles that were imported before")
        .choices(["skip", "update"])
        .default("update"),
    )
    .option("--tenant <tenant>", "tenant to import into, by name or id; else the only one or Default")
    .option("--force", "take codecs although they do not load or do not pass their cases")
    .option("--dry-run", "tell what would come of it, and write nothing");
  addApiOptions(command)
    .summary("import device profiles and codecs from a repository")
    .description(
      `Imports device profiles with their codecs, one for each device, firmware and region. A second time those that have ` +
        `changed are updated. Regions: ${regionNames.join(", ")}.`,
    )
    .addHelpText(
      "after",
      examplesText(["upchirp import-profiles --from ./lorawan-devices --format ttn --vendor elsys --region EU868"]),
    )
    .action((values: OptionValues) => importProfiles(values, terminal));
}
