import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FrameError } from "../../lorawan/errors.ts";
import { explain, parseBytes } from "../../lorawan/explain/explain.ts";
import type { DecodeHints, DecodeKeys, Explanation } from "../../lorawan/explain/explanation.ts";
import { parseDevAddr, parseDevEui, parseJoinEui } from "../../lorawan/ids.ts";
import { parseAesKey } from "../../lorawan/keys.ts";
import { sealUplink } from "../../lorawan/phy/security.ts";
import { runProgram } from "../support/terminal.ts";
import dataVectors from "../vectors/data_frames.json" with { type: "json" };
import joinVectors from "../vectors/join.json" with { type: "json" };

const fromHex = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, "hex"));

function explained(hex: string, keys: DecodeKeys, hints: DecodeHints = {}): Explanation {
  const explanation = explain(fromHex(hex), keys, hints);
  if (explanation instanceof FrameError) throw explanation;
  return explanation;
}

const fieldValue = ({ fields }: Explanation, name: string) => fields.find(field => field.name === name)?.value;

const keysOf = (keys: Readonly<Record<string, string | undefined>>): DecodeKeys =>
  Object.fromEntries(
    Object.entries(keys).flatMap(([name, hex]) => (hex === undefined ? [] : [[name, parseAesKey(hex)]])),
  );

const wrongKey = parseAesKey("ffffffffffffffffffffffffffffffff");

describe("data frames", () => {
  test("of every vector are checked and decrypted, whatever their version, direction and counter", () => {
    for (const [index, vector] of dataVectors.vectors.entries()) {
      const is11 = vector.macVersion === "1.1";
      const conf = is11 && vector.confFCnt !== undefined ? { confFCnt: vector.confFCnt } : {};
      // Looking for the high bits takes a while, so that only some do.
      const high = is11 || index % 20 > 0 ? { fCntHigh: Math.floor(vector.fCnt / 65_536) } : {};
      const explanation = explained(vector.phyPayload, keysOf(vector.keys), { ...conf, ...high });
      expect(explanation.mic.kind, vector.phyPayload).toBe("fits");
      expect(explanation.fCnt).toBe(vector.fCnt);
      expect(fieldValue(explanation, "DevAddr")).toBe(vector.devAddr);
      expect(fieldValue(explanation, "MIC")).toBe(vector.mic);
      const isApplication = vector.fPort !== null && vector.fPort > 0 && vector.frmPayload !== "";
      expect(explanation.payload?.hex).toBe(isApplication ? vector.frmPayload : undefined);
      const commands = vector.fOpts !== "" || (vector.fPort === 0 && vector.frmPayload !== "");
      expect(explanation.commands !== undefined).toBe(commands);
    }
  });

  test("decrypted FOpts and payloads of port 0 give the bytes of the vector", () => {
    const unknownOf = (explanation: Explanation) => explanation.commands?.at(-1);
    const vector = dataVectors.vectors.find(({ macVersion, fOpts }) => macVersion === "1.1" && fOpts.startsWith("4a"));
    if (vector === undefined) throw new Error("the vector with an unknown command first is gone");
    const explanation = explained(vector.phyPayload, keysOf(vector.keys));
    expect(unknownOf(explanation)).toEqual({ name: "unknown", cid: 0x4a, fields: { bytes: vector.fOpts } });
  });

  test("under a wrong key do not fit, and nothing is decrypted", () => {
    for (const { phyPayload, macVersion } of dataVectors.vectors.slice(0, 6)) {
      const keys: DecodeKeys =
        macVersion === "1.1"
          ? { fNwkSIntKey: wrongKey, sNwkSIntKey: wrongKey, nwkSEncKey: wrongKey, appSKey: wrongKey }
          : { nwkSKey: wrongKey, appSKey: wrongKey };
      const explanation = explained(phyPayload, keys, { fCntHigh: 0, confFCnt: 0 });
      expect(explanation.mic.kind).toBe("does not fit");
      expect(explanation.payload).toBeUndefined();
    }
  });

  test("a counter whose high bits are given wrong does not fit", () => {
    const vector = dataVectors.vectors[0]!;
    const right = Math.floor(vector.fCnt / 65_536);
    const verdict = (fCntHigh: number) => explained(vector.phyPayload, keysOf(vector.keys), { fCntHigh }).mic.kind;
    expect([verdict(right), verdict(right - 1)]).toEqual(["fits", "does not fit"]);
  });
});

const nwkSKey = parseAesKey("000102030405060708090a0b0c0d0e0f");
const appSKey = parseAesKey("0f0e0d0c0b0a09080706050403020100");
const uplink = {
  version11: false,
  confirmed: false,
  devAddr: parseDevAddr("26011f2a"),
  adr: true,
  adrAckReq: false,
  ack: false,
  classB: false,
  fCnt: 0x10005,
  confFCnt: 0,
  txDr: 3,
  txCh: 7,
  fOpts: fromHex("030702"),
  fPort: 10,
  frmPayload: new TextEncoder().encode("21.5 C"),
};
const keys10 = { fNwkSIntKey: nwkSKey, sNwkSIntKey: nwkSKey, nwkSEncKey: nwkSKey, appSKey };
const hexOf = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

