import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import fastify from "fastify";
import { describe, expect, onTestFinished, test } from "vitest";
import { listenWithTls } from "../../../compose/join-servers.ts";
import { createJoinAnswerer } from "../../../join-server/answer.ts";
import { joinServerRoutes } from "../../../join-server/routes.ts";
import { parseDevEui, parseJoinEui, parseNetId } from "../../../lorawan/ids.ts";
import { deriveJoinServerKeys, parseAesKey } from "../../../lorawan/keys.ts";
import { sealJoinRequest, sealRejoinRequest } from "../../../lorawan/phy/security.ts";
import { createHttpJoinServer, type HttpJoinServerOptions } from "../../../network-server/backend/join-server.ts";
import { createLog } from "../../../platform/log.ts";
import { memoryJoinStores } from "../../support/join-stores.ts";

const devEui = parseDevEui("0102030405060708");
const joinEui = parseJoinEui("1112131415161718");
const nwkKey = parseAesKey("000102030405060708090a0b0c0d0e0f");
const appKey = parseAesKey("101112131415161718191a1b1c1d1e1f");
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const log = createLog({ level: "silent" });

const header = {
  ProtocolVersion: "1.1",
  SenderID: "000013",
  ReceiverID: joinEui,
  TransactionID: 4711,
  MACVersion: "1.1.0",
  DevEUI: devEui,
  DevAddr: "26000001",
  DLSettings: "80",
  RxDelay: 1,
};
const joinReq = {
  ...header,
  MessageType: "JoinReq" as const,
  PHYPayload: hex(sealJoinRequest(nwkKey, { joinEui, devEui, devNonce: 1 })),
};
const { jsIntKey } = deriveJoinServerKeys({ nwkKey, devEui });
const rejoinReq = {
  ...header,
  MessageType: "RejoinReq" as const,
  PHYPayload: hex(sealRejoinRequest(jsIntKey, { rejoinType: 1, joinEui, devEui, rjCount1: 0 })),
};

const clients = [
  { netId: "000013", certificate: "ns-13.example" },
  { netId: "60002d", certificate: "ns-2d.example" },
  { netId: "000024", token: "token-of-network-24" },
];

async function routes() {
  const { rootKeys, nonces } = memoryJoinStores();
  await rootKeys.put(devEui, { nwkKey, appKey });
  const answerer = createJoinAnswerer(rootKeys, nonces, parseNetId("000013"));
  const appSKeyWrap = (key: Uint8Array) => ({ KEKLabel: "app", AESKey: hex(key) });
  return joinServerRoutes({ answerer, config: { clients, joinEuis: [] }, appSKeyWrap, log });
}

const client = (options: Partial<HttpJoinServerOptions> & { readonly url: string }) =>
  createHttpJoinServer({ protocolVersion: "1.1", ...options });

describe("over HTTP", () => {
  async function listening(options: Partial<HttpJoinServerOptions> = {}) {
    const http = fastify();
    await http.register(await routes());
    onTestFinished(() => http.close());
    const address = await http.listen({ host: "127.0.0.1", port: 0 });
    return client({ url: `${address}/ts002`, token: "token-of-network-24", ...options });
  }

  test("C70 joins and rejoins over the wire", async () => {
    const joinServer = await listening();
    const join = await joinServer.join({ ...joinReq, SenderID: "000024" });
    expect(join).toMatchObject({ MessageType: "JoinAns", Result: { ResultCode: "Success" } });
    const rejoin = await joinServer.rejoin({ ...rejoinReq, SenderID: "000024" });
    expect(rejoin).toMatchObject({ MessageType: "RejoinAns", Result: { ResultCode: "Success" } });
  });

  test("C70 a Join Server of version 1.0 is asked in it", async () => {
    const joinServer = await listening({ protocolVersion: "1.0" });
    const request = { ...joinReq, SenderID: "000024" };
    await joinServer.join(request);
    expect(await joinServer.join(request)).toMatchObject({
      ProtocolVersion: "1.0",
      Result: { ResultCode: "JoinReqFailed" },
    });
  });

  test("a Join Server that is not there is named, without the token", async () => {
    const joinServer = client({ url: "http://127.0.0.1:1/ts002", token: "a-secret-token-of-ours" });
    for (const asked of [joinServer.join(joinReq), joinServer.rejoin(rejoinReq)]) {
      const error: unknown = await asked.catch((reason: unknown) => reason);
      expect(error).toMatchObject({ code: "join_server_unavailable" });
      expect(JSON.stringify(error) + String(error)).not.toContain("a-secret-token");
    }
  });

  test.each([
    ["an answer of another transaction", { ...joinReq, MessageType: "JoinAns", TransactionID: 1 }],
    ["an answer of the other kind", { ...joinReq, MessageType: "PRStartAns" }],
    ["no object", "hello"],
  ])("%s is not taken", async (_name, answer) => {
    const http = fastify();
    http.post("/ts002", async () => ({ Result: { ResultCode: "Success" }, ...(typeof answer === "object" && answer) }));
    onTestFinished(() => http.close());
    const address = await http.listen({ host: "127.0.0.1", port: 0 });
    const joinServer = client({ url: `${address}/ts002`, token: "a-token-of-some-length" });
    await expect(joinServer.join(joinReq)).rejects.toMatchObject({ code: "join_server_unavailable" });
    await expect(joinServer.rejoin(rejoinReq)).rejects.toMatchObject({ code: "join_server_unavailable" });
  });

  test.each([
    ["a redirection", 302, "{}"],
    ["an endless answer", 200, `"${"x".repeat(70_000)}"`],
    ["no JSON", 200, "<html>"],
  ])("%s is not taken", async (_name, status, body) => {
    const http = fastify();
    http.post("/ts002", (_request, reply) => reply.code(status).header("location", "/elsewhere").send(body));
    onTestFinished(() => http.close());
    const address = await http.listen({ host: "127.0.0.1", port: 0 });
    const joinServer = client({ url: `${address}/ts002` });
    await expect(joinServer.join(joinReq)).rejects.toMatchObject({ code: "join_server_unavailable" });
  });
});

