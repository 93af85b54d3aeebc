import { fileURLToPath } from "node:url";
import { MongoClient } from "mongodb";
import { startJava, whyNoJars } from "./java.ts";
import { freePort } from "./mosquitto.ts";

/** mongo-java-server: the wire protocol without logins and replica sets. */
const main = fileURLToPath(new URL("../../support/jars/mongo/MongoInMemory.java", import.meta.url));

/** Why tests with MongoDB's protocol cannot run here, or undefined. */
export const whyNoMongo: string | undefined = whyNoJars("mongo");

/** A server of MongoDB's wire protocol on loopback, all in memory, and a client of it. */
export async function startMongo(memoryMb = 64) {
  const port = await freePort();
  const server = await startJava("mongo", main, [`${port}`], port, memoryMb);
  const client = await new MongoClient(
    `mongodb://127.0.0.1:${port}/?directConnection=true&retryWrites=false`,
  ).connect();
  return {
    port,
    client,
    async close(): Promise<void> {
      await client.close();
      await server.stop();
    },
  };
}
