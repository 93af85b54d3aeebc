import type { IncomingMessage } from "node:http";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { influxdbSink } from "../../../../app-server/integration/sinks/influxdb.ts";
import type { SinkMessage } from "../../../../app-server/integration-ports.ts";
import { describeSink, type Receiver } from "../../../contracts/sink.ts";
import {
  type Answer,
  influxdbLogin as login,
  receivedOf,
  startInfluxdb,
  startWrites,
  whyNoInfluxdb,
} from "../../support/influxdb.ts";
import { pointsOf } from "../../support/line-protocol.ts";
import { integrationOf, sinkContext, sinkMessage } from "../../support/sink-context.ts";

const token = "token-of-theirs";

const message = (more: Partial<SinkMessage> = {}, members: object = {}): SinkMessage => {
  const event = {
    ...sinkMessage().event,
    dr: 5,
    confirmed: false,
    object: { temperature: 27.2, door: { open: true }, state: 'it is "ok", \\ and more' },
    rxInfo: [
      { rssi: -101, snr: -3 },
      { rssi: -57, snr: 9.5 },
    ],
    ...members,
  };
  return sinkMessage({ event, body: JSON.stringify(event), ...more });
};

const openWith = (settings: object, secrets: object = {}, allowedNetworks?: readonly string[]) => {
  expect(influxdbSink.faults(settings, secrets)).toEqual([]);
  const integration = integrationOf("influxdb", { settings: { ...settings } });
  const sink = influxdbSink.open({ integration, secrets: { ...secrets } }, sinkContext(allowedNetworks));
  onTestFinished(() => sink.close());
  return (...messages: readonly SinkMessage[]) => sink.deliver(messages, new AbortController().signal);
};

describe.skipIf(whyNoInfluxdb !== undefined)(`with InfluxDB 1${whyNoInfluxdb ? ` (${whyNoInfluxdb})` : ""}`, () => {
  let server: Awaited<ReturnType<typeof startInfluxdb>>;
  beforeAll(async () => {
    server = await startInfluxdb();
  });
  afterAll(() => server?.close());

  const query = (text: string): Promise<readonly object[]> => server.query(text);
  const settings = (more: object = {}) => ({
    url: server.url,
    version: 1,
    database: "iot",
    username: login.username,
    ...more,
  });
  const secrets = { password: login.password };

  describeSink(influxdbSink, async (): Promise<Receiver> => {
    const writes = await server.startWay();
    return {
      settings: { ...settings(), url: writes.url },
      secrets,
      received: async () => receivedOf(writes.written),
      stop: writes.stop,
      start: writes.start,
      close: writes.stop,
      refused: { object: { temperature: "hot" } },
    };
  });

  test("an uplink is a point with the device as its tags and measurements as its fields, once however often it comes", async () => {
    const deliver = openWith(settings({ measurement: "full", deviceTags: ["key"] }), secrets);
    for (let time = 0; time < 2; time += 1) expect(await deliver(message())).toEqual({ kind: "delivered" });
    expect(await query("select * from full")).toEqual([
      {
        time: Date.parse(message().time),
        key: "value",
        applicationId: message().applicationId,
        applicationName: "Test app",
        devEui: message().devEui,
        deviceName: "Test device",
        fPort: "1",
        fCnt: 4,
        dr: 5,
        confirmed: false,
        rssi: -57,
        snr: 9.5,
        gateways: 2,
        temperature: 27.2,
        "door.open": true,
        state: 'it is "ok", \\ and more',
      },
    ]);
  });

  test("names with every sign that means something in line protocol arrive", async () => {
    const deliver = openWith(settings({ measurement: "odd, names=\\" }), secrets);
    const odd = { "a b,c=d\\": 1, time: 2, devEui: 3, "new\nline": "x\ny" };
    const { event } = message();
    const deviceInfo = { applicationName: "a, b=c\\", deviceName: "d\n", devEui: "0101010101010101", tags: {} };
    const outcome = await deliver(message({ event: { ...event, deviceInfo } }, { object: odd }));
    expect(outcome).toEqual({ kind: "delivered" });
    expect(await query('select * from "odd, names=/"')).toMatchObject([
      {
        "a b,c=d/": 1,
        time_: 2,
        devEui_: 3,
        "new line": "x\ny",
        applicationName: "a, b=c/",
        deviceName: "d ",
        devEui: message().devEui,
      },
    ]);
  });

  test("an integer after a number with a fraction is no conflict, a text is and is told", async () => {
    const deliver = openWith(settings({ measurement: "typed" }), secrets);
    const at = (second: number, level: unknown): SinkMessage =>
      message({ time: `2026-03-14T09:26:0${second}Z` }, { object: { level } });
    expect(await deliver(at(1, 3), at(2, 3.5), at(3, 4))).toEqual({ kind: "delivered" });
    const outcome = await deliver(at(4, 5), at(5, "high"));
    expect(outcome).toMatchObject({ kind: "rejected", message: /400.*field type conflict/ });
    expect((await query("select level from typed")).length).toBeLessThanOrEqual(4);
  });

  test("a wrong password and a database that is not there are told, and messages wait", async () => {
    expect(await openWith(settings(), { password: "wrong" })(message())).toMatchObject({
      kind: "unavailable",
      message: /401: authorization failed/,
    });
    expect(await openWith(settings({ database: "none" }), secrets)(message())).toMatchObject({
      kind: "unavailable",
      message: /404: database not found/,
    });
  });
});

