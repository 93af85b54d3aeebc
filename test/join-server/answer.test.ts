import { readFileSync } from "node:fs";
import Type from "typebox";
import Value from "typebox/value";
import { describe, expect, test } from "vitest";
import { createJoinAnswerer } from "../../join-server/answer.ts";
import type { JoinAns, JoinReq } from "../../lorawan/backend/messages.ts";
import { parseDevEui, parseJoinEui, parseNetId } from "../../lorawan/ids.ts";
import { parseAesKey } from "../../lorawan/keys.ts";
import { sealJoinRequest } from "../../lorawan/phy/security.ts";
import { memoryJoinStores } from "../support/join-stores.ts";

const vectors = Value.Parse(
  Type.Object({
    joinAccept: Type.Array(
      Type.Object({
        appKey: Type.String(),
        nwkKey: Type.String(),
        devEui: Type.String(),
        joinEui: Type.String(),
        devNonce: Type.Integer(),
        joinNonce: Type.Integer(),
        joinReqType: Type.Integer(),
        netId: Type.String(),
        devAddr: Type.String(),
        optNeg: Type.Boolean(),
        plaintext: Type.String(),
        phyPayload: Type.String(),
        rx1DrOffset: Type.Integer(),
        rx2DataRate: Type.Integer(),
        rxDelay: Type.Integer(),
        cfList: Type.Unknown(),
      }),
    ),
    sessionKeys: Type.Array(Type.Record(Type.String(), Type.Unknown())),
  }),
  JSON.parse(readFileSync(new URL("../vectors/join.json", import.meta.url), "utf8")),
);

const clear = (key: Uint8Array) => ({ AESKey: Buffer.from(key).toString("hex") });
const wrap = { appSKey: clear, networkKey: clear };

const homeNetId = parseNetId("000013");
const devEui = parseDevEui("0102030405060708");
const joinEui = parseJoinEui("1112131415161718");
const nwkKey = parseAesKey("000102030405060708090a0b0c0d0e0f");

function joinReq(devNonce: number, changes: Partial<JoinReq> = {}, key = nwkKey): JoinReq {
  const phyPayload = sealJoinRequest(key, { joinEui, devEui, devNonce });
  return {
    ProtocolVersion: "1.1",
    SenderID: "000000",
    ReceiverID: joinEui,
    TransactionID: 1,
    MessageType: "JoinReq",
    MACVersion: "1.0.4",
    PHYPayload: Buffer.from(phyPayload).toString("hex"),
    DevEUI: devEui,
    DevAddr: "01020304",
    DLSettings: "00",
    RxDelay: 1,
    ...changes,
  };
}

async function answererWithDevice() {
  const stores = memoryJoinStores();
  await stores.rootKeys.put(devEui, { nwkKey });
  return { ...stores, answerer: createJoinAnswerer(stores.rootKeys, stores.nonces, homeNetId) };
}

const codeOf = (answer: JoinAns): string => answer.Result.ResultCode;