describe("over mutual TLS", () => {
  const file = (name: string): string => fileURLToPath(new URL(`../../support/tls/${name}`, import.meta.url));
  const pem = (name: string): string => readFileSync(file(name), "utf8");
  const identity = (name: string) => ({ certificate: pem(`${name}.pem`), key: pem(`${name}.key`) });

  async function address(): Promise<string> {
    const plugin = await routes();
    const tls = {
      bind: "127.0.0.1",
      port: 0,
      certificateFile: file("server.pem"),
      keyFile: file("server.key"),
      clientCaFile: file("ca.pem"),
    };
    const listener = await listenWithTls({ clients, joinEuis: [], tls }, { routes: plugin }, log);
    onTestFinished(async () => listener?.http.close());
    return `https://localhost:${listener?.port}/ts002`;
  }

  test("C70 a client is known by its certificate, for its own NetID alone", async () => {
    const url = await address();
    const ours = client({ url, ca: pem("ca.pem"), ...identity("network-13") });
    const theirs = client({ url, ca: pem("ca.pem"), ...identity("network-2d") });
    expect(await theirs.join(joinReq)).toMatchObject({ Result: { ResultCode: "UnknownSender" }, TransactionID: 4711 });
    expect(await ours.join(joinReq)).toMatchObject({ Result: { ResultCode: "Success" } });
    expect(await ours.rejoin(rejoinReq)).toMatchObject({ Result: { ResultCode: "Success" } });
    expect(await theirs.rejoin({ ...rejoinReq, SenderID: "60002D" })).toMatchObject({
      Result: { ResultCode: "FrameReplayed" },
    });
  });

  test.each([
    ["without a certificate", {}],
    ["with a certificate of the right name and another authority", identity("forged-13")],
    ["with a token alone", { token: "token-of-network-24" }],
  ])("C70 %s nobody gets in", async (_name, credentials) => {
    const joinServer = client({ url: await address(), ca: pem("ca.pem"), ...credentials });
    await expect(joinServer.join(joinReq)).rejects.toMatchObject({ code: "join_server_unavailable" });
  });

  test("C70 a client with a certificate is not let in by its NetID's token, nor another by a token", async () => {
    const credentials = { ...identity("network-2d"), token: "token-of-network-24" };
    const joinServer = client({ url: await address(), ca: pem("ca.pem"), ...credentials });
    expect(await joinServer.join({ ...joinReq, SenderID: "000024" })).toMatchObject({
      Result: { ResultCode: "UnknownSender" },
    });
  });

  test("C70 a Join Server of an unknown authority is not told anything", async () => {
    const joinServer = client({ url: await address(), ca: pem("other-ca.pem"), ...identity("network-13") });
    await expect(joinServer.join(joinReq)).rejects.toMatchObject({ code: "join_server_unavailable" });
  });

  test("a file that cannot be read is a fault of its option", async () => {
    const tls = { bind: "127.0.0.1", port: 0, certificateFile: "/nowhere", keyFile: "", clientCaFile: "" };
    const started = listenWithTls({ clients, joinEuis: [], tls }, { routes: await routes() }, log);
    await expect(started).rejects.toThrow(/joinServer\.tls\.certificateFile/);
  });
});
