import type { ApiClient, ApiRecord, ApiRequest } from "../api-client.ts";
import { CommandFailed } from "../errors.ts";
import { cellOf } from "../table.ts";
import { type Named, uuidOf } from "./resource.ts";

/** More than these are not looked through for a name: then an id is asked for. */
const mostLookedThrough = 10_000;
const namesShown = 10;

export const tenantNames: Named = {
  noun: "tenant",
  path: "/tenants",
  idMember: "id",
  nameMember: "name",
  idOf: uuidOf,
};

export const textMember = (record: ApiRecord, name: string): string => cellOf(record[name]);

const listed = (texts: readonly string[]): string => {
  const shown = texts.slice(0, namesShown).join(", ");
  return texts.length > namesShown ? `${shown} and ${texts.length - namesShown} more` : shown;
};

function oneOf(named: Named, text: string, items: readonly ApiRecord[]): ApiRecord {
  const nameOf = (record: ApiRecord) => textMember(record, named.nameMember);
  const exact = items.filter(record => nameOf(record) === text);
  const matches =
    exact.length > 0 ? exact : items.filter(record => nameOf(record).toLowerCase() === text.toLowerCase());
  const [match] = matches;
  if (match === undefined) {
    const others = items.length === 0 ? "there is none yet" : `there are: ${listed(items.map(nameOf))}`;
    throw new CommandFailed("name_not_found", `there is no ${named.noun} ${JSON.stringify(text)}; ${others}`);
  }
  if (matches.length > 1) {
    const ids = listed(matches.map(record => textMember(record, named.idMember)));
    throw new CommandFailed(
      "name_ambiguous",
      `several have the name ${JSON.stringify(text)} (${named.noun}); give the id: ${ids}`,
    );
  }
  return match;
}

/** The one of this name. Throws CommandFailed when there is none or more than one. */
async function findByName(
  client: ApiClient,
  named: Named,
  text: string,
  query: ApiRequest["query"],
): Promise<ApiRecord> {
  const search = named.hasSearch === true ? { search: text } : {};
  const { items } = await client.list(named.path, { ...query, ...search }, mostLookedThrough);
  return oneOf(named, text, items);
}

/** The id of what is given by id or name. Throws CommandFailed. */
export async function resolveId(
  client: ApiClient,
  named: Named,
  text: string,
  query: ApiRequest["query"] = {},
): Promise<string> {
  const id = named.idOf(text);
  return id ?? textMember(await findByName(client, named, text, query), named.idMember);
}

/** The tenant given, or the only one, or the one that the first start made. Throws CommandFailed. */
export async function tenantOrDefault(client: ApiClient, given: string | undefined): Promise<string> {
  if (given !== undefined) return resolveId(client, tenantNames, given);
  const { items } = await client.list(tenantNames.path, {}, mostLookedThrough);
  const [only] = items;
  if (only !== undefined && items.length === 1) return textMember(only, "id");
  const standard = items.filter(record => record.name === "Default");
  if (standard.length === 1 && standard[0] !== undefined) return textMember(standard[0], "id");
  const names = listed(items.map(record => textMember(record, "name")));
  throw new CommandFailed("name_ambiguous", `say which tenant with --tenant; there are: ${names}`);
}

/** `tenantId` for a query when `--tenant` was given. */
export const tenantQuery = async (client: ApiClient, given: string | undefined): Promise<{ tenantId?: string }> =>
  given === undefined ? {} : { tenantId: await resolveId(client, tenantNames, given) };
