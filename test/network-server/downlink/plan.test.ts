import { describe, expect, test } from "vitest";
import { parseDevAddr } from "../../../lorawan/ids.ts";
import { parseAesKey } from "../../../lorawan/keys.ts";
import { decodeFrame } from "../../../lorawan/phy/codec.ts";
import type { DataFrame } from "../../../lorawan/phy/frame.ts";
import { cryptPayload } from "../../../lorawan/phy/security.ts";
import { regionOf } from "../../../lorawan/region/regions.ts";
import { type DownlinkDemand, planDownlink } from "../../../network-server/downlink/plan.ts";
import { encodeQueueItem } from "../../../network-server/downlink/queue.ts";
import { dataWindows } from "../../../network-server/downlink/windows.ts";
import { regionOfSession, type Session } from "../../../network-server/session.ts";
import type { QueueItem } from "../../../platform/state/queue-item.ts";
import { appSKey, nwkSKey, someDevAddr, someSession } from "../../support/sessions.ts";

const nothing: DownlinkDemand = {
  ack: false,
  answerNeeded: false,
  answers: [],
  requests: [],
  adr: true,
  confFCnt: 0,
};

const item = (id: string, bytes: number, changes: Partial<QueueItem> = {}) => ({
  id,
  value: encodeQueueItem({
    id,
    fPort: 10,
    confirmed: false,
    data: Buffer.alloc(bytes, 0xab).toString("base64"),
    enqueuedAtMs: 0,
    ...changes,
  }),
});

const key = parseAesKey(appSKey);
const windowsOf = (session: Session, dataRate: number) =>
  dataWindows(regionOfSession(session), session.mac.current, { frequencyHz: 868_100_000, dataRate });

function plan(
  demand: Partial<DownlinkDemand>,
  queue: readonly { id: string; value: Uint8Array }[] = [],
  dataRate = 5,
  session = someSession(),
) {
  const planned = planDownlink(session, { ...nothing, ...demand }, queue, windowsOf(session, dataRate), key, 1000);
  const frame = planned.downlink && decodeFrame(planned.downlink.phyPayload);
  return { ...planned, frame: frame && "kind" in frame && frame.kind === "data" ? frame : undefined };
}

const payloadOf = (frame: DataFrame | undefined, fCnt = 0): string =>
  frame ? Buffer.from(cryptPayload(key, "down", someDevAddr, fCnt, frame.frmPayload)).toString("hex") : "";

test("nothing is sent when nothing is asked for", () => {
  expect(plan({}).downlink).toBeUndefined();
});

test("C65 a confirmed uplink is acknowledged in its own windows, RX1 first", () => {
  const { downlink, frame } = plan({ ack: true });
  expect(frame).toMatchObject({ ack: true, fPending: false, direction: "down", fCnt16: 0 });
  expect(downlink?.windows.map(window => [window.name, window.delayUs])).toEqual([
    ["RX1", 1_000_000],
    ["RX2", 2_000_000],
  ]);
});

test("C65 the acknowledgement travels with a payload that waits, in one frame", () => {
  const { downlink, frame } = plan({ ack: true }, [item("a", 4)]);
  expect(frame).toMatchObject({ ack: true, fPort: 10 });
  expect(downlink?.item?.id).toBe("a");
});

describe("MAC commands", () => {
  const linkChecks = (count: number) => Array.from({ length: count }, () => Uint8Array.of(0x02, 20, 1));

  test("C6 up to 15 bytes travel in FOpts beside a payload", () => {
    const { frame } = plan({ answers: linkChecks(5) }, [item("a", 4)]);
    expect(frame?.fPort).toBe(10);
    expect(Buffer.from(frame?.fOpts ?? []).toString("hex")).toBe("021401".repeat(5));
    expect(payloadOf(frame)).toBe("abababab");
  });

  test.each([
    ["six answers of three bytes", linkChecks(6)],
    ["sixteen bytes", [...linkChecks(4), Uint8Array.of(0x09), Uint8Array.of(0x02, 20, 1)]],
  ])("C4 C6 %s travel alone on port 0 under the network key, and the payload waits", (_name, answers) => {
    const { frame } = plan({ answers }, [item("a", 4)]);
    expect(frame).toMatchObject({ fPort: 0, fPending: true });
    expect(frame?.fOpts).toHaveLength(0);
    const clear = cryptPayload(parseAesKey(nwkSKey), "down", someDevAddr, 0, frame?.frmPayload ?? new Uint8Array());
    expect(Buffer.from(clear)).toEqual(Buffer.concat(answers));
  });
});

