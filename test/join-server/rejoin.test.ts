import { readFileSync } from "node:fs";
import Type from "typebox";
import Value from "typebox/value";
import { describe, expect, test } from "vitest";
import { createJoinAnswerer } from "../../join-server/answer.ts";
import type { JoinReq, RejoinReq } from "../../lorawan/backend/messages.ts";
import { parseDevEui, parseJoinEui, parseNetId } from "../../lorawan/ids.ts";
import { deriveJoinServerKeys, parseAesKey } from "../../lorawan/keys.ts";
import { openJoinAccept, sealJoinRequest, sealRejoinRequest } from "../../lorawan/phy/security.ts";
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
        plaintext: Type.String(),
        phyPayload: Type.String(),
        rx1DrOffset: Type.Integer(),
        rx2DataRate: Type.Integer(),
        rxDelay: Type.Integer(),
      }),
    ),
  }),
  JSON.parse(readFileSync(new URL("../vectors/join.json", import.meta.url), "utf8")),
).joinAccept.filter(vector => vector.joinReqType !== 0xff);

const clear = (key: Uint8Array) => ({ AESKey: Buffer.from(key).toString("hex") });
const wrap = { appSKey: clear, networkKey: clear };
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

const homeNetId = parseNetId("000013");
const devEui = parseDevEui("0102030405060708");
const joinEui = parseJoinEui("1112131415161718");
const netId = parseNetId("000013");
const nwkKey = parseAesKey("000102030405060708090a0b0c0d0e0f");
const appKey = parseAesKey("101112131415161718191a1b1c1d1e1f");
const { jsIntKey, jsEncKey } = deriveJoinServerKeys({ nwkKey, devEui });
/** The Join Server has no SNwkSIntKey: any key gives a frame that is as good to it. */
const someKey = parseAesKey("ff".repeat(16));

function rejoinReq(phyPayload: Uint8Array, changes: Partial<RejoinReq> = {}): RejoinReq {
  return {
    ProtocolVersion: "1.1",
    SenderID: netId,
    ReceiverID: joinEui,
    TransactionID: 9,
    MessageType: "RejoinReq",
    MACVersion: "1.1.0",
    PHYPayload: hex(phyPayload),
    DevEUI: devEui,
    DevAddr: "01020304",
    DLSettings: "80",
    RxDelay: 1,
    ...changes,
  };
}

const type1 = (rjCount1: number, key = jsIntKey): Uint8Array =>
  sealRejoinRequest(key, { rejoinType: 1, joinEui, devEui, rjCount1 });
const type02 = (rejoinType: 0 | 2, rjCount0: number): Uint8Array =>
  sealRejoinRequest(someKey, { rejoinType, netId, devEui, rjCount0 });

async function answererWithDevice() {
  const stores = memoryJoinStores();
  await stores.rootKeys.put(devEui, { nwkKey, appKey });
  return { ...stores, answerer: createJoinAnswerer(stores.rootKeys, stores.nonces, homeNetId) };
}

describe("known rejoins", () => {
  test.each(vectors.map((vector, index) => [index, vector] as const))(
    "C35 gives the accept of vector %i: JSEncKey, and a MIC over the rejoin type and RJcount",
    async (_index, vector) => {
      const { rootKeys, nonces } = memoryJoinStores();
      const device = parseDevEui(vector.devEui);
      const scope = parseJoinEui(vector.joinEui);
      await rootKeys.put(device, { nwkKey: parseAesKey(vector.nwkKey), appKey: parseAesKey(vector.appKey) });
      await nonces.change(device, scope, () => ({
        nonces: { joinNonce: vector.joinNonce - 1, usedDevNonces: new Uint8Array() },
      }));
      const rejoinType = vector.joinReqType === 0 ? 0 : 2;
      const frame = sealRejoinRequest(someKey, {
        rejoinType,
        netId: parseNetId(vector.netId),
        devEui: device,
        rjCount0: vector.devNonce,
      });
      const dlSettings = 0x80 | (vector.rx1DrOffset << 4) | vector.rx2DataRate;
      const cfList = vector.plaintext.slice(24);
      const answer = await createJoinAnswerer(rootKeys, nonces, homeNetId).rejoin(
        rejoinReq(frame, {
          SenderID: vector.netId,
          ReceiverID: scope,
          DevEUI: device,
          DevAddr: vector.devAddr,
          DLSettings: dlSettings.toString(16).padStart(2, "0"),
          RxDelay: vector.rxDelay,
          ...(cfList && { CFList: cfList }),
        }),
        wrap,
      );
      expect(answer).toMatchObject({ MessageType: "RejoinAns", Result: { ResultCode: "Success" } });
      expect(answer.PHYPayload).toBe(vector.phyPayload);
    },
  );
});

