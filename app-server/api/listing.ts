import type { FastifyRequest } from "fastify";
import Type, { type Static } from "typebox";
import { parseTenantId } from "../../lorawan/ids.ts";
import { type ListFilter, type PageRequest, sortMembers, type Tags } from "../catalog-ports.ts";
import { type ListReach, listScope, type TenantRight } from "./access.ts";
import { callerOf } from "./authentication.ts";
import { Refusal } from "./refusal.ts";
import { pageQuery, strict, Uuid } from "./schemas.ts";

export const sortQuery = <Member extends string>(members: readonly Member[]) => ({
  sort: Type.Optional(
    Type.Enum(
      members.flatMap(member => [member, `-${member}`] as const),
      { description: "Order of the list, by name unless given; with - downwards." },
    ),
  ),
});
const tagText = Type.String({ minLength: 1, maxLength: 1101 });

/** What every list takes. */
export const plainListQuery = {
  ...pageQuery,
  ...sortQuery(sortMembers),
  search: Type.Optional(
    Type.String({ minLength: 1, maxLength: 200, description: "Beginning of the name, in any case, or of the EUI." }),
  ),
};

/** Of things that have tags and no update that lists could be in the order of. */
export const unchangingListQuery = { ...plainListQuery, ...sortQuery(["name", "createdAt"]) };

export const taggedListQuery = {
  ...plainListQuery,
  tag: Type.Optional(
    Type.Union([tagText, Type.Array(tagText, { maxItems: 100 })], {
      description: "`name=value`; given several times, every one must be there.",
    }),
  ),
};

/** Of things that belong to tenants. */
export const TenantListQuery = Type.Object({ ...taggedListQuery, tenantId: Type.Optional(Uuid) }, strict);

const PageQuery = Type.Object(plainListQuery);

/** Where in the list, how much of it, and in which order. */
export const pageRequest = (query: Omit<Static<typeof PageQuery>, "search">): PageRequest =>
  sortRequest(query, sortMembers);

interface PageQueryOf {
  readonly limit?: number;
  readonly after?: string;
  readonly sort?: string;
}

/** The same of a list that is in the order of other members. */
export function sortRequest<By extends string>(
  { limit = 100, after, sort }: PageQueryOf,
  members: readonly By[],
): PageRequest<By> {
  const by = members.find(member => member === sort?.replace("-", ""));
  return {
    limit,
    ...(after !== undefined && { after }),
    ...(by !== undefined && { sort: { by, descending: sort?.startsWith("-") ?? false } }),
  };
}

interface FilterQuery {
  readonly search?: string;
  readonly tag?: string | readonly string[];
  readonly tenantId?: string;
}

/** What the caller wants to see of what the caller may see. Throws Refusal. */
export function listFilter(
  request: FastifyRequest,
  query: FilterQuery,
  { right = "read", reach = "whole" }: { readonly right?: TenantRight; readonly reach?: ListReach } = {},
): ListFilter {
  const { search, tag, tenantId } = query;
  const tenant = tenantId === undefined ? undefined : parseTenantId(tenantId);
  return {
    ...listScope(callerOf(request), right, tenant, reach),
    ...(search !== undefined && { search }),
    ...(tag !== undefined && { tags: tagsOf([tag].flat()) }),
  };
}

function tagsOf(texts: readonly string[]): Tags {
  const pairs = texts.map(text => {
    const equals = text.indexOf("=");
    if (equals < 1) throw new Refusal("invalid_value", "A tag is asked for like site=roof.", "/querystring/tag");
    return [text.slice(0, equals), text.slice(equals + 1)] as const;
  });
  return Object.fromEntries(pairs);
}
