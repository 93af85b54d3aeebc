import { createHash, randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { Readable } from "node:stream";
import { type Command, Option } from "commander";
import type { ApiClient, ApiRecord } from "./api-client.ts";
import { addApiOptions, connect } from "./api-options.ts";
import { CommandFailed, UsageError } from "./errors.ts";
import { countOf, showProgress } from "./import-progress.ts";
import { flagOption, type OptionValues, textOption } from "./option-values.ts";
import { applicationNames } from "./resources/application.ts";
import { examplesText, printJson } from "./resources/commands.ts";
import { resolveId, tenantOrDefault, tenantQuery, textMember } from "./resources/lookup.ts";
import { cellOf } from "./table.ts";
import type { Terminal } from "./terminal.ts";

/** What the command line calls things, and the API. */
export const bulkKinds: Readonly<Record<string, string>> = {
  devices: "devices",
  gateways: "gateways",
  profiles: "device-profiles",
  applications: "applications",
};

interface SourceFile {
  readonly size: number;
  open(): AsyncIterable<Uint8Array>;
}

async function sourceOf(path: string, terminal: Terminal): Promise<SourceFile> {
  if (path === "-") {
    const text = Buffer.from(await terminal.readStandardInput());
    return { size: text.length, open: () => Readable.from([text]) };
  }
  const { size } = await stat(path).catch((error: NodeJS.ErrnoException) => {
    throw new CommandFailed("unreadable_file", `${path} cannot be read (${error.code ?? "error"})`);
  });
  return { size, open: () => createReadStream(path) };
}

function formatOf(path: string, values: OptionValues): string {
  const given = textOption(values, "format");
  if (given !== undefined) return given;
  return /\.(json|jsonl|ndjson)$/i.test(path) ? "json" : "csv";
}

async function queryOf(kind: string, path: string, values: OptionValues, client: ApiClient) {
  const tenant = textOption(values, "tenant");
  const application = textOption(values, "application");
  const where =
    application === undefined
      ? { tenantId: await tenantOrDefault(client, tenant) }
      : { applicationId: await resolveId(client, applicationNames, application, await tenantQuery(client, tenant)) };
  const profile = textOption(values, "profile");
  if (kind !== "devices" && (application !== undefined || profile !== undefined)) {
    throw new UsageError("--application and --profile are for devices");
  }
  if (kind !== "profiles" && flagOption(values, "force")) throw new UsageError("--force is for profiles");
  return {
    ...where,
    format: formatOf(path, values),
    onExisting: textOption(values, "onExisting") ?? "fail",
    ...(profile !== undefined && { deviceProfile: profile }),
    ...(flagOption(values, "dryRun") && { dryRun: "true" }),
    ...(flagOption(values, "force") && { force: "true" }),
  };
}

type ImportQuery = Awaited<ReturnType<typeof queryOf>>;

/** Of the file and of what is to be done with it: the same command finds the import that it had begun. */
async function fingerprintOf(source: SourceFile, kind: string, query: ImportQuery): Promise<string> {
  const hash = createHash("sha256").update(JSON.stringify([kind, query]));
  for await (const chunk of source.open()) hash.update(chunk);
  return hash.digest("hex");
}

/** The key of the import that this command had begun and that was cut off, or one that nothing has yet. */
async function keyOf(client: ApiClient, source: SourceFile, kind: string, query: ImportQuery): Promise<string> {
  if ("dryRun" in query) return randomUUID();
  const fingerprint = await fingerprintOf(source, kind, query);
  for (let round = 0; ; round += 1) {
    const key = `${fingerprint}.${round}`;
    const { items } = await client.list("/imports", { key }, 1);
    if (items[0]?.state !== "finished") return key;
  }
}

export function summaryOf(done: ApiRecord): string {
  const counts = ["created", "updated", "unchanged", "skipped"].map(name => `${countOf(done, name)} ${name}`);
  const isDryRun = done.isDryRun === true;
  const records = countOf(done, "position");
  const what = `${records} ${records === 1 ? "record" : "records"}: ${counts.join(", ")}, ${countOf(done, "failed")} not taken.`;
  return isDryRun ? `Nothing was written. It would be ${what}\n` : `${what}\n`;
}

const faultLine = (fault: ApiRecord): string => {
  const column = fault.column === null ? "" : `, ${cellOf(fault.column)}`;
  return `line ${cellOf(fault.line)}${column}: ${cellOf(fault.message)}\n`;
};

async function importFile(kind: string, path: string, values: OptionValues, terminal: Terminal): Promise<void> {
  const client = connect(values, terminal);
  const source = await sourceOf(path, terminal);
  const query = await queryOf(kind, path, values, client);
  const key = await keyOf(client, source, kind, query);
  const progress = showProgress(client, key, source.size, terminal);
  const done = await client
    .upload(`/imports/${bulkKinds[kind] ?? kind}`, { ...query, key, size: String(source.size) }, source.open())
    .finally(() => progress.end());
  const { items: faults } = await client.list(`/imports/${textMember(done, "id")}/faults`, {}, Number.MAX_SAFE_INTEGER);
  if (flagOption(values, "json")) printJson(terminal, { ...done, faults });
  else {
    for (const fault of faults) terminal.write(faultLine(fault));
    terminal.write(summaryOf(done));
    const untold = countOf(done, "faults") - faults.length;
    if (untold > 0) terminal.write(`There are ${untold} faults more; correct these first.\n`);
  }
  if (countOf(done, "faults") > 0) terminal.setExitCode(1);
}

export function addImportCommand(program: Command, terminal: Terminal): void {
  const command = program.command("import");
  const names = Object.keys(bulkKinds);
  command
    .addArgument(command.createArgument("<kind>", names.join(", ")).choices(names))
    .argument("<file>", "CSV or JSON; - is standard input")
    .option("--tenant <tenant>", "tenant to import into, by name or id; else the only one or Default")
    .option("--application <application>", "devices: into this application, by name or id")
    .option("--profile <profile>", "devices: profile of those that name none, by name or id")
    .addOption(
      new Option("--format <format>", "else by the file's name").choices(["csv", "json", "tts-csv", "tts-json"]),
    )
    .addOption(
      new Option("--on-existing <what>", "what is done with what is there already")
        .choices(["skip", "update", "fail"])
        .default("fail"),
    )
    .option("--force", "profiles: take codecs although they do not load or do not pass their cases")
    .option("--dry-run", "tell what would come of it, and write nothing");
  addApiOptions(command)
    .summary("import devices, gateways, profiles or applications")
    .description(
      "Imports a CSV or JSON file. Lines that are wrong are told and left out; exit code 1 then. The same command again goes " +
        "on with an import that was cut off.",
    )
    .addHelpText(
      "after",
      examplesText([
        "upchirp import devices meters.csv --dry-run",
        "upchirp import devices meters.csv --application water --profile meter --on-existing update",
      ]),
    )
    .action((kind: string, path: string, values: OptionValues) => importFile(kind, path, values, terminal));
}
