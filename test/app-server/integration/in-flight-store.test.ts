import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { Aedes } from "aedes";
import { connect } from "mqtt";
import { afterEach, describe, expect, test } from "vitest";
import { createInFlightStore } from "../../../app-server/integration/in-flight-store.ts";

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

type Packet = Parameters<ReturnType<typeof createInFlightStore>["put"]>[0];

const publish = (messageId: number): Packet => ({
  cmd: "publish",
  messageId,
  topic: "t",
  payload: String(messageId),
  qos: 1,
  dup: false,
  retain: false,
});

function ask(call: (take: (error?: Error, packet?: Packet) => void) => unknown) {
  return new Promise<Packet | string | undefined>(resolve => {
    call((error, packet) => resolve(error?.message ?? packet));
  });
}

describe("a store of packets in flight", () => {
  test("gives a packet, and gives it up when it is acknowledged", async () => {
    const store = createInFlightStore();
    expect(await ask(take => store.put(publish(7), take))).toBeUndefined();
    expect(await ask(take => store.get({ messageId: 7 }, take))).toEqual(publish(7));
    expect(await ask(take => store.del({ messageId: 7 }, take))).toEqual(publish(7));
    expect(await ask(take => store.get({ messageId: 7 }, take))).toBe("no such packet is in flight");
    expect(await ask(take => store.del({ messageId: 7 }, take))).toBe("no such packet is in flight");
  });

  test("streams what is in flight in the order of sending, marked as sent before, with numbers that begin again at 1", async () => {
    const store = createInFlightStore();
    for (const id of [65_534, 65_535, 1, 2, 3]) await ask(take => store.put(publish(id), take));
    await ask(take => store.del({ messageId: 65_535 }, take));
    await ask(take => store.del({ messageId: 2 }, take));
    const streamed: unknown[] = [];
    for await (const packet of store.createStream()) streamed.push(packet);
    expect(streamed).toEqual([65_534, 1, 3].map(id => ({ ...publish(id), dup: true })));
  });
});

/** Acknowledges nothing until told to. */
async function startSilentBroker() {
  const heard: string[] = [];
  let isSilent = true;
  const aedes = await Aedes.createBroker({
    authorizePublish(_client, packet, done) {
      heard.push(`${packet.payload}${packet.dup ? " again" : ""}`);
      if (!isSilent) done(null);
    },
  });
  const server = createServer(socket => {
    ends.push(() => socket.destroy());
    aedes.handle(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  ends.push(
    () => new Promise<void>(resolve => aedes.close(resolve)),
    () => server.close(),
  );
  const { port } = server.address() as AddressInfo;
  const answer = (): void => {
    isSilent = false;
  };
  return { heard, port, answer };
}

test("what the broker did not acknowledge before the connection was lost is sent again, once each and in order", async () => {
  const broker = await startSilentBroker();
  const client = connect(`mqtt://127.0.0.1:${broker.port}`, {
    reconnectPeriod: 20,
    outgoingStore: createInFlightStore(),
  });
  ends.push(() => client.end(true));
  await new Promise<void>(resolve => client.once("connect", () => resolve()));
  const acknowledged = Promise.all(["a", "b", "c"].map(text => client.publishAsync("t", text, { qos: 1 })));
  await expect.poll(() => broker.heard).toEqual(["a", "b", "c"]);
  broker.heard.length = 0;
  broker.answer();
  client.stream.destroy();
  await acknowledged;
  expect(broker.heard).toEqual(["a again", "b again", "c again"]);
});