describe("rejoins", () => {
  test.each([0, 1, 2] as const)("C35 the accept of type %i opens under JSEncKey and gives three keys", async type => {
    const { answerer } = await answererWithDevice();
    const answer = await answerer.rejoin(rejoinReq(type === 1 ? type1(7) : type02(type, 7)), wrap);
    const opened = openJoinAccept(Buffer.from(answer.PHYPayload ?? "", "hex"), {
      encryptionKey: jsEncKey,
      mic: { kind: "1.1", key: jsIntKey, joinReqType: type, joinEui, devNonce: 7 },
    });
    expect(opened).toMatchObject({ micValid: true, content: { joinNonce: 1, devAddr: "01020304" } });
    const keys = [answer.FNwkSIntKey, answer.SNwkSIntKey, answer.NwkSEncKey, answer.AppSKey].map(key => key?.AESKey);
    expect(new Set(keys).size).toBe(4);
    expect(answer.NwkSKey).toBeUndefined();
  });

  test("C35 RJcount1 must rise", async () => {
    const { answerer } = await answererWithDevice();
    const codes = [];
    for (const count of [0, 0, 5, 4, 6]) {
      codes.push((await answerer.rejoin(rejoinReq(type1(count)), wrap)).Result.ResultCode);
    }
    expect(codes).toEqual(["Success", "FrameReplayed", "Success", "FrameReplayed", "Success"]);
  });

  test("C22 a type 1 with a wrong MIC burns no RJcount1", async () => {
    const { answerer } = await answererWithDevice();
    const forged = await answerer.rejoin(rejoinReq(type1(60_000, someKey)), wrap);
    expect(forged.Result.ResultCode).toBe("MICFailed");
    expect((await answerer.rejoin(rejoinReq(type1(1)), wrap)).Result.ResultCode).toBe("Success");
  });

  test("C26 one JoinNonce counts joins and rejoins of a JoinEUI, and a join keeps RJcount1", async () => {
    const { answerer, nonces } = await answererWithDevice();
    const joinRequest = (devNonce: number): JoinReq => ({
      ...rejoinReq(sealJoinRequest(nwkKey, { joinEui, devEui, devNonce })),
      MessageType: "JoinReq",
    });
    await answerer.join(joinRequest(1), wrap);
    await answerer.rejoin(rejoinReq(type1(3)), wrap);
    await answerer.rejoin(rejoinReq(type02(0, 0)), wrap);
    await answerer.join(joinRequest(2), wrap);
    const { nonces: kept } = await nonces.change(devEui, joinEui, nonces => ({ nonces }));
    expect(kept).toMatchObject({ joinNonce: 4, lastDevNonce: 2, lastRjCount1: 3 });
  });

  test("C26 no accept is given once every JoinNonce is used up", async () => {
    const { answerer, nonces } = await answererWithDevice();
    await nonces.change(devEui, joinEui, old => ({ nonces: { ...old, joinNonce: 0xff_ffff } }));
    expect((await answerer.rejoin(rejoinReq(type02(2, 0)), wrap)).Result.ResultCode).toBe("JoinReqFailed");
  });

  test.each([
    [
      "another frame",
      { PHYPayload: hex(sealJoinRequest(nwkKey, { joinEui, devEui, devNonce: 1 })) },
      "MalformedMessage",
    ],
    ["no frame", { PHYPayload: "c000" }, "FrameSizeError"],
    ["another DevEUI", { DevEUI: "ffffffffffffffff" }, "MalformedMessage"],
    ["a receiver that is no JoinEUI", { ReceiverID: "somewhere" }, "MalformedMessage"],
    ["OptNeg unset", { DLSettings: "00" }, "MalformedMessage"],
  ])("C70 %s is answered with a result code", async (_name, changes, code) => {
    const { answerer } = await answererWithDevice();
    const answer = await answerer.rejoin(rejoinReq(type02(0, 1), changes), wrap);
    expect(answer.Result.ResultCode).toBe(code);
    expect(answer).toMatchObject({ MessageType: "RejoinAns", TransactionID: 9, ReceiverID: netId });
  });

  test("C70 a rejoin of type 1 sent to another JoinEUI than its own is refused", async () => {
    const { answerer } = await answererWithDevice();
    const answer = await answerer.rejoin(rejoinReq(type1(1), { ReceiverID: "ffffffffffffffff" }), wrap);
    expect(answer.Result.ResultCode).toBe("UnknownReceiver");
  });

  test("C70 a device that may not activate may not rejoin", async () => {
    const { answerer, disabled } = await answererWithDevice();
    disabled.add(devEui);
    for (const frame of [type1(1), type02(0, 1)]) {
      expect((await answerer.rejoin(rejoinReq(frame), wrap)).Result.ResultCode).toBe("ActivationDisallowed");
    }
  });

  test("C70 a device without stored keys is unknown", async () => {
    const { rootKeys, nonces } = memoryJoinStores();
    const answer = await createJoinAnswerer(rootKeys, nonces, homeNetId).rejoin(rejoinReq(type1(1)), wrap);
    expect(answer.Result.ResultCode).toBe("UnknownDevEUI");
  });
});