describe("known joins", () => {
  const accepts = vectors.joinAccept.filter(vector => vector.joinReqType === 0xff);

  test.each(accepts.map((vector, index) => [index, vector] as const))(
    "C8 gives the accept and the keys of vector %i",
    async (_index, vector) => {
      const { rootKeys, nonces } = memoryJoinStores();
      const device = parseDevEui(vector.devEui);
      const joinEuiOfDevice = parseJoinEui(vector.joinEui);
      const root = parseAesKey(vector.nwkKey);
      await rootKeys.put(device, { nwkKey: root, appKey: parseAesKey(vector.appKey) });
      await nonces.change(device, joinEuiOfDevice, () => ({
        nonces: { joinNonce: vector.joinNonce - 1, usedDevNonces: new Uint8Array() },
      }));
      const request = sealJoinRequest(root, { joinEui: joinEuiOfDevice, devEui: device, devNonce: vector.devNonce });
      const dlSettings = (vector.optNeg ? 0x80 : 0) | (vector.rx1DrOffset << 4) | vector.rx2DataRate;
      const cfList = vector.plaintext.slice(24);
      const answer = await createJoinAnswerer(rootKeys, nonces, homeNetId).join(
        {
          ...joinReq(0),
          SenderID: vector.netId,
          ReceiverID: vector.joinEui,
          DevEUI: vector.devEui,
          DevAddr: vector.devAddr,
          MACVersion: vector.optNeg ? "1.1.0" : "1.0.3",
          PHYPayload: Buffer.from(request).toString("hex"),
          DLSettings: dlSettings.toString(16).padStart(2, "0"),
          RxDelay: vector.rxDelay,
          ...(cfList !== "" && { CFList: cfList }),
        },
        wrap,
      );
      expect(answer.PHYPayload).toBe(vector.phyPayload);
      const keys = vectors.sessionKeys.find(
        entry => entry.devEui === vector.devEui && entry.joinNonce === vector.joinNonce,
      );
      expect(answer.AppSKey?.AESKey).toBe(keys?.appSKey);
      expect(answer.NwkSKey?.AESKey).toBe(keys?.nwkSKey);
      expect(answer.SNwkSIntKey?.AESKey).toBe(keys?.sNwkSIntKey);
    },
  );
});

describe("nonces", () => {
  test("C22 a Join-Request with a wrong MIC burns no nonce", async () => {
    const { answerer } = await answererWithDevice();
    const forged = joinReq(500, {}, parseAesKey("ff0102030405060708090a0b0c0d0e0f"));
    expect(codeOf(await answerer.join(forged, wrap))).toBe("MICFailed");
    expect(codeOf(await answerer.join(joinReq(3), wrap))).toBe("Success");
  });

  test.each(["1.0.4", "1.1", "1.1.0"])("C23 under %s the DevNonce must rise", async MACVersion => {
    const { answerer } = await answererWithDevice();
    const join = async (devNonce: number) => codeOf(await answerer.join(joinReq(devNonce, { MACVersion }), wrap));
    expect(await join(7)).toBe("Success");
    expect(await join(7)).toBe("FrameReplayed");
    expect(await join(6)).toBe("FrameReplayed");
    expect(await join(8)).toBe("Success");
  });

  test("C24 before 1.0.4 each DevNonce is taken once, in any order", async () => {
    const { answerer } = await answererWithDevice();
    const old = { MACVersion: "1.0.3" };
    for (const devNonce of [65535, 0, 9])
      expect(codeOf(await answerer.join(joinReq(devNonce, old), wrap))).toBe("Success");
    for (const devNonce of [9, 65535, 0]) {
      expect(codeOf(await answerer.join(joinReq(devNonce, old), wrap))).toBe("FrameReplayed");
    }
  });

  test("C25 nonces are counted for each JoinEUI", async () => {
    const { answerer } = await answererWithDevice();
    const other = parseJoinEui("aaaaaaaaaaaaaaaa");
    const request = sealJoinRequest(nwkKey, { joinEui: other, devEui, devNonce: 1 });
    expect(codeOf(await answerer.join(joinReq(5), wrap))).toBe("Success");
    const changes = { PHYPayload: Buffer.from(request).toString("hex"), ReceiverID: other };
    const answer = await answerer.join(joinReq(0, changes), wrap);
    expect(codeOf(answer)).toBe("Success");
  });

  test("C26 no two accepts carry the same JoinNonce, not even after DevNonces were forgotten", async () => {
    const { answerer, nonces } = await answererWithDevice();
    const first = await answerer.join(joinReq(1), wrap);
    await nonces.forgetDevNonces(devEui, joinEui);
    const second = await answerer.join(joinReq(1), wrap);
    expect(codeOf(second)).toBe("Success");
    expect(second.PHYPayload).not.toBe(first.PHYPayload);
    expect(second.AppSKey?.AESKey).not.toBe(first.AppSKey?.AESKey);
  });
});

