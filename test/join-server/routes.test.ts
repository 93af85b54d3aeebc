import fastify from "fastify";
import { describe, expect, onTestFinished, test } from "vitest";
import { createJoinAnswerer } from "../../join-server/answer.ts";
import { joinServerRoutes, type RouteOptions } from "../../join-server/routes.ts";
import { unwrapKey } from "../../lorawan/backend/key-envelope.ts";
import { parseDevEui, parseJoinEui, parseNetId } from "../../lorawan/ids.ts";
import { deriveJoinServerKeys, deriveSessionKeys11, parseAesKey } from "../../lorawan/keys.ts";
import { sealJoinRequest, sealRejoinRequest } from "../../lorawan/phy/security.ts";
import { createLog } from "../../platform/log.ts";
import { memoryJoinStores } from "../support/join-stores.ts";

const devEui = parseDevEui("0102030405060708");
const joinEui = parseJoinEui("1112131415161718");
const nwkKey = parseAesKey("000102030405060708090a0b0c0d0e0f");
const appKey = parseAesKey("101112131415161718191a1b1c1d1e1f");
const kek = "a0".repeat(16);
const appKek = "b0".repeat(32);
const clients = [
  { netId: "000013", token: "token-of-network-13", kekLabel: "net-13", kek, appKekLabel: "as-13", appKek },
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

async function joinServer(more: Partial<RouteOptions["config"]> = {}) {
  const { rootKeys, nonces } = memoryJoinStores();
  await rootKeys.put(devEui, { nwkKey, appKey });
  const appSKeyWrap = (key: Uint8Array) => ({ KEKLabel: "app", AESKey: hex(key) });
  const http = fastify();
  const answerer = createJoinAnswerer(rootKeys, nonces, parseNetId("000013"));
  const config = { clients, joinEuis: [], ...more };
  await http.register(joinServerRoutes({ answerer, config, appSKeyWrap, log: createLog({ level: "silent" }) }));
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
  return { http, post, rootKeys };
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
    expect(answer.AppSKey.KEKLabel).toBe("as-13");
    const appSKey = unwrapKey(Buffer.from(appKek, "hex"), Buffer.from(answer.AppSKey.AESKey, "hex"));
    expect(appSKey && hex(appSKey)).toBe(hex(expected.appSKey));
  });

  test("C70 a client that shares no keys gets the network keys in the clear, and no AppSKey but the own wrapping", async () => {
    const { post } = await joinServer();
    const { answer } = await post({ ...joinReq, SenderID: "60002D" }, clients[1]?.token);
    expect(answer.FNwkSIntKey).toEqual({ AESKey: expect.stringMatching(/^[0-9a-f]{32}$/) });
    expect(answer.AppSKey.KEKLabel).toBe("app");
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
    ["a sender that is a number", { ...joinReq, SenderID: 19 }],
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

  test("C70 what cannot be answered still names the transaction, the other end and the kind of answer", async () => {
    const { post } = await joinServer();
    expect((await post({ ...joinReq, RxDelay: 99 })).answer).toEqual({
      ProtocolVersion: "1.1",
      SenderID: joinEui,
      ReceiverID: "000013",
      TransactionID: 4711,
      MessageType: "JoinAns",
      Result: { ResultCode: "MalformedMessage", Description: expect.stringContaining("RxDelay") },
    });
    const { MessageType: _, ...headless } = joinReq;
    expect((await post({ ...headless, ProtocolVersion: "1.0" })).answer).toMatchObject({
      TransactionID: 4711,
      ReceiverID: "000013",
      Result: { ResultCode: "MalformedRequest" },
    });
  });

  test.each(["2.0", "1.2", "", "1"])("C70 version %j is refused in our own", async ProtocolVersion => {
    const { post } = await joinServer();
    expect((await post({ ...joinReq, ProtocolVersion })).answer).toMatchObject({
      ProtocolVersion: "1.1",
      TransactionID: 4711,
      MessageType: "JoinAns",
      Result: { ResultCode: "InvalidProtocolVersion" },
    });
  });

  test.each([
    [[], "Success"],
    [["1112131415161718"], "Success"],
    [["ffffffffffffffff", "1112130000000000/24"], "Success"],
    [["0000000000000000/0"], "Success"],
    [["1112131415161719"], "UnknownReceiver"],
    [["1112130000000000/40"], "UnknownReceiver"],
  ])("C70 with the JoinEUIs %j served a JoinReq gets %s", async (joinEuis, code) => {
    const { post } = await joinServer({ joinEuis });
    expect((await post(joinReq)).answer).toMatchObject({ TransactionID: 4711, Result: { ResultCode: code } });
  });

  test("C70 a receiver that is no JoinEUI is unknown", async () => {
    const { post } = await joinServer();
    expect((await post({ ...joinReq, ReceiverID: "000013" })).answer.Result.ResultCode).toBe("UnknownReceiver");
  });

  test("C70 every binary value may carry 0x and be in either case", async () => {
    const { post } = await joinServer();
    const written = (text: string) => `0x${text.toUpperCase()}`;
    const { SenderID, ReceiverID, DevEUI, DevAddr, DLSettings, PHYPayload } = joinReq;
    const message = {
      ...joinReq,
      SenderID: written(SenderID),
      ReceiverID: written(ReceiverID),
      DevEUI: written(DevEUI),
      DevAddr: written(DevAddr),
      DLSettings: written(DLSettings),
      PHYPayload: written(PHYPayload),
    };
    expect((await post(message)).answer).toMatchObject({ Result: { ResultCode: "Success" } });
  });

  test("C70 a network that a device visits is told its home", async () => {
    const { post } = await joinServer();
    const { ProtocolVersion, SenderID, ReceiverID, TransactionID, DevEUI } = joinReq;
    const message = { ProtocolVersion, SenderID, ReceiverID, TransactionID, MessageType: "HomeNSReq", DevEUI };
    expect((await post(message)).answer).toMatchObject({ MessageType: "HomeNSAns", HNetID: "000013" });
  });

  test("C70 a fault of the Join Server's own is told without its details", async () => {
    const { post, rootKeys } = await joinServer();
    rootKeys.keys = async () => {
      throw new Error("the database has gone");
    };
    const { status, answer, body } = await post(joinReq);
    expect(status).toBe(200);
    expect(answer).toMatchObject({ TransactionID: 4711, MessageType: "JoinAns", Result: { ResultCode: "Other" } });
    expect(body).not.toContain("database");
  });

  test("C70 bytes that are no JSON are a malformed message, and those of a stranger are not looked at", async () => {
    const { http } = await joinServer();
    const send = (token: string | undefined) =>
      http.inject({
        method: "POST",
        url: "/ts002",
        headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
        payload: "{",
      });
    const response = await send(clients[0]?.token);
    expect(response.statusCode).toBe(200);
    expect(response.json()).toMatchObject({ Result: { ResultCode: "MalformedMessage" } });
    expect((await send("token-of-nobody-at-all")).statusCode).toBe(401);
  });
});