describe("what the keys tell", () => {
  test("a text is shown as text, and commands by name with their fields", () => {
    const explanation = explained(hexOf(sealUplink(uplink, keys10)), { nwkSKey, appSKey });
    expect(explanation).toMatchObject({
      title: "unconfirmed data uplink",
      mic: { kind: "fits", detail: "NwkSKey, counter 65541" },
      payload: { hex: "32312e352043", text: "21.5 C" },
      commands: [
        { name: "LinkADRAns", cid: 3, fields: { channelMaskAck: true, dataRateAck: true, powerAck: true } },
        { name: "LinkCheckReq", cid: 2, fields: {} },
      ],
      notes: [],
    });
  });

  test("commands on port 0 are decrypted with the network key", () => {
    const frame = sealUplink({ ...uplink, fOpts: new Uint8Array(0), fPort: 0, frmPayload: fromHex("06ff14") }, keys10);
    const { commands, payload } = explained(hexOf(frame), { nwkSKey });
    expect(commands).toEqual([{ name: "DevStatusAns", cid: 6, fields: { battery: 255, marginDb: 20 } }]);
    expect(payload).toBeUndefined();
  });

  test("the network key alone checks the MIC, and says what opens the payload", () => {
    const { mic, payload, notes } = explained(hexOf(sealUplink(uplink, keys10)), { nwkSKey });
    expect([mic.kind, payload, notes]).toEqual(["fits", undefined, ["FRMPayload is encrypted; --app-s-key opens it."]]);
  });

  test("the application key alone decrypts, and says what it assumes", () => {
    const frame = hexOf(sealUplink({ ...uplink, fCnt: 5 }, keys10));
    const { mic, payload, notes } = explained(frame, { appSKey });
    expect([mic.kind, payload?.text]).toEqual(["not checked", "21.5 C"]);
    expect(notes).toContain("Decrypted as counter 5 and without a check of the key.");
  });

  test("a 1.1 uplink tells data rate and channel by its MIC", () => {
    const keys = { fNwkSIntKey: wrongKey, sNwkSIntKey: nwkSKey, nwkSEncKey: appSKey, appSKey };
    const frame = hexOf(sealUplink({ ...uplink, version11: true }, keys));
    const { mic, commands } = explained(frame, keys, { fCntHigh: 1 });
    expect(mic).toEqual({
      kind: "fits",
      detail: "FNwkSIntKey and SNwkSIntKey, TxDr 3, TxCh 7, counter 65541",
    });
    expect(commands?.[0]?.name).toBe("LinkADRAns");
  });

  test("half a 1.1 MIC is called that", () => {
    const keys = { fNwkSIntKey: wrongKey, sNwkSIntKey: nwkSKey, nwkSEncKey: appSKey, appSKey };
    const frame = hexOf(sealUplink({ ...uplink, version11: true, ack: true, confFCnt: 9 }, keys));
    expect(explained(frame, keys, { fCntHigh: 1 }).mic.kind).toBe("half fits");
    expect(explained(frame, { fNwkSIntKey: wrongKey }, { fCntHigh: 1 }).mic.kind).toBe("half fits");
    expect(explained(frame, keys, { fCntHigh: 1, confFCnt: 9 }).mic.kind).toBe("fits");
    expect(explained(frame, keys, { fCntHigh: 1, confFCnt: 8 }).mic.kind).toBe("does not fit");
  });
});

