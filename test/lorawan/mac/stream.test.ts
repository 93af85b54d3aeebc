import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { existsIn } from "../../../lorawan/mac/command.ts";
import { describeCommands } from "../../../lorawan/mac/engine.ts";
import { commandOf, commands } from "../../../lorawan/mac/registry.ts";
import { readStream } from "../../../lorawan/mac/stream.ts";
import { type MacVersion, macVersions } from "../../../lorawan/version.ts";
import { bytesOf, macVectors } from "./vectors.ts";

const namesOf = (hex: string, direction: "up" | "down", version: MacVersion): readonly string[] =>
  readStream(bytesOf(hex), direction, version).entries.map(({ message }) => message.name);

describe("a stream of commands", () => {
  test("C52 is read in order to its end", () => {
    const stream = readStream(bytesOf("02030706ff1f08"), "up", "1.0.4");
    expect(stream.entries.map(({ message }) => message.name)).toEqual([
      "LinkCheckReq",
      "LinkADRAns",
      "DevStatusAns",
      "RXTimingSetupAns",
    ]);
    expect(stream.end).toEqual({ kind: "complete" });
  });

  test("C52 ends at the first unknown command", () => {
    const stream = readStream(bytesOf("0280020202"), "up", "1.0.4");
    expect(stream.entries).toHaveLength(1);
    expect(stream.end).toEqual({ kind: "unknown", cid: 0x80, offset: 1 });
  });

  test("C52 ends at a command that is cut off", () => {
    const stream = readStream(bytesOf("0206ff"), "up", "1.0.4");
    expect(stream.entries).toHaveLength(1);
    expect(stream.end).toEqual({ kind: "truncated", cid: 0x06, offset: 1 });
  });

  test("C52 ends at a command that the version does not have", () => {
    expect(namesOf("0d02", "up", "1.0.2")).toEqual([]);
    expect(namesOf("0d02", "up", "1.0.3")).toEqual(["DeviceTimeReq", "LinkCheckReq"]);
    expect(namesOf("0b0102", "up", "1.0.4")).toEqual([]);
    expect(namesOf("0b0102", "up", "1.1.0")).toEqual(["RekeyInd", "LinkCheckReq"]);
  });

  test("C52 ends at a command that does not exist in the direction", () => {
    expect(readStream(bytesOf("0e0000"), "up", "1.1.0").end).toEqual({ kind: "unknown", cid: 0x0e, offset: 0 });
    expect(namesOf("0e0000", "down", "1.1.0")).toEqual(["ForceRejoinReq"]);
  });

  test.each(macVersions)("C52 never throws and loses no byte, whatever comes, under %s", version => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.constantFrom("up", "down"), (bytes, direction) => {
        const { entries, end } = readStream(bytes, direction, version);
        const read = entries.reduce((sum, { payload }) => sum + 1 + payload.length, 0);
        expect(read).toBe(end.kind === "complete" ? bytes.length : end.offset);
        for (const { command } of entries) expect(existsIn(command, version)).toBe(true);
        expect(describeCommands(bytes, direction, version)).toHaveLength(
          entries.length + (end.kind === "complete" ? 0 : 1),
        );
      }),
    );
  });
});

describe("the registry", () => {
  test("has each CID once", () => {
    expect(new Set(commands.map(({ cid }) => cid)).size).toBe(commands.length);
  });

  test("C52 lists commands by the version that introduced them", () => {
    const order = commands.map(({ since }) => macVersions.indexOf(since));
    expect(order).toEqual(order.toSorted((left, right) => left - right));
  });

  test("has every command of the vectors, in its direction and with its length", () => {
    const known = macVectors.filter(({ hex }) => hex !== undefined);
    expect(known.length).toBeGreaterThan(150);
    for (const { cid, name, direction, hex } of known) {
      expect(commandOf(cid, "1.1.0")?.[direction]?.name).toBe(name);
      expect(describeCommands(bytesOf(hex ?? ""), direction, "1.1.0").map(each => each.name)).toEqual([name]);
    }
  });
});

test("describes commands by their fields, and what it cannot read by its bytes", () => {
  expect(describeCommands(bytesOf("0352070001ffabcd"), "down", "1.0.4")).toEqual([
    {
      name: "LinkADRReq",
      cid: 3,
      fields: { dataRate: 5, txPowerIndex: 2, channelMask: 7, channelMaskControl: 0, nbTrans: 1 },
    },
    { name: "unknown", cid: 0xff, fields: { bytes: "ffabcd" } },
  ]);
});
