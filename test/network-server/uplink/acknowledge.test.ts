import { describe, expect, test } from "vitest";
import { parseApplicationId, parseDevEui } from "../../../lorawan/ids.ts";
import { encodeQueueItem } from "../../../network-server/downlink/queue.ts";
import type { Session } from "../../../network-server/session.ts";
import { judgeAck } from "../../../network-server/uplink/acknowledge.ts";
import { someSession, someUplink } from "../../support/sessions.ts";

const device = {
  devEui: parseDevEui("70b3d57ed0001234"),
  applicationId: parseApplicationId("17c82e96-be03-4f38-aef3-f83d48582d97"),
};
const fresh = () => ({ device, atMs: 0, deduplicationId: "9c0d2e9a-52b6-41b8-9a5c-0a7fca2bd7b4" });
const retries = 2;

const sentItem = (attempts: number) => ({
  id: "a",
  value: encodeQueueItem({
    id: "a",
    fPort: 1,
    confirmed: true,
    data: "AQ==",
    enqueuedAtMs: 0,
    sent: { fCntDown: 4, atMs: 0, attempts },
  }),
});
const other = { id: "b", value: encodeQueueItem({ id: "b", fPort: 1, confirmed: false, data: "", enqueuedAtMs: 0 }) };
const waiting = (awaited: Partial<NonNullable<Session["awaitedAck"]>> = {}) =>
  someSession({ awaitedAck: { queueItemId: "a", fCntDown: 4, ...awaited } });

/** What an uplink with or without ACK means after this many attempts. */
const judged = (ack: boolean, attempts: number, session = waiting(), startedAtMs = 0) =>
  judgeAck(session, someUplink({ ack }).frame, [sentItem(attempts), other], retries, fresh, startedAtMs);

describe("a confirmed downlink", () => {
  test.each([1, 2, 3])("C66 ends with the acknowledgement, after %i attempts", attempts => {
    const { session, events, changes, queue } = judged(true, attempts);
    expect(events).toMatchObject([{ kind: "ack", queueItemId: "a", acknowledged: true, fCntDown: 4 }]);
    expect(changes).toEqual([{ kind: "remove", id: "a" }]);
    expect(queue).toEqual([other]);
    expect(session.awaitedAck).toBeUndefined();
  });

  test.each([1, retries])("C66 without one stays first in the queue after %i attempts and is sent again", attempts => {
    const { session, events, changes, queue } = judged(false, attempts);
    expect([events, changes]).toEqual([[], []]);
    expect(queue.map(({ id }) => id)).toEqual(["a", "b"]);
    expect(session.awaitedAck).toBeUndefined();
  });

  test("C66 without one after its last retry ends as not acknowledged, and the next item follows", () => {
    const { events, changes, queue } = judged(false, retries + 1);
    expect(events).toMatchObject([{ kind: "ack", queueItemId: "a", acknowledged: false, fCntDown: 4 }]);
    expect(changes).toEqual([{ kind: "remove", id: "a" }]);
    expect(queue).toEqual([other]);
  });

  test("C66 is not judged by an uplink that began while it was still on the air", () => {
    const session = waiting({ endsAtMs: 1000 });
    expect(judged(false, retries + 1, session, 999)).toMatchObject({ session, events: [] });
    expect(judged(false, retries + 1, session, 1000).events).toHaveLength(1);
    expect(judged(true, 1, session, 999).events).toMatchObject([{ acknowledged: true }]);
  });

  test("C66 an acknowledgement that nobody waits for ends nothing", () => {
    expect(judged(true, 1, someSession())).toMatchObject({ events: [], changes: [] });
  });
});
