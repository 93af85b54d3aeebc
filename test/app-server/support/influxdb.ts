import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Type from "typebox";
import Value from "typebox/value";
import type { Received } from "../../contracts/sink.ts";
import { type Point, pointsOf } from "./line-protocol.ts";
import { freePort } from "./mosquitto.ts";
import { programAt, startProgram } from "./programs.ts";

const program = programAt("influxdb", "/usr/bin/influxd", "/usr/local/bin/influxd");
export const influxdbLogin = { username: "upchirp", password: "secret of theirs" };

/** Why tests with InfluxDB 1 cannot run here, or undefined. */
export const whyNoInfluxdb: string | undefined = program === undefined ? "not installed" : undefined;

export interface Answer {
  readonly status: number;
  readonly text?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const bodyOf = async (request: IncomingMessage): Promise<string> => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString();
};

/** An HTTP server that can be away, and knows what was written to it. */
export async function startWrites(answer: (request: IncomingMessage, body: string) => Answer | Promise<Answer>) {
  const port = await freePort();
  const written: Point[] = [];
  let server: Server | undefined;
  const answered = async (request: IncomingMessage, body: string): Promise<Answer> => {
    try {
      return await answer(request, body);
    } catch (error) {
      return { status: 400, text: String(error) };
    }
  };
  const start = async (): Promise<void> => {
    server = createServer(async (request, response) => {
      const body = await bodyOf(request);
      const { status, text = "", headers = {} } = await answered(request, body);
      if (status === 204) written.push(...pointsOf(body));
      response.writeHead(status, headers).end(text);
    }).listen(port, "127.0.0.1");
    await once(server, "listening");
  };
  const stop = async (): Promise<void> => {
    if (server === undefined) return;
    const closed = once(server, "close");
    server.close();
    server.closeAllConnections();
    server = undefined;
    await closed;
  };
  await start();
  return { url: `http://127.0.0.1:${port}`, written, start, stop };
}

export const receivedOf = (points: readonly Point[]): readonly Received[] =>
  points.map(({ tags, fields }) => ({ devEui: tags.devEui ?? "", fCnt: Number(fields.fCnt) }));

const Answered = Type.Object({
  results: Type.Array(
    Type.Object({
      series: Type.Optional(
        Type.Array(Type.Object({ columns: Type.Array(Type.String()), values: Type.Array(Type.Array(Type.Unknown())) })),
      ),
    }),
  ),
});

/** InfluxDB 1 with the database `iot`. */
export async function startInfluxdb() {
  const folder = await mkdtemp(join(tmpdir(), "upchirp-influxdb-"));
  const [port, backup] = [await freePort(), await freePort()];
  const config = `reporting-disabled = true
    bind-address = "127.0.0.1:${backup}"
    [meta]
    dir = "${join(folder, "meta")}"
    [data]
    dir = "${join(folder, "data")}"
    wal-dir = "${join(folder, "wal")}"
    [http]
    bind-address = "127.0.0.1:${port}"
    auth-enabled = true
    log-enabled = false
    [monitor]
    store-enabled = false`;
  await writeFile(join(folder, "config"), config);
  const server = await startProgram(program ?? "", ["run", "-config", join(folder, "config")], port);
  const url = `http://127.0.0.1:${port}`;
  const { username, password } = influxdbLogin;
  const basic = `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
  const query = async (text: string): Promise<readonly object[]> => {
    const response = await fetch(`${url}/query?db=iot&epoch=ms`, {
      method: "POST",
      headers: { authorization: basic, "content-type": "application/x-www-form-urlencoded" },
      body: new URLSearchParams({ q: text }),
    });
    const { results } = Value.Parse(Answered, await response.json());
    const { columns = [], values = [] } = results[0]?.series?.[0] ?? {};
    return values.map(row => Object.fromEntries(columns.map((column, at) => [column, row[at]])));
  };
  await query(`create user ${username} with password '${password}' with all privileges`);
  await query("create database iot");
  return {
    url,
    query,
    /** Two points of a device at one time are one: what it took is written down on the way to it. */
    startWay: () =>
      startWrites(async (request, body) => {
        const { authorization = "" } = request.headers;
        const response = await fetch(`${url}${request.url}`, { method: "POST", headers: { authorization }, body });
        return { status: response.status, text: await response.text() };
      }),
    async close(): Promise<void> {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
