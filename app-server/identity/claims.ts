import { parseTenantId, type TenantId } from "../../lorawan/ids.ts";
import { type Grant, tenantRoles } from "../catalog-ports.ts";
import type { GroupRight } from "../config.ts";
import type { ExternalIdentity, ExternalRights } from "../identity-ports.ts";

export type Claims = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Claims =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** By its whole name, which may have dots, or else step by step: `realm_access.roles`. */
function claim(claims: Claims, name: string): unknown {
  if (Object.hasOwn(claims, name)) return claims[name];
  let value: unknown = claims;
  for (const part of name.split(".")) value = isObject(value) && Object.hasOwn(value, part) ? value[part] : undefined;
  return value;
}

/** What these groups mean. Of several roles in a tenant the most powerful holds. */
export function rightsOf(groups: readonly string[], meaning: readonly GroupRight[]): ExternalRights {
  const meant = meaning.filter(({ group }) => groups.includes(group));
  const grants = new Map<TenantId, Grant>();
  for (const { tenantId: text, role } of meant) {
    if (text === undefined || role === undefined) continue;
    const tenantId = parseTenantId(text);
    const before = grants.get(tenantId)?.role;
    const isMore = before === undefined || tenantRoles.indexOf(role) < tenantRoles.indexOf(before);
    if (isMore) grants.set(tenantId, { role, applicationIds: null });
  }
  return { isAdministrator: meant.some(({ administrator }) => administrator), grants };
}

/** Whom verified claims (OpenID Connect Core 1.0, 5.1) tell of; undefined without a subject. */
export function identityOf(
  claims: Claims,
  { issuer, groupsClaim, groups }: { issuer: string; groupsClaim: string; groups: readonly GroupRight[] },
): ExternalIdentity | undefined {
  const { sub: subject, email, email_verified: isVerified } = claims;
  if (typeof subject !== "string" || subject === "") return undefined;
  const names = [claim(claims, groupsClaim)].flat().filter(name => typeof name === "string");
  return {
    issuer,
    subject,
    ...(typeof email === "string" && isVerified === true && { email }),
    ...rightsOf(names, groups),
  };
}
