import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { rootCertificates } from "node:tls";
import type { Config } from "../config.ts";
import {
  type DoctorCheck,
  type DoctorFinding,
  ill,
  messageOf,
  type Outcome,
  type Patient,
  well,
} from "./examination.ts";

/** Files that belong together; names are those of the configuration. */
interface CertificateFiles {
  readonly option: string;
  readonly certificateFile?: string | undefined;
  readonly keyFile?: string | undefined;
  readonly caFile?: string | undefined;
}

function filesOf({ state, joinServer, networkServer, appServer }: Config): readonly CertificateFiles[] {
  const named = (option: string, files: Omit<CertificateFiles, "option"> | undefined) =>
    files && (files.caFile ?? files.certificateFile) !== undefined ? [{ ...files, option }] : [];
  return [
    ...named("state.redis", state.redis),
    ...named("networkServer.joinServer", networkServer.joinServer),
    ...named("appServer.mqtt.external", appServer.mqtt.external),
    ...named("appServer.login.ldap", appServer.login.ldap),
    // Its clients are judged by another authority than its own certificate is of.
    ...named(
      "joinServer.tls",
      joinServer.tls && { certificateFile: joinServer.tls.certificateFile, keyFile: joinServer.tls.keyFile },
    ),
    ...named("joinServer.tls", joinServer.tls && { caFile: joinServer.tls.clientCaFile }),
  ];
}

/** Whether certificates are readable, of today, whole and of their keys. */
export const certificatesCheck: DoctorCheck = {
  name: "certificates",
  async run({ config }: Patient): Promise<Outcome> {
    const files = filesOf(config);
    if (files.length === 0) return well("none configured");
    const findings = files.flatMap(each => findingsOf(each, Date.now()));
    return { found: [...new Set(files.map(({ option }) => option))].join(", "), findings };
  },
};

const soonMs = 30 * 24 * 3600 * 1000;

export function findingsOf(
  { option, certificateFile, keyFile, caFile }: CertificateFiles,
  nowMs: number,
): readonly DoctorFinding[] {
  try {
    const own = certificateFile === undefined ? [] : certificatesIn(certificateFile);
    const authorities = caFile === undefined ? [] : certificatesIn(caFile);
    return [
      ...own.flatMap(each => ofTime(`${option}.certificateFile`, each, nowMs)),
      ...authorities.flatMap(each => ofTime(`${option}.caFile`, each, nowMs)),
      ...chain(option, own, authorities),
      ...keyOf(option, own, keyFile),
    ];
  } catch (error) {
    const whatToDo = ["See that the files are there, in PEM, and readable for the user that runs the server."];
    return [ill("error", "certificate_unreadable", `${option}: ${messageOf(error)}.`, whatToDo)];
  }
}

function certificatesIn(path: string): readonly X509Certificate[] {
  const blocks =
    readFileSync(path, "utf8").match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) throw new Error(`${path} holds no certificate`);
  return blocks.map(block => new X509Certificate(block));
}

const nameOf = ({ subject }: X509Certificate): string => subject.replaceAll("\n", ", ");

function ofTime(option: string, certificate: X509Certificate, nowMs: number): readonly DoctorFinding[] {
  const { validFromDate, validToDate } = certificate;
  const evidence = {
    certificate: nameOf(certificate),
    from: validFromDate.toISOString(),
    until: validToDate.toISOString(),
  };
  const whatToDo = ["Renew the certificate, put it in place of the old one, and restart the server."];
  if (validToDate.getTime() < nowMs) {
    return [ill("error", "certificate_expired", `${option}: the certificate has expired.`, whatToDo, evidence)];
  }
  if (validFromDate.getTime() > nowMs) {
    const wait = ["See that the clock of this machine is right.", "Use a certificate that holds by now."];
    return [ill("error", "certificate_not_yet_valid", `${option}: the certificate does not hold yet.`, wait, evidence)];
  }
  if (validToDate.getTime() - nowMs < soonMs) {
    const days = Math.floor((validToDate.getTime() - nowMs) / (24 * 3600 * 1000));
    return [
      ill(
        "warning",
        "certificate_expires_soon",
        `${option}: the certificate expires in ${days} days.`,
        whatToDo,
        evidence,
      ),
    ];
  }
  return [];
}

const isIssued = (certificate: X509Certificate, by: readonly X509Certificate[]): boolean =>
  by.some(issuer => certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey));

/** Each certificate of the file is of the next, of an authority, or of itself. */
function chain(
  option: string,
  own: readonly X509Certificate[],
  authorities: readonly X509Certificate[],
): readonly DoctorFinding[] {
  const known = [...own, ...authorities];
  const loose = own.find(certificate => !isIssued(certificate, known) && !isPublic(certificate));
  if (loose === undefined) return [];
  const whatToDo = [
    "Put the intermediate certificates behind it into the same file, in order, as its authority gave them.",
    "If the other side knows the authority, nothing need be done.",
  ];
  const evidence = { certificate: nameOf(loose), issuer: loose.issuer.replaceAll("\n", ", ") };
  const summary = `${option}.certificateFile: the certificate of its issuer is not at hand.`;
  return [ill("notice", "certificate_chain", summary, whatToDo, evidence)];
}

const isPublic = (certificate: X509Certificate): boolean =>
  rootCertificates.some(root => {
    const authority = new X509Certificate(root);
    return certificate.checkIssued(authority) && certificate.verify(authority.publicKey);
  });

function keyOf(
  option: string,
  [leaf]: readonly X509Certificate[],
  keyFile: string | undefined,
): readonly DoctorFinding[] {
  if (leaf === undefined || keyFile === undefined) return [];
  if (leaf.checkPrivateKey(createPrivateKey(readFileSync(keyFile, "utf8")))) return [];
  const whatToDo = [
    "Put the key there with which this certificate was asked for; the first certificate of the file has to be its own.",
  ];
  return [
    ill("error", "certificate_key", `${option}: the key is not that of the certificate.`, whatToDo, {
      certificate: nameOf(leaf),
    }),
  ];
}
