import { expect, test } from "vitest";
import { parseGatewayId } from "../../lorawan/ids.ts";
import { joinedLife } from "../support/radio-life.ts";

const gatewayId = parseGatewayId("1".padStart(16, "a"));

test.each([
  ["at 0", 0, "TOO_EARLY"],
  ["beyond where it was", 1_300_000_000, "TOO_LATE"],
])(
  "C38 C41 a gateway that restarts between uplink and answer, its counter %s, refuses it, and the item waits",
  async (_name, startCounterUs, reason) => {
    const life = await joinedLife({ gateways: [{ startCounterUs: 1_000_000_000 }] });
    await life.send();
    await life.enqueue(life.device.devEui, { id: "kept" });
    life.device.device.send({ fPort: 1, payload: Uint8Array.of(1), confirmed: true });
    // The frame is in, and its answer is not on the way yet.
    await life.clock.advance(100);
    life.gateways[0]?.stop();
    const restarted = await life.addGateway({ gatewayId, startCounterUs });
    await life.clock.advance(900);
    const failed = (await life.eventsOf(life.device.devEui)).flatMap(event =>
      event.kind === "log" && event.code === "DOWNLINK_GATEWAY" ? [event.description] : [],
    );
    expect(failed).toEqual([expect.stringContaining(`in RX1: ${reason}`)]);
    expect(failed[0]).toContain(`in RX2: ${reason}`);
    expect(restarted.statistics().transmitted).toBe(0);
    // The device sends it again, and by the new counter everything arrives, the item first of all.
    await life.clock.advance(20_000);
    expect(life.eventsOfKind("downlink").filter(({ fPort }) => fPort === 10)).toHaveLength(1);
    await life.send({ confirmed: true });
    const counters = life.eventsOfKind("downlink").map(({ fCnt }) => fCnt);
    expect(counters).toEqual([...new Set(counters)].sort((one, other) => one - other));
    expect(life.eventsOfKind("uplink-done").map(({ outcome }) => outcome)).not.toContain("not-acknowledged");
    expect([...life.eventsOfKind("violation"), ...life.eventsOfKind("bad-mic")]).toEqual([]);
  },
);
