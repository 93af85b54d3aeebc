import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Client } from "ldapts";

const [program, schemas, modules] = ["/usr/sbin/slapd", "/etc/ldap/schema", "/usr/lib/ldap"];

/** Why tests on a directory cannot run here, if they cannot; in CI they must run. */
export const whyNoLdap: string | undefined =
  existsSync(program) && existsSync(schemas) ? undefined : "no slapd is installed";
if (whyNoLdap !== undefined && process.env.CI === "true") throw new Error(`in CI: ${whyNoLdap}`);

/** The same server, under an address that its certificate does not have. */
const otherHost = "127.0.0.2";

export const testDirectory = {
  baseDn: "dc=example,dc=org",
  reader: { dn: "cn=reader,dc=example,dc=org", password: "the reader's password" },
};
const root = { dn: "cn=root,dc=example,dc=org", password: "the root's password" };
const tlsFile = (name: string): string => fileURLToPath(new URL(`tls/${name}`, import.meta.url));

/** Only the reader may look for anything, and nobody reads a password. */
const configuration = (folder: string): string => `
include ${schemas}/core.schema
include ${schemas}/cosine.schema
include ${schemas}/inetorgperson.schema
modulepath ${modules}
moduleload back_mdb
pidfile ${folder}/slapd.pid
argsfile ${folder}/slapd.args
TLSCACertificateFile ${tlsFile("ca.pem")}
TLSCertificateFile ${tlsFile("server.pem")}
TLSCertificateKeyFile ${tlsFile("server.key")}
database mdb
suffix "${testDirectory.baseDn}"
rootdn "${root.dn}"
rootpw "${root.password}"
directory ${folder}/data
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="${testDirectory.reader.dn}" read by anonymous auth by * none
`;

export interface TestLdap {
  readonly url: string;
  readonly urlOfAnotherName: string;
  /** With a password of their own. */
  person(uid: string, password: string, email?: string): Promise<void>;
  group(name: string, uids: readonly string[]): Promise<void>;
  remove(rdn: string): Promise<void>;
  stop(): Promise<void>;
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (typeof address !== "object" || address === null) throw new Error("no port");
  return address.port;
}

const accepts = (port: number): Promise<boolean> =>
  new Promise(resolve => {
    const socket = connect(port, "127.0.0.1");
    socket.once("error", () => resolve(false));
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
  });

/** A real directory in a temporary folder, on loopback. */
export async function startLdap(): Promise<TestLdap> {
  const folder = await mkdtemp(join(tmpdir(), "upchirp-ldap-"));
  await mkdir(join(folder, "data"));
  const file = join(folder, "slapd.conf");
  await writeFile(file, configuration(folder), { mode: 0o600 });
  const port = await freePort();
  const url = `ldap://127.0.0.1:${port}`;
  const server = spawn(program, ["-d", "0", "-h", `${url} ${url.replace("127.0.0.1", otherHost)}`, "-f", file], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  server.stderr.on("data", chunk => {
    said += String(chunk);
  });
  while (!(await accepts(port))) {
    if (server.exitCode !== null) throw new Error(`slapd ended: ${said}`);
    await new Promise(resolve => setTimeout(resolve, 20));
  }
  const client = new Client({ url });
  await client.bind(root.dn, root.password);
  const { baseDn, reader } = testDirectory;
  await client.add(baseDn, { objectClass: ["dcObject", "organization"], dc: "example", o: "example" });
  const simple = { objectClass: ["organizationalRole", "simpleSecurityObject"], cn: "reader" };
  await client.add(reader.dn, { ...simple, userPassword: reader.password });
  const personDn = (uid: string) => `uid=${uid},${baseDn}`;
  const remove = (rdn: string) => client.del(`${rdn},${baseDn}`);
  return {
    url,
    urlOfAnotherName: url.replace("127.0.0.1", otherHost),
    remove,
    async person(uid, password, email = `${uid}@example.org`) {
      const names = { uid, cn: uid, sn: uid, mail: email, userPassword: password };
      await client.add(personDn(uid), { objectClass: "inetOrgPerson", ...names });
    },
    async group(name, uids) {
      await client.add(`cn=${name},${baseDn}`, { objectClass: "groupOfNames", cn: name, member: uids.map(personDn) });
    },
    async stop() {
      await client.unbind();
      if (server.exitCode === null) {
        server.kill("SIGTERM");
        await once(server, "exit");
      }
      await rm(folder, { recursive: true, force: true });
    },
  };
}
