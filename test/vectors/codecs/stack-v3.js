// The Things Stack v3: decodeUplink, normalizeUplink, encodeDownlink and decodeDownlink in one file.
var modes = ["idle", "heating", "cooling"];

function decodeUplink(input) {
  switch (input.fPort) {
    case 1:
      return {
        data: {
          temperature: (((input.bytes[0] << 24) >> 16) | input.bytes[1]) / 100,
          mode: modes[input.bytes[2]],
        },
        warnings: input.bytes[3] < 20 ? ["battery is low"] : [],
      };
    default:
      return { errors: ["unknown FPort"] };
  }
}

function normalizeUplink(input) {
  return { data: { air: { temperature: input.data.temperature } } };
}

function encodeDownlink(input) {
  var i = modes.indexOf(input.data.mode);
  if (i === -1) {
    return { errors: ["invalid mode"] };
  }
  return { bytes: [i], fPort: 2 };
}

function decodeDownlink(input) {
  return { data: { mode: modes[input.bytes[0]] } };
}
