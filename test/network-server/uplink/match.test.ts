import { describe, expect, test } from "vitest";
import type { Session } from "../../../network-server/session.ts";
import { type Candidate, matchDataFrame } from "../../../network-server/uplink/match.ts";
import { nwkSKey, someSession, someUplink } from "../../support/sessions.ts";

const radio = { dataRate: () => 0, channel: () => 0 };

const candidate = (session: Session, changes: Partial<Candidate<string>> = {}): Candidate<string> => ({
  device: "device",
  state: { active: session },
  resetsFCnt: false,
  ...changes,
});

const verdictOf = (fCnt: number, session: Session, changes: Partial<Candidate<string>> = {}) => {
  const { phyPayload, frame } = someUplink({ fCnt });
  return matchDataFrame(phyPayload, frame, [candidate(session, changes)], radio);
};

describe("counters", () => {
  test("C3 an uplink counter is rebuilt to 32 bits across 65535", () => {
    expect(verdictOf(65_536, someSession({ fCntUp: 65_535 }))).toMatchObject({ kind: "accepted", fCnt: 65_536 });
    expect(verdictOf(0x0003_0002, someSession({ fCntUp: 0x0002_fff0 }))).toMatchObject({
      kind: "accepted",
      fCnt: 0x0003_0002,
    });
  });

  test("C12 a counter under the last one is a replay", () => {
    expect(verdictOf(70_005, someSession({ fCntUp: 70_011 }))).toMatchObject({ kind: "replay", fCnt: 70_005 });
    expect(verdictOf(5, someSession({ fCntUp: 11 }))).toMatchObject({ kind: "replay", fCnt: 5 });
  });

  test("C12 a counter that no restarted device could have is a replay, whatever the device may do", () => {
    expect(verdictOf(70_005, someSession({ fCntUp: 70_011 }), { resetsFCnt: true })).toMatchObject({ kind: "replay" });
    expect(verdictOf(65_535, someSession({ fCntUp: 65_540 }), { resetsFCnt: true })).toMatchObject({ reset: true });
  });

  test("C12 C13 in 1.1, where a repeat may have another MIC, only the very last counter is one", () => {
    const keys = { fNwkSIntKey: nwkSKey, sNwkSIntKey: nwkSKey, nwkSEncKey: nwkSKey };
    const session = (fCntUp: number) => someSession({ macVersion: "1.1.0", ...keys, fCntUp });
    const verdict = (fCntUp: number) => {
      const { phyPayload, frame } = someUplink({ version11: true, fCnt: 10 });
      return matchDataFrame(phyPayload, frame, [candidate(session(fCntUp))], radio);
    };
    expect(verdict(10)).toMatchObject({ kind: "accepted", fCnt: 10 });
    expect(verdict(11)).toMatchObject({ kind: "repeat", fCnt: 10 });
    expect(verdict(12)).toMatchObject({ kind: "replay", fCnt: 10 });
  });

  test("C13 the last frame again is a repeat, another frame under its counter is not", () => {
    const { frame } = someUplink({ fCnt: 10 });
    const lastMic = Buffer.from(frame.mic).toString("hex");
    expect(verdictOf(10, someSession({ fCntUp: 11, lastMic }))).toMatchObject({ kind: "repeat", fCnt: 10 });
    expect(verdictOf(10, someSession({ fCntUp: 11, lastMic: "00000000" }))).toMatchObject({ kind: "replay" });
  });

  test.each([
    ["1.0.2", 16_384, "accepted"],
    ["1.0.2", 16_385, "bad-mic"],
    ["1.0.4", 40_000, "accepted"],
  ] as const)("C17 LoRaWAN %s with a gap of %i: %s", (macVersion, gap, kind) => {
    expect(verdictOf(gap, someSession({ macVersion }))).toMatchObject({ kind });
  });

  test("C19 a device that begins again is refused, unless its settings allow it", () => {
    const session = someSession({ fCntUp: 500 });
    expect(verdictOf(0, session)).toMatchObject({ kind: "counter-reset", fCnt: 0 });
    expect(verdictOf(0, session, { resetsFCnt: true })).toMatchObject({ kind: "accepted", fCnt: 0, reset: true });
    expect(verdictOf(2, someSession({ fCntUp: 70_000 }))).toMatchObject({ kind: "counter-reset", fCnt: 2 });
  });

  test("C21 no frame is taken under the last counters", () => {
    expect(verdictOf(0xffff_fffe, someSession({ fCntUp: 0xffff_fffe }))).toMatchObject({ kind: "accepted" });
    expect(verdictOf(0xffff_ffff, someSession({ fCntUp: 0xffff_ffff })).kind).not.toBe("accepted");
  });
});

describe("devices", () => {
  test("an address that nobody has is unknown", () => {
    const { phyPayload, frame } = someUplink();
    expect(matchDataFrame(phyPayload, frame, [], radio)).toEqual({ kind: "unknown-device" });
  });

  test("a frame signed by nobody here has a bad MIC", () => {
    expect(verdictOf(0, someSession({ fNwkSIntKey: "ff0102030405060708090a0b0c0d0e0f" }))).toEqual({ kind: "bad-mic" });
  });

  test("C33 devices that share an address are told apart by their keys", () => {
    const { phyPayload, frame } = someUplink({ fCnt: 7 });
    const others = Array.from({ length: 100 }, (_, index) => {
      const fNwkSIntKey = index.toString(16).padStart(32, "a");
      // As near to the frame's counter as ours, or nearer.
      return candidate(someSession({ fNwkSIntKey, fCntUp: 3 + (index % 5) }), { device: `other ${index}` });
    });
    const candidates = [...others, candidate(someSession({ fCntUp: 3 }), { device: "ours" })];
    expect(matchDataFrame(phyPayload, frame, candidates, radio)).toMatchObject({ kind: "accepted", device: "ours" });
  });

  test("of a hundred devices on one address that send by turns, the one whose turn it is is tried first", () => {
    // In 1.1 each try asks for the data rate, which the MIC is made with.
    let tries = 0;
    const counted = {
      ...radio,
      dataRate: () => {
        tries += 1;
        return 0;
      },
    };
    const { phyPayload, frame } = someUplink({ version11: true, fCnt: 7 });
    const turn = 40;
    const candidates = Array.from({ length: 100 }, (_, index) => {
      const hasSent = index < turn;
      const keys = index === turn ? {} : { fNwkSIntKey: index.toString(16).padStart(32, "a") };
      const session = {
        macVersion: "1.1.0",
        fCntUp: hasSent ? 8 : 7,
        lastUplinkAtMs: (hasSent ? 100 : 0) + index,
      } as const;
      return candidate(someSession({ ...session, ...keys }), { device: `${index}` });
    });
    expect(matchDataFrame(phyPayload, frame, candidates.reverse(), counted)).toMatchObject({
      kind: "accepted",
      device: `${turn}`,
    });
    expect(tries).toBe(1);
  });

  test("C31 the old and the new session of a device are both tried", () => {
    const { phyPayload, frame } = someUplink({ fCnt: 0 });
    const old = someSession({ fNwkSIntKey: "ff0102030405060708090a0b0c0d0e0f", fCntUp: 40 });
    const state = { active: old, joined: someSession() };
    expect(matchDataFrame(phyPayload, frame, [{ device: "d", state, resetsFCnt: false }], radio)).toMatchObject({
      kind: "accepted",
      slot: "joined",
    });
  });
});
