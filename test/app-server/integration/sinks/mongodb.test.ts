import type { Document, MongoClient } from "mongodb";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { mongodbSink } from "../../../../app-server/integration/sinks/mongodb.ts";
import { describeSink, type Receiver } from "../../../contracts/sink.ts";
import { whyNoMongo as missing, startMongo } from "../../support/mongo.ts";
import { freePort } from "../../support/mosquitto.ts";
import { integrationOf, sinkContext, sinkMessage } from "../../support/sink-context.ts";
import { startSwitchedProxy } from "../../support/switched-proxy.ts";

const database = "iot";
const settings = { database, tls: false };

let server: Awaited<ReturnType<typeof startMongo>>;
let port: number;
let client: MongoClient;

async function openReceiver(): Promise<Receiver> {
  const proxy = await startSwitchedProxy(port);
  const events = client.db(database).collection("up");
  await events.createIndex({ "message.padding": 1 }, { unique: true, sparse: true });
  await events.insertOne({ message: { padding: "taken" } });
  return {
    settings: { ...settings, hosts: `127.0.0.1:${proxy.port}`, collection: "{kind}" },
    secrets: { password: "not asked for" },
    async received() {
      const documents = await events.find({ kind: "up" }).toArray();
      return documents.map(({ message: { deviceInfo, fCnt } }) => ({ devEui: deviceInfo.devEui, fCnt }));
    },
    start: proxy.start,
    stop: proxy.stop,
    close: proxy.stop,
    refused: { padding: "taken" },
  };
}

describe.skipIf(missing !== undefined)(`with MongoDB's wire protocol${missing ? ` (${missing})` : ""}`, () => {
  beforeAll(async () => {
    server = await startMongo();
    ({ port, client } = server);
  });
  afterAll(() => server?.close());
  describeSink(mongodbSink, openReceiver);

  const open = (more: object, networks?: readonly string[]) => {
    const integration = integrationOf("mongodb", { settings: { ...settings, hosts: `127.0.0.1:${port}`, ...more } });
    const sink = mongodbSink.open({ integration, secrets: {} }, sinkContext(networks));
    const deliver = (...messages: Parameters<typeof sink.deliver>[0]) =>
      sink.deliver(messages, new AbortController().signal);
    return { deliver, close: () => sink.close() };
  };

  test("a document has the event's id, so that a second copy leaves one, and what comes behind it is stored", async () => {
    const { deliver, close } = open({});
    const [first, second] = [sinkMessage(), sinkMessage({ deduplicationId: "another" })];
    expect(await deliver(first)).toEqual({ kind: "delivered" });
    expect(await deliver(first, second, first)).toEqual({ kind: "delivered" });
    await close();
    const stored = await client.db(database).collection<Document & { _id: string }>("upchirp_events").find().toArray();
    const { kind, tenantId, applicationId, devEui, time, body } = first;
    const rest = { kind, tenantId, applicationId, devEui, time: new Date(time), message: JSON.parse(body) };
    expect(stored).toEqual([
      { _id: first.deduplicationId, ...rest },
      { _id: "another", ...rest },
    ]);
  });

  test("the first server that takes writes is found, and no server that may not be reached is asked", async () => {
    const away = await freePort();
    const found = open({ hosts: `127.0.0.1:${away}, 127.0.0.1:${port}` });
    expect(await found.deliver(sinkMessage())).toEqual({ kind: "delivered" });
    await found.close();
    await expect(open({}, []).deliver(sinkMessage())).rejects.toThrow(/public address/);
    await expect(open({ hosts: `127.0.0.1:${away}` }).deliver(sinkMessage())).rejects.toThrow(/ECONNREFUSED/);
  });

  test("settings with faults are told by their members", () => {
    const faultsOf = (more: object) =>
      mongodbSink.faults({ hosts: "a", database, ...more }, {}).map(({ path }) => path);
    expect(faultsOf({})).toEqual([]);
    expect(faultsOf({ hosts: "a:b" })).toEqual(["/settings/hosts"]);
    expect(faultsOf({ collection: "{nothing}" })).toEqual(["/settings/collection"]);
    expect(faultsOf({ database: "a.b" })).toEqual(["/settings/database"]);
  });
});
