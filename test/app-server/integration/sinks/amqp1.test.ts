import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { Server } from "node:net";
import rhea, { type EventContext } from "rhea";
import { afterEach, describe, expect, test, vi } from "vitest";
import { amqp1Sink } from "../../../../app-server/integration/sinks/amqp1.ts";
import { integrationOf, sinkContext, sinkMessage } from "../../support/sink-context.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});
const file = (name: string): string => readFileSync(new URL(`../../../support/tls/${name}`, import.meta.url), "utf8");
const password = "secret of theirs";

/** A peer of the protocol that does with messages what it is told: RabbitMQ only accepts and releases. */
async function startPeer({
  answer = ({ delivery }: EventContext): unknown => delivery?.accept(),
  credit = 10,
  isLocked = false,
} = {}) {
  const container = rhea.create_container({ id: "peer" });
  container.sasl_server_mechanisms.enable_plain(
    (name: string, word: string) => name === "upchirp" && word === password,
  );
  const got: EventContext[] = [];
  const links: EventContext[] = [];
  container.on("receiver_open", context => {
    links.push(context);
    context.receiver?.add_credit(credit);
  });
  container.on("message", context => {
    got.push(context);
    answer(context);
  });
  container.on("disconnected", () => undefined);
  const options = { port: 0, host: "127.0.0.1", receiver_options: { credit_window: 0, autoaccept: false } };
  const server: Server = isLocked
    ? container.listen({ ...options, transport: "tls", cert: file("server.pem"), key: file("server.key") })
    : container.listen({ ...options, transport: "tcp" });
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  cleanups.push(() => server.close());
  return { port, got, links };
}

function openSink(settings: object, networks?: readonly string[], word = password) {
  const integration = integrationOf("amqp1", { settings: { address: "events", username: "upchirp", ...settings } });
  const sink = amqp1Sink.open({ integration, secrets: { password: word } }, sinkContext(networks));
  cleanups.push(() => sink.close());
  return (signal = new AbortController().signal) => sink.deliver([sinkMessage()], signal);
}

describe("AMQP 1.0 as a sink", () => {
  test("a message goes to the address, durable, with its subject and properties", async () => {
    const { port, got, links } = await startPeer();
    const deliver = openSink({ url: `amqp://127.0.0.1:${port}`, subject: "{kind}.{fPort}" });
    expect(await deliver()).toEqual({ kind: "delivered" });
    const { body, deduplicationId, devEui, applicationId, kind, time } = sinkMessage();
    expect(links[0]?.receiver?.target).toMatchObject({ address: "events" });
    expect(got[0]?.message).toMatchObject({
      durable: true,
      message_id: deduplicationId,
      subject: "up.1",
      content_type: "application/json",
      creation_time: new Date(time),
      application_properties: { devEui, applicationId, kind },
    });
    expect(got[0]?.message?.body.content.toString()).toBe(body);
  });

  test.each([
    ["rejected", ({ delivery }: EventContext) => delivery?.reject({ condition: "x", description: "too large" })],
    ["rejected", ({ delivery }: EventContext) => delivery?.release({ undeliverable_here: true })],
    ["failed", ({ delivery }: EventContext) => delivery?.release({ delivery_failed: true })],
    ["failed", ({ delivery }: EventContext) => delivery?.release()],
    ["unavailable", ({ connection }: EventContext) => connection.close({ condition: "x", description: "going down" })],
  ])("%s: what the peer says of a message is heard", async (kind, answer) => {
    const { port } = await startPeer({ answer });
    expect(await openSink({ url: `amqp://127.0.0.1:${port}` })()).toMatchObject({ kind, message: /./ });
  });

  test("without credit a message waits, and is never sent once nobody waits for it", async () => {
    const { port, got, links } = await startPeer({ credit: 0 });
    const deliver = openSink({ url: `amqp://127.0.0.1:${port}` });
    const [given, late] = [deliver(), new AbortController()];
    const forgotten = deliver(late.signal);
    await vi.waitFor(() => expect(links).toHaveLength(1));
    late.abort();
    links[0]?.receiver?.add_credit(10);
    expect(await given).toEqual({ kind: "delivered" });
    expect(await forgotten).toMatchObject({ kind: "unavailable" });
    expect(got).toHaveLength(1);
  });

  test("a certificate is checked, and a wrong password and a broker that is not there or may not be reached are told", async () => {
    const { port } = await startPeer({ isLocked: true });
    const url = `amqps://localhost:${port}`;
    const networks = ["127.0.0.0/8", "::1/128"];
    expect(await openSink({ url, caCertificate: file("ca.pem") }, networks)()).toEqual({ kind: "delivered" });
    const wrong = openSink({ url, caCertificate: file("ca.pem") }, networks, "wrong");
    await expect(wrong()).rejects.toThrow(/authenticate/);
    await expect(openSink({ url }, networks)()).rejects.toThrow(/certificate/);
    await expect(openSink({ url: `amqp://127.0.0.1:${port}` }, [])()).rejects.toThrow(/public address/);
    await expect(openSink({ url: "amqp://127.0.0.1:1" })()).rejects.toThrow(/ECONNREFUSED/);
  });
});