describe("payload limits", () => {
  test("C7 a frame for RX1 is not offered in an RX2 that it does not fit", () => {
    const { downlink } = plan({}, [item("a", 200)]);
    expect(downlink?.windows.map(window => window.name)).toEqual(["RX1"]);
  });

  test("C7 requests beside a payload take no more than it leaves, answers wait for no payload", () => {
    const request = { bytes: Uint8Array.of(0x08, 5), name: "RXTimingSetupReq" };
    // RX1 at DR0 takes 51 bytes.
    expect(plan({ requests: [request] }, [item("a", 49)], 0).downlink?.sentRequests).toEqual([request]);
    const tight = plan({ requests: [request] }, [item("a", 50)], 0);
    expect(tight.downlink).toMatchObject({ item: { id: "a" }, sentRequests: [] });
    expect(tight.frame?.fPending).toBe(true);
    const answered = plan({ answers: [Uint8Array.of(0x02, 20, 1)] }, [item("a", 50)], 0);
    expect(answered.downlink?.item).toBeUndefined();
    expect(answered.frame).toMatchObject({ fPending: true });
    expect(answered.frame?.fOpts).toHaveLength(3);
  });

  test("C7 under the dwell-time limit the window takes less", () => {
    const as923 = (downlinkDwellTime: boolean) => {
      const region = regionOf("AS923", "RP002-1.0.4");
      const { current } = someSession({ region: "AS923" }).mac;
      const parameters = { ...current, channels: region.defaultChannels, downlinkDwellTime, rx1DrOffset: 0 };
      return dataWindows(region, parameters, { frequencyHz: 923_200_000, dataRate: 2 }).map(
        window => window.maxPayload,
      );
    };
    expect(as923(false)[0]).toBe(115);
    expect(as923(true)[0]).toBe(11);
  });

  test("C68 an item that cannot fit is reported and the next one is sent", () => {
    const { downlink, dropped, changes } = plan({}, [item("long", 60), item("short", 10)], 0);
    expect(dropped).toMatchObject([{ kind: "too-long", item: { id: "long" }, maxPayload: 51 }]);
    expect(changes).toEqual([{ kind: "remove", id: "long" }]);
    expect(downlink?.item?.id).toBe("short");
  });

  test("an item past its time is reported and not sent", () => {
    const { downlink, dropped } = plan({}, [item("old", 3, { expiresAtMs: 1000 })]);
    expect(downlink).toBeUndefined();
    expect(dropped).toMatchObject([{ kind: "expired", item: { id: "old" } }]);
  });
});

describe("FPending", () => {
  test("C67 it is set when another item waits, and only then", () => {
    expect(plan({}, [item("a", 3), item("b", 3)]).frame?.fPending).toBe(true);
    expect(plan({}, [item("a", 3)]).frame?.fPending).toBe(false);
    expect(plan({}, [item("a", 3), item("b", 3, { expiresAtMs: 5 })]).frame?.fPending).toBe(false);
  });

  test("C67 it is set when commands leave no room for the only item, and when they find none themselves", () => {
    const answers = Array.from({ length: 6 }, () => Uint8Array.of(0x02, 20, 1));
    expect(plan({ answers }, [item("a", 4)]).frame).toMatchObject({ fPort: 0, fPending: true });
    expect(plan({ answers }).frame).toMatchObject({ fPort: 0, fPending: false });
    const requests = [{ bytes: new Uint8Array(52).fill(0x06), name: "DevStatusReq" }];
    expect(plan({ ack: true, requests }, [], 0).frame?.fPending).toBe(true);
    expect(plan({ ack: true, requests: [{ bytes: Uint8Array.of(6), name: "" }] }, [], 0).frame?.fPending).toBe(false);
  });
});

