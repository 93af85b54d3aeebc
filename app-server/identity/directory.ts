import { randomUUID } from "node:crypto";
import { Client, type Entry, ResultCodeError } from "ldapts";
import { readPem } from "../../platform/pem-file.ts";
import type { DirectoryConfig, GroupRight } from "../config.ts";
import type { ExternalIdentity, PasswordDirectory } from "../identity-ports.ts";
import { rightsOf } from "./claims.ts";
import { IdentityProviderUnavailable, reasonOf } from "./unavailable.ts";

const timeoutMs = 5000;
/** RFC 4511 4.1.9: what a directory that cannot answer now says; anything else to a bind is its verdict. */
const busyCodes: ReadonlySet<number> = new Set([51, 52]);

/** A value in a filter (RFC 4515 3): what was typed must not become part of it. */
const escaped = (text: string): string =>
  text.replace(/[\\*()\0]/g, found => `\\${found.charCodeAt(0).toString(16).padStart(2, "0")}`);

const filled = (filter: string, name: string, value: string): string =>
  filter.replaceAll(`{${name}}`, () => escaped(value));

function textsOf(entry: Entry, attribute: string): readonly string[] {
  const [, values = []] = Object.entries(entry).find(([name]) => name.toLowerCase() === attribute.toLowerCase()) ?? [];
  return [values].flat().map(value => (Buffer.isBuffer(value) ? printable(value) : value));
}

/** Text where it is some, as an entryUUID is; an objectGUID is 16 bytes. */
const printable = (value: Buffer): string =>
  /^[!-~]+$/.test(value.toString("latin1")) ? value.toString("latin1") : value.toString("hex");

/**
 * Checks passwords by a bind as the one entry that the login finds (RFC 4511 4.2). Each check has a connection of its own.
 * Throws UpchirpError at once when the file of authorities cannot be read.
 */
export function createPasswordDirectory(config: DirectoryConfig, groups: readonly GroupRight[]): PasswordDirectory {
  const { url, startTls, caFile, bindDn, bindPassword, baseDn, idAttribute, emailAttribute } = config;
  const tls = caFile === undefined ? {} : { ca: readPem("appServer.login.ldap.caFile", caFile) };
  const host = new URL(url).hostname.replace(/^\[|\]$/g, "");
  // Servers of one directory have different addresses, and the same names in it.
  const issuer = `ldap:///${encodeURI(baseDn)}`;

  const nobodyDn = `cn=nobody-${randomUUID()},${baseDn}`;

  const groupsOf = async (client: Client, dn: string): Promise<readonly string[]> => {
    const { groupBaseDn = baseDn, groupFilter, groupAttribute } = config;
    const filter = filled(groupFilter, "dn", dn);
    const { searchEntries } = await client.search(groupBaseDn, { scope: "sub", filter, attributes: [groupAttribute] });
    return searchEntries.flatMap(entry => textsOf(entry, groupAttribute));
  };
  /** Undefined unless exactly one entry is meant. */
  const find = async (client: Client, login: string) => {
    const { searchEntries } = await client.search(baseDn, {
      scope: "sub",
      filter: filled(config.userFilter, "login", login),
      attributes: [idAttribute, emailAttribute],
      explicitBufferAttributes: [idAttribute],
    });
    const [entry] = searchEntries;
    if (entry === undefined || searchEntries.length > 1) return undefined;
    const [[subject], [email]] = [textsOf(entry, idAttribute), textsOf(entry, emailAttribute)];
    return subject === undefined ? undefined : { dn: entry.dn, subject, email };
  };
  const isPassword = async (client: Client, dn: string, password: string): Promise<boolean> => {
    try {
      await client.bind(dn, password);
      return true;
    } catch (error) {
      if (error instanceof ResultCodeError && !busyCodes.has(error.code)) return false;
      throw error;
    }
  };
  const check = async (client: Client, login: string, password: string): Promise<ExternalIdentity | undefined> => {
    // Without the host a certificate of whatever name would do.
    if (startTls) await client.startTLS({ ...tls, host });
    if (bindDn !== undefined) await client.bind(bindDn, bindPassword ?? "");
    const person = await find(client, login);
    // Who is not there is asked for like who is, so that the time it takes does not tell them apart.
    const dn = person?.dn ?? nobodyDn;
    const rights = rightsOf(await groupsOf(client, dn), groups);
    if (!(await isPassword(client, dn, password)) || person === undefined) return undefined;
    const { subject, email } = person;
    return { issuer, subject, ...(email !== undefined && { email }), ...rights };
  };
  return {
    async verify(login, password) {
      // A bind without a password succeeds as nobody (RFC 4513 5.1.2).
      if (login === "" || password === "") return undefined;
      const client = new Client({
        url,
        timeout: timeoutMs,
        connectTimeout: timeoutMs,
        ...(url.startsWith("ldaps:") && { tlsOptions: tls }),
      });
      try {
        return await check(client, login, password);
      } catch (error) {
        throw new IdentityProviderUnavailable(url, reasonOf(error));
      } finally {
        await client.unbind().catch(() => {});
      }
    },
  };
}
