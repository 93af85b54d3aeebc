import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { SMTPServer, type SMTPServerOptions } from "smtp-server";
import { describe, expect, onTestFinished, test } from "vitest";
import { alertEvent } from "../../../../app-server/alerts/notifier.ts";
import { emailSink } from "../../../../app-server/integration/sinks/email.ts";
import { describeSink, type Received, type Receiver } from "../../../contracts/sink.ts";
import { applicationId, deviceInfo } from "../../support/fixtures.ts";
import { freePort } from "../../support/mosquitto.ts";
import { integrationOf, sinkContext, sinkMessage } from "../../support/sink-context.ts";

const pem = (name: string): string => readFileSync(join(import.meta.dirname, "../../../support/tls", name), "utf8");
const credentials = { username: "upchirp", password: "a long one" };

/** RFC 2045 6.7, as mails with long lines are sent. */
const unquoted = (text: string): string =>
  text
    .replaceAll("=\r\n", "")
    .replace(/((?:=[0-9A-F]{2})+)/g, run => Buffer.from(run.replaceAll("=", ""), "hex").toString("utf8"));

/** A real SMTP server that takes mail of those who log in over TLS, and refuses what says that it is bad. */
async function startSmtp(port: number, mails: string[], more: SMTPServerOptions = {}) {
  const server = new SMTPServer({
    key: pem("server.key"),
    cert: pem("server.pem"),
    onAuth: ({ username, password }, _session, done) =>
      username === credentials.username && password === credentials.password
        ? done(null, { user: "upchirp" })
        : done(new Error("wrong password")),
    onData(stream, _session, done) {
      const chunks: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("end", () => {
        const mail = unquoted(Buffer.concat(chunks).toString("utf8"));
        if (mail.includes('"bad":true'))
          return done(Object.assign(new Error("no such thing here"), { responseCode: 554 }));
        mails.push(mail);
        return done();
      });
    },
    logger: false,
    ...more,
  });
  server.on("error", () => undefined);
  server.listen(port, "127.0.0.1");
  await once(server.server, "listening");
  return () => new Promise<void>(resolve => server.close(() => resolve()));
}

const settingsFor = (port: number, more: object = {}) => ({
  host: "localhost",
  port,
  from: "upchirp@example.org",
  to: ["ada@example.org", "ben@example.org"],
  username: credentials.username,
  caCertificate: pem("ca.pem"),
  ...more,
});

async function openReceiver(): Promise<Receiver> {
  const mails: string[] = [];
  const port = await freePort();
  let close = await startSmtp(port, mails);
  return {
    settings: settingsFor(port),
    secrets: { password: credentials.password },
    received: async (): Promise<readonly Received[]> =>
      mails
        .flatMap(mail => mail.split("\r\n"))
        .filter(line => line.startsWith("{"))
        .map(line => JSON.parse(line))
        .map(({ deviceInfo: { devEui }, fCnt }) => ({ devEui, fCnt })),
    async start() {
      close = await startSmtp(port, mails);
    },
    stop: () => close(),
    close: () => close(),
    refused: { bad: true },
  };
}

describeSink(emailSink, openReceiver);

describe("a mail", () => {
  const send = async (settings: object, secrets: object, message = sinkMessage(), networks?: readonly string[]) => {
    const configured = { integration: integrationOf("email", { settings: { ...settings } }), secrets: { ...secrets } };
    return emailSink.open(configured, sinkContext(networks)).deliver([message], AbortSignal.timeout(10_000));
  };
  const server = async (more: SMTPServerOptions = {}) => {
    const mails: string[] = [];
    const port = await freePort();
    const close = await startSmtp(port, mails, more);
    onTestFinished(close);
    return { mails, port };
  };

  test("of an alert says what is wrong in its subject, and what to do about it", async () => {
    const { mails, port } = await server();
    const alert = {
      id: "3ac7e3c4-4401-4b8d-9386-a5c902f9202d",
      tenantId: deviceInfo.tenantId,
      applicationId,
      kind: "battery-low",
      severity: "warning",
      state: "raised",
      subjectType: "device",
      subject: "0101010101010101",
      subjectName: "cellar\r\nBcc: everybody@example.org",
      value: 12,
      threshold: 20,
      details: {},
      raisedAt: "2026-01-01T00:00:00.000Z",
      acknowledgedAt: null,
      acknowledgedBy: null,
      note: "",
      clearedAt: null,
    } as const;
    const { json } = alertEvent([{ alert, transition: "raised" }]);
    const message = sinkMessage({
      kind: "alert",
      body: json,
      event: JSON.parse(json),
      deduplicationId: `${alert.id}-raised`,
    });
    expect(await send(settingsFor(port), { password: credentials.password }, message)).toEqual({ kind: "delivered" });
    const [head = "", ...body] = (mails[0] ?? "").split("\r\n\r\n");
    expect(head).toContain("Subject: A battery is low: cellar Bcc: everybody@example.org");
    expect(head).not.toMatch(/^Bcc:/m);
    expect(head).toContain("To: ada@example.org, ben@example.org");
    expect(head).toContain(`Message-ID: <${alert.id}-raised@example.org>`);
    expect(body.join("\n")).toContain("What to do: Plan to change the battery.");
  });

  test("never leaves with a wrong password, without TLS, under another's certificate or to a private address", async () => {
    const { mails, port } = await server();
    const password = { password: credentials.password };
    const wrong = await send(settingsFor(port), { password: "wrong" });
    expect(wrong).toMatchObject({ kind: "unavailable" });
    expect(JSON.stringify(wrong)).not.toContain('wrong"');
    expect(await send(settingsFor(port, { caCertificate: pem("other-ca.pem") }), password)).toMatchObject({
      kind: "unavailable",
    });
    const plain = await server({ disabledCommands: ["STARTTLS"], authOptional: true });
    expect(await send(settingsFor(plain.port), password)).toMatchObject({ kind: "unavailable" });
    await expect(send(settingsFor(port), password, sinkMessage(), [])).rejects.toMatchObject({
      code: "forbidden_address",
    });
    expect([...mails, ...plain.mails]).toEqual([]);
  });

  test("goes without a login where the server wants none", async () => {
    const { mails, port } = await server({ authOptional: true });
    const { username: _, ...settings } = settingsFor(port);
    expect(await send({ ...settings, security: "none" }, {})).toEqual({ kind: "delivered" });
    expect(mails).toHaveLength(1);
  });

  test("whose address is refused for good is rejected, and one that is refused for now waits", async () => {
    const password = { password: credentials.password };
    const refusing = (responseCode: number) =>
      server({
        onRcptTo: (_address, _session, done) => done(Object.assign(new Error("no such mailbox"), { responseCode })),
      });
    const never = await refusing(550);
    expect(await send(settingsFor(never.port), password)).toMatchObject({ kind: "rejected" });
    const later = await refusing(451);
    expect(await send(settingsFor(later.port), password)).toMatchObject({ kind: "unavailable" });
  });

  test("needs a password with its user name, and never sends it in the clear", () => {
    const { username, ...settings } = settingsFor(25);
    expect(emailSink.faults({ ...settings, username }, {})).toMatchObject([{ path: "/secrets/password" }]);
    expect(emailSink.faults({ ...settings, username, security: "none" }, { password: "x" })).toMatchObject([
      { path: "/settings/security" },
    ]);
    expect(emailSink.faults({ ...settings, to: ["a@b\r\nBcc: c@d"] }, {})).toMatchObject([{ path: "/settings/to/0" }]);
    expect(emailSink.faults(settings, {})).toEqual([]);
  });
});
