import type { Random } from "./random.ts";

/** A kind of device: what it measures, and the script that reads it. */
export interface Sensor {
  readonly name: string;
  readonly fPort: number;
  /** `t`: seconds since 1970 UTC; the same `random` and `t` give the same payload. */
  makePayload(random: Random, t: number): Uint8Array;
  /** JavaScript with `decodeUplink`. */
  readonly codecScript: string;
  readonly intervalSeconds: number;
}

const bytesOf = (length: number, write: (view: DataView) => void): Uint8Array => {
  const view = new DataView(new ArrayBuffer(length));
  write(view);
  return new Uint8Array(view.buffer);
};

/** -1 to 1 over a day: coldest before dawn, warmest in the afternoon. */
const dayCurve = (t: number): number => Math.sin(2 * Math.PI * (t / 86_400 - 0.375));

/** i16 temperature in 1/100 degree Celsius, u8 relative humidity in half percent, u16 battery in mV. */
const climate: Sensor = {
  name: "Temperature and humidity",
  fPort: 2,
  intervalSeconds: 600,
  makePayload: (random, t) =>
    bytesOf(5, view => {
      view.setInt16(0, Math.round(100 * (19 + 4 * dayCurve(t) + 0.3 * random.normal())));
      view.setUint8(2, Math.round(2 * Math.min(100, Math.max(5, 48 - 10 * dayCurve(t) + random.normal()))));
      view.setUint16(3, 3600 - random.between(0, 60));
    }),
  codecScript: `function decodeUplink(input) {
  var b = input.bytes;
  var raw = (b[0] << 8) | b[1];
  return {
    data: {
      temperature: (raw > 32767 ? raw - 65536 : raw) / 100,
      humidity: b[2] / 2,
      battery: ((b[3] << 8) | b[4]) / 1000
    }
  };
}
`,
};

/** u8 state (bit 0: open), u16 openings so far, u16 minutes in this state, u16 battery in mV. */
const door: Sensor = {
  name: "Door contact",
  fPort: 10,
  intervalSeconds: 900,
  makePayload: (random, t) =>
    bytesOf(7, view => {
      view.setUint8(0, random.chance(0.25) ? 1 : 0);
      view.setUint16(1, Math.floor(t / 1800) & 0xffff);
      view.setUint16(3, random.between(0, 120));
      view.setUint16(5, 3000 - random.between(0, 40));
    }),
  codecScript: `function decodeUplink(input) {
  var b = input.bytes;
  return {
    data: {
      open: (b[0] & 1) === 1,
      openings: (b[1] << 8) | b[2],
      minutesInState: (b[3] << 8) | b[4],
      battery: ((b[5] << 8) | b[6]) / 1000
    }
  };
}
`,
};

/** u8 occupied, i8 temperature, u8 battery in percent. */
const parking: Sensor = {
  name: "Parking space",
  fPort: 3,
  intervalSeconds: 1200,
  makePayload: (random, t) =>
    bytesOf(3, view => {
      view.setUint8(0, random.chance(0.5 + 0.4 * dayCurve(t)) ? 1 : 0);
      view.setInt8(1, Math.round(14 + 6 * dayCurve(t) + random.normal()));
      view.setUint8(2, random.between(80, 100));
    }),
  codecScript: `function decodeUplink(input) {
  var b = input.bytes;
  var data = { occupied: b[0] === 1, temperature: b[1] > 127 ? b[1] - 256 : b[1], batteryPercent: b[2] };
  return b[0] > 1 ? { data: data, warnings: ["unknown state " + b[0]] } : { data: data };
}
`,
};

/** i32 latitude and i32 longitude in 10^-7 degree, u16 altitude in m, u8 speed in km/h, u8 satellites. */
const tracker: Sensor = {
  name: "Tracker",
  fPort: 5,
  intervalSeconds: 300,
  makePayload: (random, t) =>
    bytesOf(12, view => {
      const angle = (2 * Math.PI * (t % 3600)) / 3600;
      view.setInt32(0, Math.round(1e7 * (48.1374 + 0.02 * Math.sin(angle) + 1e-5 * random.normal())));
      view.setInt32(4, Math.round(1e7 * (11.5755 + 0.03 * Math.cos(angle) + 1e-5 * random.normal())));
      view.setUint16(8, 519 + random.between(0, 6));
      view.setUint8(10, random.between(0, 60));
      view.setUint8(11, random.between(5, 14));
    }),
  codecScript: `function decodeUplink(input) {
  var b = input.bytes;
  function i32(at) {
    return (b[at] << 24) | (b[at + 1] << 16) | (b[at + 2] << 8) | b[at + 3];
  }
  return {
    data: {
      latitude: i32(0) / 1e7,
      longitude: i32(4) / 1e7,
      altitude: (b[8] << 8) | b[9],
      speed: b[10],
      satellites: b[11]
    }
  };
}
`,
};

export const sensors: readonly Sensor[] = [climate, door, parking, tracker];
