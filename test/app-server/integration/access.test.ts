import { describe, expect, test } from "vitest";
import { type MqttScope, mayRead, mayReceive, maySend } from "../../../app-server/integration/access.ts";
import { matches } from "../../../app-server/integration/broker-sessions.ts";
import { packetLengthGuard } from "../../../app-server/integration/packet-length.ts";
import { parseRequestTopic } from "../../../app-server/integration/topics.ts";
import { applicationId, otherApplicationId } from "../support/fixtures.ts";

const own = { kind: "application", applicationId, isReadOnly: false } as const satisfies MqttScope;
const administrator: MqttScope = { kind: "administrator" };

describe("topic access", () => {
  test.each([
    `application/${applicationId}/#`,
    `application/${applicationId}/device/+/event/+`,
    `application/${applicationId}/device/0101010101010101/event/up`,
    `application/${applicationId}/+/+/event/#`,
    "application/+/#",
    "application/+/device/+/event/up",
  ])("an application reads %s", filter => {
    expect(mayRead(own, filter)).toBe(true);
  });

  test.each([
    "#",
    "+/#",
    "+",
    "/#",
    "",
    "application/#",
    "application/+",
    "application",
    `application/${applicationId}`,
    `application/${otherApplicationId}/#`,
    `+/${applicationId}/#`,
    `/application/${applicationId}/#`,
    `application/${applicationId.toUpperCase()}/#`,
    `$share/group/application/${applicationId}/#`,
    "$SYS/#",
    "gateway/#",
  ])("an application does not read %s", filter => {
    expect(mayRead(own, filter)).toBe(false);
  });

  test.each([
    ["application/#", true],
    ["application/+/device/+/event/up", true],
    [`application/${applicationId}/#`, true],
    ["#", false],
    ["$SYS/#", false],
  ])("an administrator and %s: %s", (filter, allowed) => {
    expect(mayRead(administrator, filter)).toBe(allowed);
  });

  test("whatever the filter, an application receives its own messages alone", () => {
    expect(mayReceive(own, `application/${applicationId}/device/0101010101010101/event/up`)).toBe(true);
    expect(mayReceive(own, `application/${otherApplicationId}/device/0101010101010101/event/up`)).toBe(false);
    expect(mayReceive(administrator, `application/${otherApplicationId}/device/0101010101010101/event/up`)).toBe(true);
  });

  test("commands go to devices of the own application, and nothing else is sent", () => {
    const command = (id: string, rest = "device/0101010101010101/command/down") =>
      parseRequestTopic(`application/${id}/${rest}`);
    expect(maySend(own, command(applicationId))).toBe(true);
    expect(maySend(own, command(otherApplicationId))).toBe(false);
    expect(maySend({ ...own, isReadOnly: true }, command(applicationId))).toBe(false);
    expect(maySend(administrator, command(otherApplicationId))).toBe(true);
    for (const rest of ["device/0101010101010101/event/up", "device//command/down", "device/01/command/down/x", "x"]) {
      expect(maySend(administrator, command(applicationId, rest))).toBe(false);
    }
  });
});

test.each([
  ["a/b", "a/b", true],
  ["a/+", "a/b", true],
  ["a/+", "a/b/c", false],
  ["a/#", "a", true],
  ["a/#", "a/b/c", true],
  ["a/b/c", "a/b", false],
  ["+/b", "a/b", true],
  ["a/+/c", "a//c", true],
])("filter %s against topic %s: %s", (filter, topic, expected) => {
  expect(matches(filter, topic)).toBe(expected);
});

describe("the packet length guard", () => {
  const packet = (bytes: number) => [
    0x30,
    ...(bytes < 128 ? [bytes] : [(bytes % 128) | 0x80, bytes >> 7]),
    ...Array(bytes).fill(0xff),
  ];

  test.each([1, 2, 3, 7, 1000])("follows packets through chunks of %i bytes", size => {
    const tooLong = packetLengthGuard(300);
    const bytes = Uint8Array.from([...packet(0), ...packet(5), ...packet(300), ...packet(127), ...packet(128)]);
    for (let start = 0; start < bytes.length; start += size)
      expect(tooLong(bytes.subarray(start, start + size))).toBe(false);
    expect(tooLong(Uint8Array.from(packet(301).slice(0, 3)))).toBe(true);
  });

  test("stops at a length that has no end", () => {
    expect(packetLengthGuard(300)(Uint8Array.of(0x10, 0xff, 0xff, 0xff, 0xff, 0xff))).toBe(true);
    expect(packetLengthGuard(300)(Uint8Array.of(0x10, 0x80, 0x80, 0x80, 0x80, 0x80))).toBe(true);
  });
});