describe("counters", () => {
  test("C3 the downlink counter is 32 bits, of which 16 travel", () => {
    const session = someSession({ nFCntDown: 0x1_0003 });
    const { frame, downlink } = plan({}, [item("a", 3)], 5, session);
    expect(frame?.fCnt16).toBe(3);
    expect(downlink?.fCntDown).toBe(0x1_0003);
    expect(payloadOf(frame, 0x1_0003)).toBe("ababab");
    expect(downlink?.session.nFCntDown).toBe(0x1_0004);
  });

  test("C18 a 1.1 session counts frames with and without application payload apart", () => {
    const session = someSession({ macVersion: "1.1.0", nFCntDown: 5, aFCntDown: 9 });
    expect(plan({ ack: true }, [], 5, session).downlink).toMatchObject({
      fCntDown: 5,
      session: { nFCntDown: 6, aFCntDown: 9 },
    });
    expect(plan({}, [item("a", 1)], 5, session).downlink).toMatchObject({
      fCntDown: 9,
      session: { nFCntDown: 5, aFCntDown: 10 },
    });
  });

  test("C21 nothing is sent under the last counters", () => {
    expect(plan({ ack: true }, [], 5, someSession({ nFCntDown: 0xffff_ffff })).downlink).toBeUndefined();
  });
});

describe("payloads that came encrypted", () => {
  const sealed = (id: string, fCntDown: number, devAddr = someDevAddr) =>
    item(id, 3, { encrypted: { fCntDown, devAddr } });
  const planFor = (session: Session, ...queue: ReturnType<typeof item>[]) => plan({}, queue, 5, session);

  test.each([
    ["1.0.4", { nFCntDown: 9, aFCntDown: 0 }],
    ["1.1.0", { nFCntDown: 3, aFCntDown: 9 }],
  ] as const)("C36 a %s device is sent them untouched, under their counter", (macVersion, after) => {
    const { downlink, frame } = planFor(someSession({ macVersion, nFCntDown: 3 }), sealed("a", 8));
    expect(frame).toMatchObject({ fPort: 10, fCnt16: 8 });
    expect(Buffer.from(frame?.frmPayload ?? []).toString("hex")).toBe("ababab");
    expect(downlink).toMatchObject({ fCntDown: 8, session: after });
  });

  test.each([
    ["for a counter that is used", sealed("a", 2)],
    ["for another session", sealed("a", 5, parseDevAddr("01ab23ce"))],
  ])("C36 %s they are reported and stop nobody", (_name, stale) => {
    const { dropped, changes, downlink } = planFor(someSession({ nFCntDown: 3 }), stale, sealed("b", 3));
    expect(dropped).toMatchObject([{ kind: "stale", item: { id: "a" }, devAddr: someDevAddr, nextFCntDown: 3 }]);
    expect(changes).toEqual([{ kind: "remove", id: "a" }]);
    expect(downlink).toMatchObject({ item: { id: "b" }, fCntDown: 3 });
  });

  test("C36 those that came for several counters are sent under the first that is not used, and keep the rest", () => {
    const later = [5, 7, 8].map(fCntDown => ({ fCntDown, data: Buffer.alloc(3, fCntDown).toString("base64") }));
    const encrypted = { fCntDown: 4, devAddr: someDevAddr, later };
    const payloadAt = (nFCntDown: number) => {
      const { downlink, frame, dropped } = planFor(someSession({ nFCntDown }), item("a", 3, { encrypted }));
      const counters = downlink?.item?.encrypted?.later?.map(({ fCntDown }) => fCntDown);
      return [downlink?.fCntDown, Buffer.from(frame?.frmPayload ?? []).toString("hex"), counters, dropped.length];
    };
    expect(payloadAt(2)).toEqual([4, "ababab", [5, 7, 8], 0]);
    expect(payloadAt(5)).toEqual([5, "050505", [7, 8], 0]);
    expect(payloadAt(6)).toEqual([7, "070707", [8], 0]);
    expect(payloadAt(9)).toEqual([undefined, "", undefined, 1]);
  });

  test("C36 without the AppSKey they are sent, and what is in the clear is reported", () => {
    const session = someSession();
    const queue = [item("clear", 3), sealed("sealed", 0)];
    const planned = planDownlink(session, nothing, queue, windowsOf(session, 5), undefined, 1000);
    expect(planned.dropped).toMatchObject([{ kind: "without-app-s-key", item: { id: "clear" } }]);
    expect(planned.downlink).toMatchObject({ item: { id: "sealed" } });
  });
});
