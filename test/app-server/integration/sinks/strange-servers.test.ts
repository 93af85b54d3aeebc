import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { expect, test, vi } from "vitest";
import { sinkKinds } from "../../../../app-server/integration/sinks/registry.ts";
import { integrationOf, sinkContext, sinkMessage } from "../../support/sink-context.ts";

/** Of each kind, where it is to go. */
const settingsAt: Readonly<Record<string, (place: string) => Readonly<Record<string, unknown>>>> = {
  http: place => ({ url: `http://${place}/` }),
  mqtt: place => ({ url: `mqtt://${place}` }),
  amqp: place => ({ url: `amqp://${place}` }),
  amqp1: place => ({ url: `amqp://${place}`, address: "events" }),
  kafka: place => ({ brokers: place, topic: "events" }),
  nats: place => ({ url: `nats://${place}` }),
  "redis-streams": place => ({ url: `redis://${place}` }),
  postgres: place => ({ url: `postgresql://${place}/iot`, tls: false }),
  mysql: place => ({ url: `mysql://${place}/iot`, tls: false }),
  influxdb: place => ({ url: `http://${place}`, version: 1, database: "iot" }),
  thingsboard: place => ({ url: `mqtt://${place}` }),
  email: place => ({
    host: "127.0.0.1",
    port: Number(place.split(":")[1]),
    security: "none",
    from: "upchirp@example.com",
    to: ["somebody@example.com"],
  }),
  cassandra: place => ({ contactPoints: place, localDataCenter: "one", keyspace: "iot", tls: false }),
  mongodb: place => ({ hosts: place, database: "iot", tls: false }),
};

/** What begins as an answer of some protocol and goes wrong. */
const beginnings: readonly string[] = [
  "48545450 2f312e31 20323030 0d0a636f 6e74656e 742d6c65 6e677468 3a20780d 0a0d0a",
  "20020000 40020001",
  "20020000 30050009 414243",
  "20ffffff ffffff",
  "01000000 00000400 0a000ace",
  "01000000 0000ff00 0a000aff",
  "414d5150 00010000 00000008 02000000",
  "414d5150 03010000 00000010 02010000 005340c0",
  "00000000",
  "0000000a 00000000 00000000 0000",
  "7fffffff 00000001",
  "494e464f 207b0d0a",
  "494e464f 207b226d 61785f70 61796c6f 6164223a 2d317d0d 0a2d4552 52202778 270d0a",
  "2a393939 39393939 390d0a",
  "242d350d 0a2b4f4b 0d0a",
  "52000000 08000000 0045000000060102",
  "52000000 08000000 005a000000 0549",
  "54000000 0800014141",
  "4b000000 060102",
  "02000000 0a00",
  "0a000000 0a352e35 2e350001 000000",
  "30000000 01000000 00000000 dd070000 00000000 00ffffff 7f",
  "10000000 01000000 00000000 01000000",
  "84000000 02000000 00",
  "84000000 027fffff ff00",
  "84000000 00000000 020000",
  "84000000 03000000 02ffff",
  "84000000 06000000 06ffff0001 41",
  "84000000 08000000 10000000 02000000 00000000 007fffff ff",
  "84000000 08000000 04000000 09",
  "840000ff ff0c0000 00050003 414141",
];

/** The same for each number. */
function bytesOf(seed: number): Buffer {
  let state = seed * 2_654_435_761 + 1;
  return Buffer.from(
    Array.from({ length: 3 + ((seed * 37) % 200) }, () => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return state >>> 24;
    }),
  );
}

const answers: readonly Buffer[] = [
  ...beginnings.map(hex => Buffer.from(hex.replaceAll(" ", ""), "hex")),
  ...Array.from({ length: 20 }, (_, seed) => bytesOf(seed)),
];

/** Sends the same whenever something comes, at once where the protocol has the server speak first, and then is gone. */
async function startStrangeServer(answer: Buffer, isFirst: boolean) {
  const sockets = new Set<Socket>();
  const server = createServer(socket => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    if (isFirst) socket.write(answer);
    socket.on("data", () => socket.write(answer));
    setTimeout(() => socket.destroy(), 200);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  return {
    place: `127.0.0.1:${typeof address === "object" && address ? address.port : 0}`,
    close(): void {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

const within = <Result>(ms: number, work: Promise<Result>): Promise<Result | undefined> =>
  Promise.race([work, new Promise<undefined>(resolve => setTimeout(() => resolve(undefined), ms))]);

// A fault that nobody catches would end the process: here it fails the run. So would a search that never ends.
test.each(sinkKinds)(
  "servers that speak no protocol harm nothing, and no message is dead or taken for delivered because of them: $kind",
  async kind => {
    const complaints = vi.spyOn(console, "error").mockReturnValue(undefined);
    const settingsOf = settingsAt[kind.kind];
    const outcomes = await Promise.all(
      answers.map(async (answer, n) => {
        const server = await startStrangeServer(answer, n % 2 === 0);
        const settings = settingsOf?.(server.place) ?? {};
        expect(kind.faults(settings, {})).toEqual([]);
        const sink = kind.open({ integration: integrationOf(kind.kind, { settings }), secrets: {} }, sinkContext());
        const delivery = sink.deliver([sinkMessage()], AbortSignal.timeout(2000)).then(
          outcome => outcome.kind,
          () => "unavailable",
        );
        // Some wait for more; the engine's time is over at some point.
        const outcome = await within(3000, delivery);
        await within(1000, sink.close()).catch(() => undefined);
        server.close();
        return outcome;
      }),
    );
    expect(outcomes).not.toContain("rejected");
    expect(outcomes).not.toContain("delivered");
    complaints.mockRestore();
  },
);
