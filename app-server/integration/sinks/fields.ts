import Type, { type TSchema } from "typebox";
import type { SettingFault } from "../../integration-ports.ts";
import { unknownPlaceholders } from "../placeholders.ts";

export const strict = { additionalProperties: false } as const;

const pem = (description: string) => Type.Optional(Type.String({ maxLength: 100_000, description }));

export const caCertificate = pem("PEM: authorities that the server's certificate is of.");
export const username = Type.Optional(Type.String({ maxLength: 500, description: "User name." }));
export const password = Type.Optional(Type.String({ maxLength: 10_000, description: "Password." }));
/** Secrets by which a client proves who it is in TLS. */
export const clientTls = { clientCertificate: pem("PEM."), clientKey: pem("PEM: its key.") };

/** Settings of a database with tables, beside where it is and who logs in. */
export const databaseTls = Type.Optional(
  Type.Boolean({
    description: "Whether connections have to be encrypted; true unless given, certificates are checked.",
  }),
);
export const tables = <Name extends TSchema>(name: Name) => ({
  table: Type.Optional({ ...name, description: "Table of events; upchirp_events unless given." }),
  measurementsTable: Type.Optional({
    ...name,
    description: "Each measurement of a decoded payload becomes a row of this table too; none unless given.",
  }),
  createTables: Type.Optional(
    Type.Boolean({ description: "Tables that are not there are created: true unless given; else messages wait." }),
  ),
});
export const tableFaults = (table: string, measurementsTable: string | undefined): readonly SettingFault[] =>
  table === measurementsTable ? [{ path: "/settings/measurementsTable", message: "must be another table" }] : [];

export interface TlsTexts {
  readonly caCertificate?: string;
  readonly clientCertificate?: string;
  readonly clientKey?: string;
}

/** As `node:tls` takes it. */
export const tlsOptionsOf = ({ caCertificate: ca, clientCertificate: cert, clientKey: key }: TlsTexts) => ({
  ...(ca !== undefined && { ca }),
  ...(cert !== undefined && key !== undefined && { cert, key }),
});

/** What the pattern of an address lets through and is none, like a port that is too large. */
export const urlFaults = (url: string, example: string): readonly SettingFault[] =>
  URL.canParse(url) ? [] : [{ path: "/settings/url", message: `must be like ${example}` }];

/** Hosts, each with a port or without, with commas between. */
export const hosts = (description: string) =>
  Type.String({ pattern: "^[^/@{},\\s]+(\\s*,\\s*[^/@{},\\s]+)*$", maxLength: 2000, description });

/** A fault for the first of them that is none. */
export function hostFaults(path: string, text: string): readonly SettingFault[] {
  const bad = text.split(",").find(one => !URL.canParse(`tcp://${one.trim()}`));
  return bad === undefined ? [] : [{ path, message: `${bad.trim()} is no host with a port` }];
}

/** A fault for the first placeholder that there is not. */
export function placeholderFaults(path: string, template: string | undefined): readonly SettingFault[] {
  const [unknown] = unknownPlaceholders(template ?? "");
  return unknown === undefined ? [] : [{ path, message: `there is no placeholder {${unknown}}` }];
}
