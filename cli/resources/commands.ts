import { type Command, Option } from "commander";
import type { ApiClient, ApiRecord, ApiRequest } from "../api-client.ts";
import { addApiOptions, connect } from "../api-options.ts";
import { UsageError } from "../errors.ts";
import {
  collected,
  flagOption,
  integerBetween,
  listOption,
  numberOption,
  type OptionValues,
  textOption,
} from "../option-values.ts";
import { cellOf, renderFields, renderTable } from "../table.ts";
import type { Terminal } from "../terminal.ts";
import { addFieldOptions, bodyOf, fieldsFor } from "./body.ts";
import { resolveId, tenantOrDefault, tenantQuery, textMember } from "./lookup.ts";
import type { Resource } from "./resource.ts";

const listLimit = 1000;
/** `API key` and `id` keep their capitals. */
const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

export const printJson = (terminal: Terminal, value: unknown): void =>
  terminal.write(`${JSON.stringify(value, null, 2)}\n`);

export const examplesText = (examples: readonly string[]): string =>
  `\n${examples.length === 1 ? "Example" : "Examples"}:\n${examples.map(line => `  ${line}`).join("\n")}`;

/** `fCntUp` as `f cnt up` would not be the specification's word: members are shown as the API spells them. */
export const fieldsOf = (record: ApiRecord): readonly (readonly [string, string])[] =>
  Object.entries(record).map(([name, value]) => [name, cellOf(value)] as const);

const forced = (values: OptionValues) => (flagOption(values, "force") ? { query: { force: "true" } } : {});

const titleOf = (resource: Resource, record: ApiRecord): string =>
  [...new Set([textMember(record, resource.nameMember), textMember(record, resource.idMember)])].join(" ");

/** Tenant to look names up in, if that narrows anything. */
const nameQuery = (resource: Resource, client: ApiClient, values: OptionValues): Promise<{ tenantId?: string }> =>
  resource.tenant === "none" ? Promise.resolve({}) : tenantQuery(client, textOption(values, "tenant"));

const withTenantOption = (command: Command, resource: Resource, description: string): Command =>
  resource.tenant === "none" ? command : command.option("--tenant <tenant>", description);

function addCreate(group: Command, resource: Resource, terminal: Terminal): void {
  const fields = fieldsFor(resource.fields, "create");
  const command = group.command("create").summary(`add ${article(resource.noun)}`);
  command.description(`Adds ${article(resource.noun)}.`);
  addFieldOptions(command, fields, "create");
  if (resource.force !== undefined) command.option("--force", resource.force);
  if (resource.tenant !== "none")
    command.option("--tenant <tenant>", "tenant, by name or id; else the only one or Default");
  addApiOptions(command)
    .addHelpText("after", examplesText(resource.examples.create ?? []))
    .action(async (values: OptionValues) => {
      const client = connect(values, terminal);
      const given = textOption(values, "tenant");
      const isOwned = resource.tenant === "owner";
      const tenantId = isOwned || given !== undefined ? await tenantOrDefault(client, given) : undefined;
      const body = await bodyOf(fields, values, client, tenantId);
      const owned = isOwned ? { tenantId, ...body } : body;
      const sent = (await resource.complete?.(owned, { client, values, terminal }, "create")) ?? owned;
      const answer = await client.record("POST", resource.path, { body: sent, ...forced(values) });
      const secrets = resource.secrets?.(answer, sent, values) ?? {};
      if (flagOption(values, "json")) return printJson(terminal, { ...answer, ...secrets });
      terminal.write(`Created ${resource.noun} ${titleOf(resource, answer)}.\n`);
      terminal.write(renderFields(terminal, Object.entries(secrets)));
      if (Object.keys(secrets).length > 0) terminal.write("Keep it now: it is not shown again.\n");
    });
}

const article = (noun: string): string => `${/^[aeio]/i.test(noun) ? "an" : "a"} ${noun}`;

function addList(group: Command, resource: Resource, terminal: Terminal): void {
  const command = group.command("list").summary(`list ${resource.noun}s`).description(`Lists ${resource.noun}s.`);
  withTenantOption(command, resource, "only those of this tenant");
  for (const { flags, reference } of resource.filters ?? [])
    command.option(flags, `only those of this ${reference.noun}`);
  if (resource.hasSearch === true) command.option("--search <text>", "only those whose name or id begins so");
  if (resource.hasOneOrder !== true) {
    command.option(
      "--sort <order>",
      "name, createdAt or updatedAt; with - before it downwards, as in --sort=-createdAt",
    );
  }
  if (resource.fields.some(({ path }) => path === "tags")) {
    const tag = new Option("--tag <name=value>", "only those with this tag; may be repeated");
    command.addOption(tag.argParser(collected));
  }
  addApiOptions(command.option("--limit <n>", "most to list", integerBetween(1, 1_000_000), listLimit)).action(
    async (values: OptionValues) => {
      const client = connect(values, terminal);
      let query: NonNullable<ApiRequest["query"]> = await nameQuery(resource, client, values);
      for (const { flags, query: name, reference } of resource.filters ?? []) {
        const given = textOption(values, flags.replace(/^--(\w+).*$/, "$1"));
        if (given !== undefined) query = { ...query, [name]: await resolveId(client, reference, given, query) };
      }
      query = {
        ...query,
        search: textOption(values, "search"),
        sort: textOption(values, "sort"),
        tag: listOption(values, "tag"),
      };
      const { items, hasMore } = await client.list(resource.path, query, numberOption(values, "limit") ?? listLimit);
      if (hasMore) terminal.writeError(`There are more than these ${items.length}; --limit shows more.\n`);
      if (flagOption(values, "json")) return printJson(terminal, items);
      const shown = (await resource.decorate?.(client, items)) ?? items;
      printTable(terminal, resource, shown);
    },
  );
}