describe("join frames", () => {
  test("join-requests of every vector fit their root key and no other", () => {
    for (const { phyPayload, devEui, joinEui, devNonce, rootKey } of joinVectors.joinRequest) {
      const explanation = explained(phyPayload, { appKey: parseAesKey(rootKey) });
      expect(explanation.mic).toEqual({ kind: "fits", detail: "AppKey" });
      expect([fieldValue(explanation, "DevEUI"), fieldValue(explanation, "JoinEUI")]).toEqual([devEui, joinEui]);
      expect(fieldValue(explanation, "DevNonce")).toBe(devNonce);
      expect(explained(phyPayload, { nwkKey: wrongKey }).mic.kind).toBe("does not fit");
    }
  });

  test("rejoin-requests of every vector fit", () => {
    for (const vector of joinVectors.rejoinRequest) {
      const is1 = vector.type === 1;
      const explanation = explained(vector.phyPayload, { sNwkSIntKey: parseAesKey(vector.micKey) });
      // Type 1 needs a key derived from the root key, which the vector does not have.
      expect(explanation.mic.kind).toBe(is1 ? "not checked" : "fits");
      expect(fieldValue(explanation, is1 ? "RJcount1" : "RJcount0")).toBe(vector.rjCount);
    }
  });

  test("join-accepts of every vector are opened", () => {
    for (const vector of joinVectors.joinAccept) {
      const hints: DecodeHints = vector.optNeg
        ? { devEui: parseDevEui(vector.devEui), joinEui: parseJoinEui(vector.joinEui), devNonce: vector.devNonce }
        : {};
      const explanation = explained(vector.phyPayload, { nwkKey: parseAesKey(vector.nwkKey) }, hints);
      expect(explanation.mic.kind).toBe("fits");
      expect(fieldValue(explanation, "DevAddr")).toBe(vector.devAddr);
      expect(fieldValue(explanation, "JoinNonce")).toBe(vector.joinNonce);
      expect(fieldValue(explanation, "NetID")).toBe(vector.netId);
      const frequencies = vector.cfList?.frequencies?.filter(Boolean).join(", ");
      expect(fieldValue(explanation, "Frequencies")).toBe(frequencies);
    }
  });

  test("a 1.1 join-accept is opened without its nonce too, and is not called good without the EUIs", () => {
    const vector = joinVectors.joinAccept.find(({ optNeg, joinReqType }) => optNeg && joinReqType === 255)!;
    const keys = { nwkKey: parseAesKey(vector.nwkKey) };
    const euis = { devEui: parseDevEui(vector.devEui), joinEui: parseJoinEui(vector.joinEui) };
    expect(explained(vector.phyPayload, keys, euis).mic.detail).toContain(`nonce ${vector.devNonce}`);
    const unchecked = explained(vector.phyPayload, keys);
    expect([unchecked.mic.kind, fieldValue(unchecked, "DevAddr")]).toEqual(["not checked", vector.devAddr]);
  });

  test("a join-accept under a wrong key shows no content", () => {
    const vector = joinVectors.joinAccept.find(({ optNeg }) => !optNeg)!;
    const euis = { devEui: parseDevEui(vector.devEui), joinEui: parseJoinEui(vector.joinEui), devNonce: 0 };
    const explanation = explained(vector.phyPayload, { appKey: wrongKey }, euis);
    expect(explanation.mic.kind).toBe("does not fit");
    expect(fieldValue(explanation, "DevAddr")).toBeUndefined();
  });
});

describe("any input", () => {
  test("gives an explanation or says why there is none", () => {
    const keys: DecodeKeys = { nwkSKey, appSKey, appKey: nwkSKey };
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 260 }), bytes => {
        const explanation = explain(bytes, keys, { fCntHigh: 0 });
        expect(explanation instanceof FrameError || explanation.bytes === bytes.length).toBe(true);
      }),
    );
  });

  test.each([
    ["40f17dbe49", "40f17dbe49"],
    ["40:F1:7D be-49", "40f17dbe49"],
    ["0x40f17dbe49", "40f17dbe49"],
    ["QPF9vkk=", "40f17dbe49"],
    ["QPF9vkk", "40f17dbe49"],
    ["4PF_-w==", "e0f17ffb"],
    ["not a frame!", undefined],
    ["", undefined],
  ])("%j reads as %s", (text, hex) => {
    const bytes = parseBytes(text);
    expect(bytes === undefined ? undefined : hexOf(bytes)).toBe(hex);
  });
});

describe("the command", () => {
  const frame = hexOf(sealUplink(uplink, keys10));
  const keyArgs = ["--nwk-s-key", hexOf(nwkSKey), "--app-s-key", hexOf(appSKey)];

  test("prints a line a field and never a key", async () => {
    const { exitCode, output } = await runProgram(["decode", frame, ...keyArgs]);
    expect(exitCode).toBe(0);
    expect(output).toMatch(/^Unconfirmed data uplink, 22 bytes\n\nMHDR +40/);
    expect(output).toMatch(/^DevAddr +26011f2a {2}\(NetID type 0, NwkID 0x13\)$/m);
    expect(output).toMatch(/^MIC +fits: NwkSKey, counter 65541$/m);
    expect(output).toMatch(/^as text +21\.5 C$/m);
    expect(output).toMatch(/^LinkADRAns +channelMaskAck yes, dataRateAck yes, powerAck yes$/m);
    for (const key of [nwkSKey, appSKey]) expect(output).not.toContain(hexOf(key));
  });

  test("prints JSON", async () => {
    const { output } = await runProgram(["decode", Buffer.from(frame, "hex").toString("base64"), ...keyArgs, "--json"]);
    expect(JSON.parse(output)).toMatchObject({ fCnt: 65_541, payload: { text: "21.5 C" } });
  });

  test.each([
    [["decode", "what?"], 2, "error: the frame is neither hex nor base64\n"],
    [["decode", "00"], 1, "error: no LoRaWAN frame (1 byte): a Join-Request has 23 bytes\n"],
    [
      ["decode", "40", "--nwk-s-key", "12"],
      2,
      "error: --nwk-s-key: 32 hex digits are expected, and these are 2 characters\n",
    ],
  ])("%j exits with %i", async (args, exitCode, errors) => {
    expect(await runProgram(args)).toEqual({ exitCode, output: "", errors });
  });
});
