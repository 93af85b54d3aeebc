import { createServer, type ServerResponse } from "node:http";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { eventLine } from "../../cli/event-line.ts";
import { readServerSentEvents } from "../../client/server-sent-events.ts";
import { startTestApi, type TestApi } from "../support/api.ts";
import { addTenantWithDevice, type TenantWithDevice } from "../support/catalog.ts";
import { createTestTerminal, runProgram } from "../support/terminal.ts";
import { createVirtualClock } from "../support/virtual-clock.ts";

const uplink = {
  time: "2026-03-01T12:34:56.789Z",
  deviceInfo: { deviceName: "north-wall", devEui: "70b3d57ed0001234" },
  fCnt: 7,
  fPort: 2,
  data: "AWcA1w==",
  object: { temperature: 21.5 },
  rxInfo: [{ rssi: -97 }, { rssi: -80 }],
  txInfo: { modulation: { lora: { spreadingFactor: 7 } } },
};

describe("a line for an event", () => {
  test.each([
    ["up", uplink, '{"temperature":21.5}  (port 2, counter 7, SF7, -80 dBm, 2 gateways)'],
    ["up", { ...uplink, object: undefined, rxInfo: [], txInfo: {} }, "016700d7  (port 2, counter 7)"],
    ["join", { ...uplink, devAddr: "26011f2a" }, "address 26011f2a"],
    ["ack", { ...uplink, acknowledged: false, queueItemId: "x" }, "not acknowledged x"],
    ["log", { ...uplink, level: "ERROR", code: "OTAA", description: "MIC \u001b[2J" }, "ERROR OTAA: MIC  [2J"],
    ["status", { ...uplink, margin: 5, batteryLevel: 99.5 }, "battery 99.5 %, margin 5 dB"],
    ["status", { ...uplink, margin: 5, batteryLevelUnavailable: true }, "battery not known, margin 5 dB"],
  ])("%s", (kind, event, content) => {
    expect(eventLine(kind, event)).toBe(`12:34:56  ${"north-wall".padEnd(24)}  ${kind.padEnd(6)}  ${content}`);
  });

  test("is made of anything", () => {
    expect(eventLine("new", {})).toMatch(/new {5}\{\}$/);
    expect(eventLine("up", { rxInfo: 5, txInfo: null, data: 3 })).toContain("no payload");
  });
});

async function eventsOf(chunks: readonly string[]): Promise<unknown[]> {
  const events = [];
  const encoder = new TextEncoder();
  for await (const event of readServerSentEvents(ReadableStream.from(chunks.map(text => encoder.encode(text))))) {
    events.push(event);
  }
  return events;
}

describe("a stream of events", () => {
  const text = ': hello\n\nevent: up\ndata: {"a":\ndata: 1}\n\nid: 7\ndata:x\r\n\r\nevent: lost\ndata: y';
  const events = [
    { name: "up", data: '{"a":\n1}' },
    { name: "message", data: "x", id: "7" },
  ];

  test("is read whatever the chunks that it comes in", async () => {
    expect(await eventsOf([text])).toEqual(events);
    expect(await eventsOf([...text])).toEqual(events);
  });
});

describe("events", () => {
  let api: TestApi;
  let ours: TenantWithDevice;
  let url: string;
  beforeAll(async () => {
    api = await startTestApi();
    ours = await addTenantWithDevice(api.repositories, "ours", "0000000000000001");
    url = await api.app.listen({ host: "127.0.0.1", port: 0 });
  });
  afterAll(() => api.end());

  test("follows the real stream, narrowed by names, until it is interrupted", async () => {
    const { authorization = "" } = await api.keyFor("administrator", null);
    const controller = new AbortController();
    const token = authorization.replace("Bearer ", "");
    const terminal = createTestTerminal({
      env: { UPCHIRP_URL: url, UPCHIRP_TOKEN: token },
      interrupted: controller.signal,
    });
    const args = ["events", "--application", ours.application.name, "--device", ours.device.name, "--kind", "up"];
    const done = runProgram(args, terminal);
    await vi.waitFor(() => expect(api.feed.listeners.size).toBe(1));
    const emit = (kind: "up" | "join", event: object) =>
      api.feed.emit({
        kind,
        tenantId: ours.tenant.id,
        applicationId: ours.application.id,
        devEui: ours.device.devEui,
        json: JSON.stringify(event),
      });
    emit("join", uplink);
    emit("up", uplink);
    await vi.waitFor(() => expect(terminal.run().output).not.toBe(""));
    controller.abort();
    const { exitCode, output, errors } = await done;
    expect({ exitCode, errors }).toEqual({ exitCode: 0, errors: "Waiting for events; Ctrl+C ends this.\n" });
    expect(output).toBe(`${eventLine("up", uplink)}\n`);
  });

  test("a wrong kind is the server's to refuse", async () => {
    const { authorization = "" } = await api.keyFor("administrator", null);
    const env = { UPCHIRP_URL: url, UPCHIRP_TOKEN: authorization.replace("Bearer ", "") };
    const { exitCode, errors } = await runProgram(["events", "--kind", "upp"], createTestTerminal({ env }));
    expect(exitCode).toBe(1);
    expect(errors).toMatch(/^error: The request does not fit its schema: kind/);
  });
});

/** Answers each request for the stream with the next of these. */
async function startStreams(
  answers: readonly ((response: ServerResponse) => void)[],
  asked: unknown[] = [],
): Promise<string> {
  const left = [...answers];
  const server = createServer((request, response) => {
    asked.push(request.headers["last-event-id"]);
    const answer = left.shift();
    if (answer === undefined) response.destroy();
    else answer(response.writeHead(200, { "content-type": "text/event-stream" }));
  });
  await new Promise<void>(resolve => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  return `http://127.0.0.1:${address.port}`;
}

describe("a connection that is lost", () => {
  test("is made again after a while, and goes on after the last event that came", async () => {
    const asked: unknown[] = [];
    const over = 'event: end\ndata: {"code":"access_ended","message":"Over."}\n\n';
    const gap = 'event: gap\ndata: {"message":"Some are missing."}\n\n';
    const url = await startStreams(
      [
        response => response.end('id: a-1\nevent: up\ndata: {"n":1}\n\n'),
        response => response.end(`${gap}id: b-1\nevent: up\ndata: {"n":2}\n\n${over}`),
      ],
      asked,
    );
    const clock = createVirtualClock();
    const terminal = createTestTerminal({ env: { UPCHIRP_URL: url, UPCHIRP_TOKEN: "upc_x" }, clock });
    const done = runProgram(["events", "--json"], terminal);
    await vi.waitFor(() => expect(terminal.run().errors).toContain("The connection was lost"));
    expect(terminal.run().output).toBe('{"kind":"up","n":1}\n');
    await clock.advance(500);
    expect(await done).toEqual({
      exitCode: 1,
      output: '{"kind":"up","n":1}\n{"kind":"up","n":2}\n',
      errors:
        "Waiting for events; Ctrl+C ends this.\nThe connection was lost; trying again.\nConnected again.\n" +
        "Some are missing.\nerror: Over.\n",
    });
    expect(asked).toEqual([undefined, "a-1"]);
  });
});
