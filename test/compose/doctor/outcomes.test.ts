import { describe, expect, test } from "vitest";
import { findingsOf } from "../../../compose/doctor/certificates.ts";
import { gatewaysOutcome } from "../../../compose/doctor/clock.ts";
import { commitsOutcome } from "../../../compose/doctor/commits.ts";
import type { Outcome } from "../../../compose/doctor/examination.ts";
import { diskOutcome, fileSystemOutcome, flushOutcome } from "../../../compose/doctor/folders.ts";
import { filesOutcome, nodeOutcome, udpBufferOutcome } from "../../../compose/doctor/process.ts";

const codesOf = ({ findings }: Outcome) => findings.map(({ code, severity }) => `${severity} ${code}`);
const gib = 2 ** 30;

test.each<readonly [string, Outcome, readonly string[]]>([
  ["a version of Node that is old enough", nodeOutcome("22.22.0"), []],
  ["one that is too old", nodeOutcome("22.21.9"), ["error node_too_old"]],
  ["one of years ago", nodeOutcome("18.20.0"), ["error node_too_old"]],
  ["a disk with room", diskOutcome({ freeBytes: 50 * gib, inodes: 1e6, freeInodes: 9e5 }), []],
  ["one with little", diskOutcome({ freeBytes: gib, inodes: 0, freeInodes: 0 }), ["warning disk_nearly_full"]],
  ["one with hardly any", diskOutcome({ freeBytes: gib / 10, inodes: 0, freeInodes: 0 }), ["error disk_full"]],
  [
    "one that is out of inodes",
    diskOutcome({ freeBytes: 50 * gib, inodes: 1e6, freeInodes: 500 }),
    ["warning few_inodes"],
  ],
  ["a data folder on ext4", fileSystemOutcome("/x", 0xef53), []],
  ["one in memory", fileSystemOutcome("/x", 0x01021994), ["error state_in_memory"]],
  ["one over NFS", fileSystemOutcome("/x", 0x6969), ["error state_on_network"]],
  ["a disk that flushes at once", flushOutcome(2), []],
  ["one that takes its time", flushOutcome(120), ["warning slow_disk"]],
  ["a state store whose commits are quick but for a few", commitsOutcome({ total: 100_000, slow: 900 }), []],
  ["one of which hardly anything is known", commitsOutcome({ total: 20, slow: 9 }), []],
  ["one that stands still now and then", commitsOutcome({ total: 90_000, slow: 900 }), ["warning slow_commits"]],
  ["a limit on open files as in the units", filesOutcome(65_536, 200), []],
  ["one of a shell", filesOutcome(1024, undefined), ["warning few_open_files"]],
  ["one that is nearly reached", filesOutcome(65_536, 60_000), ["error few_open_files"]],
  ["a UDP buffer of 4 MiB", udpBufferOutcome(4 * 2 ** 20), []],
  ["the usual one", udpBufferOutcome(212_992), ["notice small_udp_buffer"]],
  ["gateways that agree", gatewaysOutcome([-2_000, -28_000, 900]), []],
  ["one gateway that is wrong", gatewaysOutcome([-2_000, 3_600_000, 900]), []],
  ["most of them wrong", gatewaysOutcome([3_600_000, 3_601_000, 900]), ["warning clock_differs_from_gateways"]],
  ["no gateway", gatewaysOutcome([]), []],
])("%s", (_name, outcome, codes) => {
  expect(codesOf(outcome)).toEqual(codes);
  for (const { whatToDo, summary } of outcome.findings) {
    expect(whatToDo.length).toBeGreaterThan(0);
    expect(summary).toMatch(/\.$/);
  }
});

describe("certificates", () => {
  const tls = (name: string) => `test/support/tls/${name}`;
  const files = { option: "x", certificateFile: tls("server.pem"), keyFile: tls("server.key"), caFile: tls("ca.pem") };
  const now = Date.UTC(2030, 0, 1);
  const codes = (changes: Partial<typeof files>, nowMs = now) =>
    findingsOf({ ...files, ...changes }, nowMs).map(({ code }) => code);

  test("that are whole and of today are well", () => {
    expect(codes({})).toEqual([]);
  });

  test("that have expired, will soon, or hold only later are told, with the time", () => {
    expect(codes({ caFile: tls("server.pem") }, Date.UTC(2127, 0, 1))).toContain("certificate_expired");
    expect(codes({}, Date.UTC(2126, 9, 20))).toContain("certificate_expires_soon");
    const [early] = findingsOf(files, Date.UTC(2020, 0, 1));
    expect(early?.code).toBe("certificate_not_yet_valid");
    expect(early?.evidence.map(({ what }) => what)).toEqual(["certificate", "from", "until"]);
  });

  test("without their issuer, with another's key, or without anything in them are told", () => {
    expect(codes({ caFile: tls("other-ca.pem") })).toEqual(["certificate_chain"]);
    expect(codes({ keyFile: tls("network-13.key") })).toEqual(["certificate_key"]);
    expect(codes({ certificateFile: tls("server.key") })).toEqual(["certificate_unreadable"]);
    expect(codes({ caFile: tls("none.pem") })).toEqual(["certificate_unreadable"]);
  });
});
