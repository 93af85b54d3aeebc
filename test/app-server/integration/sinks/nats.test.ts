import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type JetStreamClient, jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { describe, expect, test } from "vitest";
import { natsSink } from "../../../../app-server/integration/sinks/nats.ts";
import { describeSink, type Receiver } from "../../../contracts/sink.ts";
import { freePort } from "../../support/mosquitto.ts";
import { type Program, programAt, startProgram } from "../../support/programs.ts";
import { integrationOf, sinkContext, sinkMessage } from "../../support/sink-context.ts";

const program = programAt("nats-server", "/usr/sbin/nats-server", "/usr/bin/nats-server", "/usr/local/bin/nats-server");
const login = { user: "upchirp", pass: "secret of theirs" };

async function openServer() {
  const folder = await mkdtemp(join(tmpdir(), "upchirp-nats-"));
  const port = await freePort();
  const args = ["-a", "127.0.0.1", "-p", `${port}`, "-js", "-sd", folder, "--user", login.user, "--pass", login.pass];
  let server: Program | undefined;
  let connection: NatsConnection | undefined;
  const start = async (): Promise<JetStreamClient> => {
    server = await startProgram(program ?? "", args, port);
    connection = await connect({ servers: `127.0.0.1:${port}`, ...login, reconnect: false });
    const manager = await jetstreamManager(connection);
    await manager.streams.add({ name: "up", subjects: ["up.>"], max_msg_size: 4000 });
    return jetstream(connection);
  };
  const stop = async (): Promise<void> => {
    await connection?.close();
    await server?.stop();
  };
  return {
    port,
    start,
    stop,
    async close(): Promise<void> {
      await stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function openReceiver(): Promise<Receiver> {
  const server = await openServer();
  let stream = await server.start();
  return {
    settings: { url: `nats://127.0.0.1:${server.port}`, username: login.user, subject: "up.{devEui}" },
    secrets: { password: login.pass },
    async received() {
      const consumer = await stream.consumers.get("up");
      const { num_pending: pending } = await consumer.info();
      if (pending === 0) return [];
      const messages = await consumer.fetch({ max_messages: pending, expires: 2000 });
      const got = [];
      for await (const message of messages) {
        const { deviceInfo, fCnt } = message.json<{ deviceInfo: { devEui: string }; fCnt: number }>();
        got.push({ devEui: deviceInfo.devEui, fCnt });
        if (got.length === pending) break;
      }
      return got;
    },
    async start() {
      stream = await server.start();
    },
    stop: server.stop,
    close: server.close,
    refused: { padding: "x".repeat(4000) },
  };
}

describe.skipIf(program === undefined)(`with nats-server${program ? "" : " (not installed)"}`, () => {
  describeSink(natsSink, openReceiver);

  test("a subject that no stream takes is told and waits, and a second copy is dropped by the stream", async () => {
    const server = await openServer();
    const stream = await server.start();
    const openWith = (subject: string) => {
      const settings = { url: `nats://127.0.0.1:${server.port}`, username: login.user, subject };
      return natsSink.open(
        { integration: integrationOf("nats", { settings }), secrets: { password: login.pass } },
        sinkContext(),
      );
    };
    const [lost, good] = [openWith("elsewhere.{devEui}"), openWith("up.{kind}")];
    const signal = new AbortController().signal;
    expect(await lost.deliver([sinkMessage()], signal)).toMatchObject({ kind: "unavailable", message: /no stream/ });
    expect(await good.deliver([sinkMessage()], signal)).toEqual({ kind: "delivered" });
    expect(await good.deliver([sinkMessage()], signal)).toEqual({ kind: "delivered" });
    const { num_pending: pending } = await (await stream.consumers.get("up")).info();
    expect(pending).toBe(1);
    await Promise.all([lost.close(), good.close()]);
    await server.close();
  });
});
