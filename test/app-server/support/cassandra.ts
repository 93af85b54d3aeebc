import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Client, Client as Driver } from "cassandra-driver";
import { startJava, whyNoJars } from "./java.ts";
import { freePort } from "./mosquitto.ts";
import { quickFolder } from "./programs.ts";

const tlsFile = (name: string): Promise<string> =>
  readFile(new URL(`../../support/tls/${name}`, import.meta.url), "utf8");

/** Why tests with Cassandra cannot run here, or undefined. */
export const whyNoCassandra: string | undefined = whyNoJars("cassandra");
/** Of a user that may do everything. */
export const cassandraLogin = { username: "upchirp", password: "secret of theirs" };
export const dataCenter = "datacenter1";

/** What the server says of itself in its own files of options for Java 17. */
const opened = {
  "--add-exports": [
    "java.base/jdk.internal.misc",
    "java.base/jdk.internal.ref",
    "java.base/sun.nio.ch",
    "java.base/java.lang.ref",
    "java.management.rmi/com.sun.jmx.remote.internal.rmi",
    "java.rmi/sun.rmi.registry",
    "java.rmi/sun.rmi.server",
    "java.sql/java.sql",
  ],
  "--add-opens": [
    "java.base/java.io",
    "java.base/java.lang",
    "java.base/java.lang.module",
    "java.base/java.nio",
    "java.base/java.util",
    "java.base/java.util.concurrent",
    "java.base/jdk.internal.loader",
    "java.base/jdk.internal.math",
    "java.base/jdk.internal.module",
    "java.base/jdk.internal.ref",
    "java.base/jdk.internal.reflect",
    "java.base/jdk.internal.util.jar",
    "java.base/sun.nio.ch",
    "jdk.management/com.sun.management.internal",
  ],
};

/** A node of its own on loopback, with logins, and with TLS for those who want it, under the name localhost: it takes some fifteen seconds. */
export async function startCassandra() {
  const folder = await mkdtemp(join(quickFolder(), "upchirp-cassandra-"));
  const [port, storage] = [await freePort(), await freePort()];
  const [configuration, logging, identity] = ["cassandra.yaml", "logback.xml", "identity.pem"].map(name =>
    join(folder, name),
  ) as [string, string, string];
  await writeFile(identity, `${await tlsFile("server.key")}${await tlsFile("server.pem")}`);
  await writeFile(logging, "<configuration><root level='OFF'/></configuration>");
  const settings = {
    cluster_name: "test",
    num_tokens: 1,
    auto_bootstrap: false,
    partitioner: "org.apache.cassandra.dht.Murmur3Partitioner",
    endpoint_snitch: "SimpleSnitch",
    listen_address: "127.0.0.1",
    rpc_address: "127.0.0.1",
    storage_port: storage,
    native_transport_port: port,
    seed_provider: [
      {
        class_name: "org.apache.cassandra.locator.SimpleSeedProvider",
        parameters: [{ seeds: `127.0.0.1:${storage}` }],
      },
    ],
    data_file_directories: [join(folder, "data")],
    commitlog_directory: join(folder, "commitlog"),
    saved_caches_directory: join(folder, "caches"),
    hints_directory: join(folder, "hints"),
    cdc_raw_directory: join(folder, "cdc"),
    commitlog_sync: "periodic",
    commitlog_sync_period: "10s",
    commitlog_segment_size: "4MiB",
    authenticator: "PasswordAuthenticator",
    client_encryption_options: {
      enabled: true,
      optional: true,
      ssl_context_factory: { class_name: "org.apache.cassandra.security.PEMBasedSslContextFactory" },
      keystore: identity,
    },
  };
  // JSON is YAML.
  await writeFile(configuration, JSON.stringify(settings));
  const properties = {
    "jdk.attach.allowAttachSelf": true,
    "logback.configurationFile": logging,
    "cassandra.config": `file://${configuration}`,
    "cassandra.storagedir": folder,
    "cassandra.ring_delay_ms": 1,
    "cassandra.skip_wait_for_gossip_to_settle": 0,
    "cassandra.superuser_setup_delay_ms": 0,
    "cassandra.auth_bcrypt_gensalt_log2_rounds": 4,
  };
  const options = [
    // No farewell: nobody wants what it has in memory.
    "-Xrs",
    ...Object.entries(opened).flatMap(([name, modules]) => modules.map(module => `${name}=${module}=ALL-UNNAMED`)),
    ...Object.entries(properties).map(([name, value]) => `-D${name}=${value}`),
  ];
  const server = await startJava("cassandra", "org.apache.cassandra.service.CassandraDaemon", [], port, 512, options);
  const client = await loggedIn(port);
  await client.execute(
    "create keyspace iot with replication = {'class': 'SimpleStrategy', 'replication_factor': 1} and durable_writes = false",
  );
  const { username, password } = cassandraLogin;
  await client.execute(`create role ${username} with password = '${password}' and login = true`);
  return {
    port,
    client,
    async close(): Promise<void> {
      await client.shutdown();
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The first login is made while the server takes connections already. */
async function loggedIn(port: number): Promise<Client> {
  for (let tries = 0; ; tries += 1) {
    const client = new Driver({
      contactPoints: [`127.0.0.1:${port}`],
      localDataCenter: dataCenter,
      credentials: { username: "cassandra", password: "cassandra" },
      isMetadataSyncEnabled: false,
    });
    try {
      await client.connect();
      return client;
    } catch (error) {
      await client.shutdown();
      if (tries === 100) throw error;
      await new Promise(resolve => setTimeout(resolve, 100));
    }
  }
}
