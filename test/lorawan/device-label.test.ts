import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseDeviceLabel } from "../../lorawan/device-label.ts";

const example = "LW:D0:1122334455667788:AABBCCDDEEFF0011:AABB1122:OAABBCCDDEEFF:SYYWWNNNNNN:PFOOBAR:CAF2C";
const full = {
  joinEui: "1122334455667788",
  devEui: "aabbccddeeff0011",
  vendorId: 0xaabb,
  vendorProfileId: 0x1122,
};

describe("the text of a device's QR code", () => {
  test("is read as TR005 shows it, checksum and all", () => {
    expect(parseDeviceLabel(example)).toEqual({
      kind: "label",
      label: {
        format: "tr005",
        ...full,
        ownerToken: "AABBCCDDEEFF",
        serialNumber: "YYWWNNNNNN",
        proprietary: "FOOBAR",
      },
    });
  });

  test("needs no field beyond the profile id, and none in particular", () => {
    const short = "LW:D0:1122334455667788:AABBCCDDEEFF0011:AABB1122";
    expect(parseDeviceLabel(` ${short}\n`)).toEqual({ kind: "label", label: { format: "tr005", ...full } });
    expect(parseDeviceLabel(`${short}:S1:X9`)).toMatchObject({ kind: "label", label: { serialNumber: "1" } });
    expect(parseDeviceLabel(short.toLowerCase())).toMatchObject({ kind: "label", label: full });
    expect(parseDeviceLabel("LW:D0:11-22-33-44-55-66-77-88:AABBCCDDEEFF0011:AABB1122")).toMatchObject({ label: full });
  });

  test("is read in the forms of the drafts", () => {
    expect(parseDeviceLabel("URN:DEV:LW:1122334455667788_AABBCCDDEEFF0011_AABB1122_V0102_S7_PX")).toEqual({
      kind: "label",
      label: { format: "tr005-draft-3", ...full, ownerToken: "0102", serialNumber: "7", proprietary: "X" },
    });
    for (const percent of ["%", "%25"]) {
      const text = `URN:LW:DP:1122334455667788:AABBCCDDEEFF0011:AABB1122:${percent}V0102${percent}S201907160010`;
      expect(parseDeviceLabel(text)).toEqual({
        kind: "label",
        label: { format: "tr005-draft-2", ...full, ownerToken: "0102", serialNumber: "201907160010" },
      });
    }
  });

  test.each([
    ["", "not_a_label"],
    ["https://example.com/LW:D0:", "not_a_label"],
    ["LW:D1:1122334455667788:AABBCCDDEEFF0011:AABB1122", "not_a_label"],
    ["LW:D0:112233445566778:AABBCCDDEEFF0011:AABB1122", "malformed"],
    ["LW:D0:1122334455667788:AABBCCDDEEFF001G:AABB1122", "malformed"],
    ["LW:D0:1122334455667788:AABBCCDDEEFF0011:AABB", "malformed"],
    ["LW:D0:1122334455667788:AABBCCDDEEFF0011:AABB1122:S1:S2", "malformed"],
    ["LW:D0:1122334455667788:AABBCCDDEEFF0011:AABB1122::S2", "malformed"],
    ["LW:D0:1122334455667788:AABBCCDDEEFF0011:AABB1122:CAF", "malformed"],
    [example.replace("FOOBAR", "FOOBAZ"), "wrong_checksum"],
    [example.replace("AF2C", "0000"), "wrong_checksum"],
  ])("%s is refused: %s", (text, fault) => {
    expect(parseDeviceLabel(text)).toEqual({ kind: "refused", fault });
  });

  test("with one character changed is refused when it has a checksum, or is the same label", () => {
    const whole = parseDeviceLabel(example);
    fc.assert(
      fc.property(fc.nat({ max: example.length - 1 }), fc.constantFrom(..."0123456789ABCDEFXYZ:"), (at, character) => {
        const changed = parseDeviceLabel(example.slice(0, at) + character + example.slice(at + 1));
        // Without its letter the checksum's field is none, and the text a label without one.
        if (changed.kind === "label" && at < example.length - 6) expect(changed).toEqual(whole);
      }),
      { numRuns: 1000 },
    );
  });

  test("whatever it is, is a label or refused", () => {
    const piece = fc.constantFrom(
      "LW:D0:",
      "URN:LW:DP:",
      "URN:DEV:LW:",
      "1122334455667788",
      ":",
      "_",
      "%",
      "%25",
      "AABB1122",
      "C1234",
      "O",
      "V",
      "S",
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(piece, fc.string({ unit: "binary" })), { maxLength: 12 }), parts => {
        const outcome = parseDeviceLabel(parts.join(""));
        if (outcome.kind === "label") expect(outcome.label.devEui).toMatch(/^[0-9a-f]{16}$/);
      }),
    );
  });

  const eui = fc.stringMatching(/^[0-9A-F]{16}$/);
  const field = fc.stringMatching(/^[0-9A-Z$*+\-./]{1,20}$/);
  test("comes back as it was printed", () => {
    fc.assert(
      fc.property(
        eui,
        eui,
        fc.nat({ max: 0xffff }),
        fc.nat({ max: 0xffff }),
        field,
        field,
        (joinEui, devEui, vendor, profile, token, serial) => {
          const hex = (number: number) => number.toString(16).toUpperCase().padStart(4, "0");
          const text = `LW:D0:${joinEui}:${devEui}:${hex(vendor)}${hex(profile)}:O${token}:S${serial}`;
          expect(parseDeviceLabel(text)).toEqual({
            kind: "label",
            label: {
              format: "tr005",
              joinEui: joinEui.toLowerCase(),
              devEui: devEui.toLowerCase(),
              vendorId: vendor,
              vendorProfileId: profile,
              ownerToken: token,
              serialNumber: serial,
            },
          });
        },
      ),
    );
  });
});
