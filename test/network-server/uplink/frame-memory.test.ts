import fc from "fast-check";
import { expect, test } from "vitest";
import { parseGatewayId } from "../../../lorawan/ids.ts";
import { FrameMemory } from "../../../network-server/uplink/frame-memory.ts";

const gateways = ["0016c001f1000001", "0016c001f1000002", "0016c001f1000003"].map(parseGatewayId);
const copy = fc.record({ gatewayId: fc.constantFrom(...gateways), counterUs: fc.nat(0xffff_ffff) });
const frame = fc.record({
  key: fc.constantFrom("a", "b", "\xff\x00", "d"),
  firstAtUs: fc.nat({ max: 9_000_000 }),
  copies: fc.array(copy, { minLength: 1, maxLength: 4 }),
});

test("each frame is remembered as it was heard last, with the counter of each gateway's first copy", () => {
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 30 }), frames => {
      const memory = new FrameMemory(0);
      for (const heard of frames) memory.add(heard);
      for (const key of new Set(frames.map(heard => heard.key))) {
        const last = frames.findLast(heard => heard.key === key);
        const found = memory.find(key);
        expect(found?.firstAtUs).toBe(last?.firstAtUs);
        for (const gatewayId of gateways) {
          const first = last?.copies.find(heard => heard.gatewayId === gatewayId);
          expect(found?.counterOf(gatewayId)).toBe(first?.counterUs);
        }
      }
      expect(memory.find("never heard")).toBeUndefined();
    }),
  );
});

test("a frame is remembered for ten seconds at least and twenty at most, with whoever wants its copies", () => {
  const memory = new FrameMemory(0);
  const [gatewayId] = gateways;
  if (gatewayId === undefined) throw new Error("no gateway");
  const remembered = memory.add({ key: "frame", firstAtUs: 1, copies: [{ gatewayId, counterUs: 2 }] });
  const taker = (): void => undefined;
  remembered.giveCopiesTo(taker);
  memory.rotate(10_000_000);
  expect(memory.find("frame")?.taker).toBe(taker);
  memory.add({ key: "other", firstAtUs: 10_000_001, copies: [] });
  memory.rotate(19_999_999);
  expect(memory.find("frame")?.firstAtUs).toBe(1);
  memory.rotate(20_000_000);
  expect(memory.find("frame")).toBeUndefined();
  expect(memory.find("other")?.taker).toBeUndefined();
  memory.rotate(60_000_000);
  expect(memory.find("other")).toBeUndefined();
});

test("under a flood frames are remembered for less long, and never more than half a million", () => {
  const memory = new FrameMemory(0);
  for (let number = 0; number < 500_001; number += 1) {
    memory.rotate(number);
    memory.add({ key: String(number), firstAtUs: number, copies: [] });
  }
  expect(memory.find("500000")).toBeDefined();
  expect(memory.find("250001")).toBeDefined();
  expect(memory.find("0")).toBeUndefined();
});
