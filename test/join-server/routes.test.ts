import fastify from "fastify";
import { describe, expect, onTestFinished, test } from "vitest";
import { createJoinAnswerer } from "../../join-server/answer.ts";
import { joinServerRoutes } from "../../join-server/routes.ts";
import { unwrapKey } from "../../lorawan/backend/key-envelope.ts";
import { parseDevEui, parseJoinEui } from "../../lorawan/ids.ts";
import { deriveJoinServerKeys, deriveSessionKeys11, parseAesKey } from "../../lorawan/keys.ts";
import { sealJoinRequest, sealRejoinRequest } from "../../lorawan/phy/security.ts";
import { createHttpJoinServer } from "../../network-server/backend/join-server.ts";
import { memoryJoinStores } from "../support/join-stores.ts";

const devEui = parseDevEui("0102030405060708");
const joinEui = parseJoinEui("1112131415161718");
const nwkKey = parseAesKey("000102030405060708090a0b0c0d0e0f");
const appKey = parseAesKey("101112131415161718191a1b1c1d1e1f");
const kek = "a0".repeat(16);
const clients = [
  { netId: "000013", token: "token-of-network-13", kekLabel: "net-13", kek },
  { netId: "60002D", token: "token-of-network-2d" },
];
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

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

async function joinServer() {
  const { rootKeys, nonces } = memoryJoinStores();
  await rootKeys.put(devEui, { nwkKey, appKey });
  const appSKeyWrap = (key: Uint8Array) => ({ KEKLabel: "app", AESKey: hex(key) });
  const http = fastify();
  await http.register(joinServerRoutes(createJoinAnswerer(rootKeys, nonces), clients, appSKeyWrap));
  onTestFinished(() => http.close());
  const post = async (body: unknown, token: string | undefined = clients[0]?.token) => {
    const response = await http.inject({
      method: "POST",
      url: "/ts002",
      headers: { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) },
      payload: JSON.stringify(body),
    });
    return { status: response.statusCode, answer: response.json(), body: response.body };
  };
  return { http, post };
}

describe("TS002 over HTTP", () => {
  test("C70 answers a JoinReq with keys wrapped under the client's key-encryption key", async () => {
    const { post } = await joinServer();
    const { status, answer } = await post(joinReq);
    expect(status).toBe(200);
    expect(answer).toMatchObject({
      MessageType: "JoinAns",
      SenderID: joinEui,
      ReceiverID: "000013",
      TransactionID: 4711,
      Result: { ResultCode: "Success" },
      FNwkSIntKey: { KEKLabel: "net-13" },
    });
    const expected = deriveSessionKeys11({ nwkKey, appKey, joinNonce: 1, joinEui, devNonce: 1 });
    const unwrapped = unwrapKey(Buffer.from(kek, "hex"), Buffer.from(answer.SNwkSIntKey.AESKey, "hex"));
    expect(unwrapped && hex(unwrapped)).toBe(hex(expected.sNwkSIntKey));
  });

  test("C70 answers a RejoinReq", async () => {
    const { post } = await joinServer();
    expect((await post(rejoinReq)).answer).toMatchObject({
      MessageType: "RejoinAns",
      TransactionID: 4711,
      Result: { ResultCode: "Success" },
    });
  });

  test.each([
    ["no token", undefined],
    ["a wrong token", "token-of-nobody-at-all"],
    ["a beginning of a token", "token-of-network-1"],
  ])("C70 with %s nothing is answered", async (_name, token) => {
    const { post } = await joinServer();
    const { status, answer } = await post(joinReq, token ?? "");
    expect(status).toBe(401);
    expect(answer).toEqual({ Result: { ResultCode: "UnknownSender" } });
  });

  test.each([
    ["JoinReq", joinReq],
    ["RejoinReq", rejoinReq],
  ])("C70 a %s in the name of another network is refused, and burns nothing", async (_name, message) => {
    const { post } = await joinServer();
    const strange = await post(message, clients[1]?.token);
    expect(strange.answer).toMatchObject({ Result: { ResultCode: "UnknownSender" } });
    expect(strange.body).not.toContain("AESKey");
    expect((await post(message)).answer).toMatchObject({ Result: { ResultCode: "Success" } });
  });

  test("C70 a NetID may be written in either case and with 0x", async () => {
    const { post } = await joinServer();
    const { answer } = await post({ ...joinReq, SenderID: "0x60002d" }, clients[1]?.token);
    expect(answer).toMatchObject({ Result: { ResultCode: "Success" } });
  });

  test.each([
    ["nothing", {}],
    ["a list", []],
    ["a text", "JoinReq"],
    ["another message", { ...joinReq, MessageType: "PRStartReq" }],
    ["no DevEUI", { ...joinReq, DevEUI: undefined }],
    ["a short DevEUI", { ...joinReq, DevEUI: "01" }],
    ["a payload that is no hex", { ...joinReq, PHYPayload: "xyz" }],
    ["a delay of 99 s", { ...joinReq, RxDelay: 99 }],
    ["a transaction beyond 32 bits", { ...joinReq, TransactionID: 2 ** 33 }],
  ])("C70 %s is a malformed message", async (_name, message) => {
    const { post } = await joinServer();
    const { status, answer } = await post(message);
    expect(status).toBe(200);
    expect(answer).toMatchObject({ Result: { ResultCode: "MalformedMessage" } });
  });

  test("bytes that are no JSON are a fault of the client's", async () => {
    const { http } = await joinServer();
    const response = await http.inject({
      method: "POST",
      url: "/ts002",
      headers: { "content-type": "application/json", authorization: `Bearer ${clients[0]?.token}` },
      payload: "{",
    });
    expect(response.statusCode).toBe(400);
  });
});

describe("the network server's client", () => {
  async function listening() {
    const { http } = await joinServer();
    const address = await http.listen({ host: "127.0.0.1", port: 0 });
    return createHttpJoinServer({ url: `${address}/ts002`, token: clients[0]?.token ?? "" });
  }

  test("C70 joins and rejoins over the wire", async () => {
    const client = await listening();
    expect(await client.join(joinReq)).toMatchObject({ MessageType: "JoinAns", Result: { ResultCode: "Success" } });
    expect(await client.rejoin(rejoinReq)).toMatchObject({
      MessageType: "RejoinAns",
      Result: { ResultCode: "Success" },
    });
  });

  test("a Join Server that is not there is named, without the token", async () => {
    const client = createHttpJoinServer({ url: "http://127.0.0.1:1/ts002", token: "a-secret-token-of-ours" });
    for (const asked of [client.join(joinReq), client.rejoin(rejoinReq)]) {
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
    const client = createHttpJoinServer({ url: `${address}/ts002`, token: "a-token-of-some-length" });
    await expect(client.join(joinReq)).rejects.toMatchObject({ code: "join_server_unavailable" });
    await expect(client.rejoin(rejoinReq)).rejects.toMatchObject({ code: "join_server_unavailable" });
  });
});