function printTable(terminal: Terminal, resource: Resource, items: readonly ApiRecord[]): void {
  if (items.length === 0) {
    terminal.write(`There are no ${resource.noun}s.\n`);
    return;
  }
  const titles = resource.columns.map(([title]) => title);
  const rows = items.map(record => resource.columns.map(([, member]) => textMember(record, member)));
  terminal.write(renderTable(terminal, titles, rows));
}

/** One, by id or name. What cannot be read alone is found in the list. */
async function readOne(resource: Resource, client: ApiClient, id: string): Promise<ApiRecord> {
  if (resource.hasUpdate) return client.record("GET", `${resource.path}/${encodeURIComponent(id)}`);
  const { items } = await client.list(resource.path, {}, Number.MAX_SAFE_INTEGER);
  return items.find(record => record[resource.idMember] === id) ?? Promise.reject(new UsageError(`there is no ${id}`));
}

function addShow(group: Command, resource: Resource, terminal: Terminal): void {
  const command = group.command("show").argument(`<${resource.command}>`, "name or id");
  command
    .summary(`show ${article(resource.noun)}`)
    .description(`Shows all that is known of ${article(resource.noun)}.`);
  addApiOptions(withTenantOption(command, resource, "tenant to look a name up in")).action(
    async (text: string, values: OptionValues) => {
      const client = connect(values, terminal);
      const id = await resolveId(client, resource, text, await nameQuery(resource, client, values));
      const record = await readOne(resource, client, id);
      const details = (await resource.details?.(client, record)) ?? {};
      if (flagOption(values, "json")) return printJson(terminal, { ...record, ...details });
      terminal.write(renderFields(terminal, fieldsOf(record)));
      for (const [title, detail] of Object.entries(details)) printDetail(terminal, title, detail);
    },
  );
}

const isRecord = (value: unknown): value is ApiRecord =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function printDetail(terminal: Terminal, title: string, detail: unknown): void {
  const heading = `\n${capital(title)}:`;
  if (Array.isArray(detail) && detail.length > 0) {
    const rows = detail.filter(isRecord);
    const names = [...new Set(rows.flatMap(row => Object.keys(row)))];
    const table = renderTable(
      terminal,
      names,
      rows.map(row => names.map(name => cellOf(row[name]))),
    );
    terminal.write(`${heading}\n${table}`);
  } else if (isRecord(detail)) {
    terminal.write(`${heading}\n${renderFields(terminal, fieldsOf(detail))}`);
  } else terminal.write(`${heading} ${detail === null || Array.isArray(detail) ? "none" : cellOf(detail)}\n`);
}

function addUpdate(group: Command, resource: Resource, terminal: Terminal): void {
  const fields = fieldsFor(resource.fields, "update");
  const command = group.command("update").argument(`<${resource.command}>`, "name or id");
  command.summary(`change ${article(resource.noun)}`).description("Changes what is given; everything else stays.");
  addFieldOptions(command, fields, "update");
  if (resource.force !== undefined) command.option("--force", resource.force);
  addApiOptions(withTenantOption(command, resource, "tenant to look names up in"))
    .addHelpText("after", examplesText(resource.examples.update ?? []))
    .action(async (text: string, values: OptionValues) => {
      const client = connect(values, terminal);
      const query = await nameQuery(resource, client, values);
      const id = await resolveId(client, resource, text, query);
      const body = await bodyOf(fields, values, client, query.tenantId);
      const sent = (await resource.complete?.(body, { client, values, terminal }, "update")) ?? body;
      if (Object.keys(sent).length === 0) throw new UsageError("nothing to change is given; --help lists the options");
      const request = { body: sent, ...forced(values) };
      const answer = await client.record("PATCH", `${resource.path}/${encodeURIComponent(id)}`, request);
      if (flagOption(values, "json")) return printJson(terminal, answer);
      terminal.write(`Changed ${resource.noun} ${titleOf(resource, answer)}.\n`);
    });
}

function addDelete(group: Command, resource: Resource, terminal: Terminal): void {
  const command = group.command("delete").argument(`<${resource.command}>`, "name or id");
  command.summary(`delete ${article(resource.noun)}`).description(`Deletes ${article(resource.noun)}, without asking.`);
  addApiOptions(withTenantOption(command, resource, "tenant to look a name up in")).action(
    async (text: string, values: OptionValues) => {
      const client = connect(values, terminal);
      const id = await resolveId(client, resource, text, await nameQuery(resource, client, values));
      await client.call("DELETE", `${resource.path}/${encodeURIComponent(id)}`);
      if (flagOption(values, "json")) return printJson(terminal, { [resource.idMember]: id });
      terminal.write(`Deleted ${resource.noun} ${[...new Set([text, id])].join(" ")}.\n`);
    },
  );
}

/** `upchirp <resource> create|list|show|update|delete`. The group is given back for further commands. */
export function addResource(program: Command, resource: Resource, terminal: Terminal): Command {
  const group = program.command(resource.command).summary(resource.summary).description(capital(resource.summary));
  addCreate(group, resource, terminal);
  addList(group, resource, terminal);
  addShow(group, resource, terminal);
  if (resource.hasUpdate) addUpdate(group, resource, terminal);
  addDelete(group, resource, terminal);
  return group;
}
