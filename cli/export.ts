import { createWriteStream } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { type Command, Option } from "commander";
import { addApiOptions, connect } from "./api-options.ts";
import { CommandFailed, UsageError } from "./errors.ts";
import { bulkKinds } from "./import.ts";
import { type OptionValues, textOption } from "./option-values.ts";
import { applicationNames } from "./resources/application.ts";
import { examplesText } from "./resources/commands.ts";
import { resolveId, tenantOrDefault, tenantQuery } from "./resources/lookup.ts";
import type { Terminal } from "./terminal.ts";

function formatOf(values: OptionValues): string {
  const given = textOption(values, "format");
  if (given !== undefined) return given;
  const [, ending] = /\.(json|jsonl|ndjson)$/i.exec(textOption(values, "output") ?? "") ?? [];
  if (ending === undefined) return "csv";
  return ending.toLowerCase() === "json" ? "json" : "jsonl";
}

/** Under another name until it is whole: a file with the name given is never half of one. */
async function writeFile(path: string, content: AsyncIterable<Uint8Array>): Promise<void> {
  const part = `${path}.part`;
  try {
    await pipeline(content, createWriteStream(part, { mode: 0o600 }));
    await rename(part, path);
  } catch (error) {
    await rm(part, { force: true });
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    if (code === "") throw new CommandFailed("no_server", "the connection was lost; nothing was written");
    throw new CommandFailed("unreadable_file", `${path} cannot be written (${code})`);
  }
}

async function exportFile(kind: string, values: OptionValues, terminal: Terminal): Promise<void> {
  const client = connect(values, terminal);
  const tenant = textOption(values, "tenant");
  const application = textOption(values, "application");
  if (kind !== "devices" && application !== undefined) throw new UsageError("--application is for devices");
  const where =
    application === undefined
      ? { tenantId: await tenantOrDefault(client, tenant) }
      : { applicationId: await resolveId(client, applicationNames, application, await tenantQuery(client, tenant)) };
  const query = { ...where, format: formatOf(values) };
  const { body } = await client.open(`/exports/${bulkKinds[kind] ?? kind}`, { query }, terminal.interrupted);
  const content = Readable.from(body ?? []);
  const output = textOption(values, "output");
  if (output !== undefined) return writeFile(output, content);
  const decoder = new TextDecoder();
  for await (const chunk of content) terminal.write(decoder.decode(chunk, { stream: true }));
}

export function addExportCommand(program: Command, terminal: Terminal): void {
  const command = program.command("export");
  const names = Object.keys(bulkKinds);
  command
    .addArgument(command.createArgument("<kind>", names.join(", ")).choices(names))
    .option("--tenant <tenant>", "of this tenant, by name or id; else the only one or Default")
    .option("--application <application>", "devices: of this application, by name or id")
    .option("--output <file>", "write this file; else standard output")
    .addOption(new Option("--format <format>", "else by the file's name, or csv").choices(["csv", "json", "jsonl"]));
  addApiOptions(command)
    .summary("export devices, gateways, profiles or applications")
    .description(
      "Exports what `upchirp import` takes. Keys and sessions never leave the server, so they are not in it.",
    )
    .addHelpText("after", examplesText(["upchirp export devices --output devices.csv"]))
    .action((kind: string, values: OptionValues) => exportFile(kind, values, terminal));
}
