import { describe, expect, test } from "vitest";
import { judge } from "./checker.ts";
import type {
  AcceptedCommand,
  Delivery,
  SeenDownlink,
  SeenJoinAccept,
  SentUplink,
  StruckFault,
  Truth,
} from "./truth.ts";

const devEui = "0102030405060708";
const devAddr = "00000001";

const uplink = (fCnt: number, overrides: Partial<SentUplink> = {}): SentUplink => ({
  devEui,
  devAddr,
  fCnt,
  fPort: 2,
  data: "AQI=",
  confirmed: false,
  hearings: [{ gatewayId: "gateway", server: 0, atMs: 1000 * fCnt, pushAckedAtMs: 1000 * fCnt + 1 }],
  ...overrides,
});

const delivery = (fCnt: number, overrides: Partial<Delivery> = {}): Delivery => ({
  atMs: 1000 * fCnt + 200,
  devEui,
  devAddr,
  fCnt,
  fPort: 2,
  data: "AQI=",
  deduplicationId: `id ${fCnt}`,
  ...overrides,
});

const truth = (overrides: Partial<Truth> = {}): Truth => ({
  uplinks: [uplink(1), uplink(2), uplink(3)],
  downlinks: [],
  joinAccepts: [],
  commandsHeard: [],
  deviceFindings: [],
  ...overrides,
});

const all = [delivery(1), delivery(2), delivery(3)];
const fault = (overrides: Partial<StruckFault> = {}): StruckFault => ({
  number: 1,
  kind: "server-kill",
  mayLose: "uncommitted",
  fromMs: 1900,
  toMs: 2500,
  ...overrides,
});

const judged = (truth: Truth, deliveries: readonly Delivery[], faults: readonly StruckFault[]) =>
  judge(truth, { deliveries: new Map([["reader", deliveries]]), commands: [], accounted: new Set() }, faults);
const kinds = (...given: Parameters<typeof judged>): readonly string[] =>
  judged(...given).violations.map(({ kind }) => kind);

describe("uplinks", () => {
  test("pass when each arrives once and in order", () => {
    const { counts, violations } = judged(truth(), all, []);
    expect(violations).toEqual([]);
    expect(counts).toMatchObject({ uplinksHeard: 3, delivered: 3, duplicates: { reader: 0 }, notAccepted: 0 });
  });

  test("one that was heard while nothing was broken is lost when it does not arrive", () => {
    const found = judged(truth(), [delivery(1), delivery(3)], []).violations;
    expect(found).toMatchObject([{ kind: "lost", devEui, atMs: 2000 }]);
    expect(found[0]?.detail).toBe("FCntUp 2 of 00000001 never arrived at reader: heard at 2.000 s with PUSH_ACK");
  });

  test("one that was not committed when the server died is not lost, and is counted", () => {
    const { counts, violations } = judged(truth(), [delivery(1), delivery(3)], [fault()]);
    expect(violations).toEqual([]);
    expect(counts).toMatchObject({ notAccepted: 1, notAcceptedAfterPushAck: 1, notAcceptedByFault: { 1: 1 } });
    expect(counts.longestUncommittedMs).toBe(0);
  });

  test("how long before the fault one was heard that it cost is told, and there is a limit to it", () => {
    const { counts, violations } = judged(truth(), [delivery(1), delivery(3)], [fault({ fromMs: 2300 })]);
    expect(violations).toEqual([]);
    expect(counts.longestUncommittedMs).toBe(300);
    expect(kinds(truth(), [delivery(1), delivery(3)], [fault({ fromMs: 4100, toMs: 5000 })])).toEqual(["lost"]);
  });

  test("one that was answered is lost even when the server died at that moment", () => {
    const uplinks = [uplink(1), uplink(2, { confirmed: true, answeredAtMs: 2300 }), uplink(3)];
    expect(kinds(truth({ uplinks }), [delivery(1), delivery(3)], [fault()])).toEqual(["lost"]);
  });

  test("one that was heard again after the fault is lost", () => {
    const [first] = uplink(2).hearings;
    const again = { gatewayId: "gateway", server: 0, atMs: 5000, pushAckedAtMs: 5001 };
    const uplinks = [uplink(1), uplink(2, { hearings: first ? [first, again] : [] }), uplink(3)];
    expect(kinds(truth({ uplinks }), [delivery(1), delivery(3)], [fault()])).toEqual(["lost"]);
  });

  test("a fault that costs only what was not acknowledged excuses nothing else", () => {
    const stopped = fault({ mayLose: "unacknowledged" });
    expect(kinds(truth(), [delivery(1), delivery(3)], [stopped])).toEqual(["lost"]);
    const uplinks = [uplink(1), uplink(2, { hearings: [{ gatewayId: "gateway", server: 0, atMs: 2000 }] }), uplink(3)];
    expect(kinds(truth({ uplinks }), [delivery(1), delivery(3)], [stopped])).toEqual([]);
    expect(kinds(truth({ uplinks }), [delivery(1), delivery(3)], [fault({ mayLose: "nothing" })])).toEqual(["lost"]);
  });

  test("one that one subscriber got has to arrive at the others", () => {
    const deliveries = new Map([
      ["first", all],
      ["second", [delivery(1), delivery(3)]],
    ]);
    const { violations } = judge(truth(), { deliveries, commands: [], accounted: new Set() }, [fault()]);
    expect(violations).toMatchObject([{ kind: "lost", detail: expect.stringContaining("at second:") }]);
  });

  test("a fault of one server excuses nothing that another one was sent", () => {
    expect(kinds(truth(), [delivery(1), delivery(3)], [fault({ server: 0 })])).toEqual([]);
    expect(kinds(truth(), [delivery(1), delivery(3)], [fault({ server: 1 })])).toEqual(["lost"]);
  });

  test("one that no gateway heard need not arrive", () => {
    const uplinks = [uplink(1), uplink(2, { hearings: [] }), uplink(3)];
    expect(kinds(truth({ uplinks }), [delivery(1), delivery(3)], [])).toEqual([]);
  });

  test("a second copy is counted under the same deduplicationId and found under another", () => {
    const { counts, violations } = judged(truth(), [...all, delivery(2)], []);
    expect(violations).toEqual([]);
    expect(counts.duplicates).toEqual({ reader: 1 });
    expect(kinds(truth(), [...all, delivery(2, { deduplicationId: "id 9" })], [])).toEqual([
      "foreign-deduplication-id",
    ]);
  });

  test("two uplinks under one deduplicationId are found", () => {
    const shared = [delivery(1), delivery(2, { deduplicationId: "id 1" }), delivery(3)];
    expect(kinds(truth(), shared, [])).toEqual(["shared-deduplication-id"]);
  });

  test("a first copy that comes after a newer one is found, a second copy is not", () => {
    expect(kinds(truth(), [delivery(1), delivery(3), delivery(2)], [])).toEqual(["out-of-order"]);
    expect(kinds(truth(), [...all, delivery(1)], [])).toEqual([]);
  });

  test("a session that begins again is newer, though its counter is lower", () => {
    const next = { devAddr: "00000002" };
    const uplinks = [uplink(1), uplink(2), uplink(1, next)];
    expect(
      kinds(truth({ uplinks }), [delivery(1), delivery(2), delivery(1, { ...next, deduplicationId: "x" })], []),
    ).toEqual([]);
    expect(
      kinds(truth({ uplinks }), [delivery(1, { ...next, deduplicationId: "x" }), delivery(1), delivery(2)], []),
    ).toEqual(["out-of-order", "out-of-order"]);
  });

  test("what nobody sent, or sent with other content, is found", () => {
    expect(kinds(truth(), [...all, delivery(4)], [])).toEqual(["never-sent"]);
    expect(kinds(truth(), [delivery(1), delivery(2, { data: "AQM=" }), delivery(3)], [])).toEqual(["altered"]);
  });
});