/** What the documentation of each version says a write is and is answered with. */
const versions = [
  {
    settings: { version: 2, organization: "a b", bucket: "iot" },
    authorization: `Token ${token}`,
    place: "/api/v2/write?org=a+b&bucket=iot&precision=ms",
    conflict: {
      code: "unprocessable entity",
      message: "failure writing points to database: partial write: field type conflict",
    },
    status: 422,
  },
  {
    settings: { version: 3, database: "iot" },
    authorization: `Bearer ${token}`,
    place: "/api/v3/write_lp?db=iot&precision=millisecond&accept_partial=false",
    conflict: {
      error: "parsing failed for write_lp endpoint",
      data: [{ original_line: "", line_number: 1, error_message: "invalid column type for column 'temperature'" }],
    },
    status: 400,
  },
] as const;

describe.each(versions)("by the write API of InfluxDB $settings.version", ({ settings, ...api }) => {
  const answer = (request: IncomingMessage, body: string): Answer => {
    if (request.headers.authorization !== api.authorization) return { status: 401, text: '{"code":"unauthorized"}' };
    if (request.url !== api.place || request.method !== "POST") return { status: 404, text: request.url ?? "" };
    const isGood = pointsOf(body).every(({ fields }) => typeof fields.temperature !== "string");
    return isGood ? { status: 204 } : { status: api.status, text: JSON.stringify(api.conflict) };
  };

  describeSink(influxdbSink, async (): Promise<Receiver> => {
    const writes = await startWrites(answer);
    return {
      settings: { ...settings, url: writes.url },
      secrets: { token },
      received: async () => receivedOf(writes.written),
      stop: writes.stop,
      start: writes.start,
      close: writes.stop,
      refused: { object: { temperature: "hot" } },
    };
  });

  test("what is wrong is told", async () => {
    const writes = await startWrites(answer);
    onTestFinished(writes.stop);
    const outcome = await openWith(
      { ...settings, url: writes.url },
      { token },
    )(message({}, { object: { temperature: "hot" } }));
    expect(outcome).toMatchObject({ kind: "rejected", message: /type/ });
    expect(await openWith({ ...settings, url: writes.url })(message())).toMatchObject({ kind: "unavailable" });
  });
});

describe("any InfluxDB", () => {
  test("that has no time is left alone for as long as it says", async () => {
    const answers: Answer[] = [{ status: 429, headers: { "retry-after": "7" } }, { status: 503 }, { status: 500 }];
    const writes = await startWrites(() => answers.shift() ?? { status: 204 });
    onTestFinished(writes.stop);
    const deliver = openWith({ url: writes.url, version: 3, database: "iot" });
    expect(await deliver(message())).toMatchObject({ kind: "unavailable", retryAfterMs: 7000 });
    expect(await deliver(message())).toMatchObject({ kind: "unavailable" });
    expect(await deliver(message())).toMatchObject({ kind: "failed" });
    expect(await deliver(message())).toEqual({ kind: "delivered" });
  });

  test("gets events of other kinds, and whatever a mapping makes", async () => {
    const writes = await startWrites(() => ({ status: 204 }));
    onTestFinished(writes.stop);
    const deliver = openWith({ url: `${writes.url}/behind/`, version: 2, organization: "o", bucket: "b" });
    const of = (kind: SinkMessage["kind"], members: object): SinkMessage => {
      const event = { deviceInfo: message().event.deviceInfo, ...members };
      return sinkMessage({ kind, event, body: JSON.stringify(event) });
    };
    await deliver(
      of("status", { margin: 8, batteryLevel: 71.5, externalPowerSource: false, batteryLevelUnavailable: false }),
      of("log", { level: "ERROR", code: "UPLINK_CODEC", description: "it failed", context: { a: "b" } }),
      of("ack", { acknowledged: true, fCntDown: 3 }),
      of("location", { location: { latitude: 47.1, longitude: 8.5, altitude: 400 } }),
      message({ body: JSON.stringify({ celsius: 20, list: [1, { b: true }] }) }),
    );
    expect(writes.written.map(({ measurement, fields }) => [measurement, fields])).toEqual([
      ["upchirp_status", { margin: 8, batteryLevel: 71.5, externalPowerSource: false, batteryLevelUnavailable: false }],
      ["upchirp_log", { level: "ERROR", code: "UPLINK_CODEC", description: "it failed" }],
      ["upchirp_ack", { acknowledged: true, fCntDown: 3 }],
      ["upchirp_location", { latitude: 47.1, longitude: 8.5, altitude: 400 }],
      ["upchirp_up", { celsius: 20, "list.0": 1, "list.1.b": true }],
    ]);
    expect(await deliver(message({ body: '"a text"' }))).toMatchObject({ kind: "rejected", message: /no value/ });
    expect(await deliver(message({ time: "soon" }))).toMatchObject({ kind: "rejected" });
  });

  test("is reached where it may be, and has the members of its version", async () => {
    const deliver = openWith({ url: "http://127.0.0.1:8086", version: 1, database: "iot" }, {}, []);
    await expect(deliver(message())).rejects.toMatchObject({ code: "forbidden_address" });
    const url = "https://influxdb.example.com";
    const faultsOf = (settings: object) => influxdbSink.faults(settings, {}).map(({ path }) => path);
    expect(faultsOf({ url, version: 1 })).toEqual(["/settings/database"]);
    expect(faultsOf({ url, version: 2, database: "iot" })).toEqual([
      "/settings/organization",
      "/settings/bucket",
      "/settings/database",
    ]);
    expect(faultsOf({ url, version: 3, database: "iot", bucket: "b" })).toEqual(["/settings/bucket"]);
    expect(faultsOf({ url, version: 3, database: "iot", measurement: "{nothing}" })).toEqual(["/settings/measurement"]);
    expect(faultsOf({ url: "https://me:mine@influxdb.example.com", version: 3, database: "iot" })).toEqual([
      "/settings/url",
    ]);
  });
});