describe("requests that cannot be answered", () => {
  test.each([
    ["another DevEUI than in the frame", { DevEUI: "ffffffffffffffff" }, "MalformedMessage", "MalformedRequest"],
    ["another JoinEUI than in the frame", { ReceiverID: "ffffffffffffffff" }, "UnknownReceiver", "UnkownReceiver"],
    ["a truncated frame", { PHYPayload: "0001" }, "FrameSizeError", "FrameSizeError"],
    ["no bytes", { PHYPayload: "" }, "FrameSizeError", "FrameSizeError"],
    ["another Major", { PHYPayload: `03${"00".repeat(22)}` }, "MalformedMessage", "MalformedRequest"],
    ["a data frame", { PHYPayload: "400403020100000001aabbccdd" }, "MalformedMessage", "MalformedRequest"],
    ["a short CFList", { CFList: "0011" }, "MalformedMessage", "MalformedRequest"],
    ["no AppKey for 1.1", { MACVersion: "1.1.0", DLSettings: "80" }, "JoinReqFailed", "JoinReqFailed"],
  ])("C70 %s is answered with a result code, and burns no nonce", async (_name, changes, code, code10) => {
    const { answerer } = await answererWithDevice();
    expect(codeOf(await answerer.join(joinReq(1, changes), wrap))).toBe(code);
    expect(codeOf(await answerer.join(joinReq(1, { ...changes, ProtocolVersion: "1.0" }), wrap))).toBe(code10);
    expect(codeOf(await answerer.join(joinReq(1), wrap))).toBe("Success");
  });

  test("C70 a nonce that comes again is FrameReplayed, which 1.0 does not know", async () => {
    const { answerer } = await answererWithDevice();
    await answerer.join(joinReq(1), wrap);
    expect(codeOf(await answerer.join(joinReq(1), wrap))).toBe("FrameReplayed");
    expect(codeOf(await answerer.join(joinReq(1, { ProtocolVersion: "1.0" }), wrap))).toBe("JoinReqFailed");
  });

  test("C70 a device that may not activate is told so, but only if it is that device", async () => {
    const { answerer, disabled } = await answererWithDevice();
    disabled.add(devEui);
    expect(codeOf(await answerer.join(joinReq(1), wrap))).toBe("ActivationDisallowed");
    expect(codeOf(await answerer.join(joinReq(1, {}, parseAesKey("ff".repeat(16))), wrap))).toBe("MICFailed");
    disabled.clear();
    expect(codeOf(await answerer.join(joinReq(1), wrap))).toBe("Success");
  });

  test("C70 a device without stored keys is unknown", async () => {
    const stores = memoryJoinStores();
    const answer = await createJoinAnswerer(stores.rootKeys, stores.nonces, homeNetId).join(joinReq(1), wrap);
    expect(codeOf(answer)).toBe("UnknownDevEUI");
  });

  test("C70 the home network of a known device is named, that of a stranger is not", async () => {
    const { answerer } = await answererWithDevice();
    const header = { ProtocolVersion: "1.1", SenderID: "000024", ReceiverID: joinEui, TransactionID: 3 };
    const ask = (DevEUI: string) => answerer.home({ ...header, MessageType: "HomeNSReq", DevEUI });
    expect(await ask(`0x${devEui.toUpperCase()}`)).toEqual({
      ...header,
      SenderID: joinEui,
      ReceiverID: "000024",
      MessageType: "HomeNSAns",
      Result: { ResultCode: "Success" },
      HNetID: "000013",
    });
    const stranger = await ask("ffffffffffffffff");
    expect(stranger.Result.ResultCode).toBe("UnknownDevEUI");
    expect(stranger).not.toHaveProperty("HNetID");
  });

  test("C70 the answer turns sender and receiver round and keeps the transaction", async () => {
    const { answerer } = await answererWithDevice();
    const answer = await answerer.join(
      joinReq(1, { TransactionID: 4711, SenderToken: "ab", SenderNSID: "70b3d57ed0000001" }),
      wrap,
    );
    expect(answer).toMatchObject({
      SenderID: joinEui,
      ReceiverID: "000000",
      TransactionID: 4711,
      ReceiverToken: "ab",
      ReceiverNSID: "70b3d57ed0000001",
      MessageType: "JoinAns",
    });
  });
});