describe("counters and nonces", () => {
  const downlink = (phyPayload: string, fCnt = 7): SeenDownlink => ({
    atMs: 100,
    gatewayId: "gateway",
    devAddr,
    fCnt,
    phyPayload,
  });
  const accept = (devNonce: number, joinNonce: number, phyPayload: string): SeenJoinAccept => ({
    atMs: 100,
    devEui,
    devNonce,
    joinNonce,
    phyPayload,
  });

  test("two frames under one FCntDown are found, the same frame in both windows is not", () => {
    expect(kinds(truth({ downlinks: [downlink("aa"), downlink("bb")] }), all, [])).toEqual(["f-cnt-down-reused"]);
    expect(kinds(truth({ downlinks: [downlink("aa"), downlink("aa"), downlink("bb", 8)] }), all, [])).toEqual([]);
  });

  test("a JoinNonce in two Join-Accepts is found", () => {
    const joinAccepts = [accept(1, 5, "aa"), accept(2, 5, "bb")];
    expect(kinds(truth({ joinAccepts }), all, [])).toEqual(["join-nonce-reused"]);
  });

  test("a DevNonce that is answered by two Join-Accepts is found", () => {
    const joinAccepts = [accept(1, 5, "aa"), accept(1, 5, "aa"), accept(1, 6, "bb")];
    expect(kinds(truth({ joinAccepts }), all, [])).toEqual(["dev-nonce-accepted-twice"]);
  });

  test("what a device found wrong counts", () => {
    const finding = { atMs: 5, devEui, violation: "counter-reused", detail: "FCntDown 3 after 3" };
    expect(judged(truth({ deviceFindings: [finding] }), all, []).violations).toMatchObject([
      { kind: "device-finding", devEui, detail: "counter-reused: FCntDown 3 after 3" },
    ]);
  });
});

test("a command that was kept has to be heard, to be reported or to wait", () => {
  const command = (id: string, data: string): AcceptedCommand => ({ atMs: 5, devEui, id, data });
  const commands = [command("heard", "AQ=="), command("reported", "Ag=="), command("lost", "Aw==")];
  const heard = truth({
    commandsHeard: [
      { devEui, data: "AQ==" },
      { devEui: "another", data: "Aw==" },
    ],
  });
  const told = { deliveries: new Map([["reader", all]]), commands, accounted: new Set(["reported"]) };
  const { counts, violations } = judge(heard, told, []);
  expect(counts.commands).toBe(3);
  expect(violations).toMatchObject([{ kind: "command-lost", devEui, detail: expect.stringMatching(/^lost /) }]);
});
