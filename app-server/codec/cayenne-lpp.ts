/**
 * Cayenne Low Power Payload (myDevices): a frame is a row of channel, type and value, big endian. The JSON form has a
 * member for each type with the values by channel: `{"temperatureSensor": {"3": 27.2}, "gpsLocation": {"1": {...}}}`.
 */
export type CayenneDecoded =
  | { readonly kind: "decoded"; readonly object: Record<string, Record<string, CayenneValue>> }
  | { readonly kind: "failed"; readonly message: string };

export type CayenneEncoded =
  | { readonly kind: "encoded"; readonly bytes: Uint8Array }
  | { readonly kind: "failed"; readonly message: string };

type CayenneValue = number | Record<string, number>;

interface Field {
  /** Absent for types with a single number. */
  readonly name?: string;
  readonly bytes: 1 | 2 | 3 | 4;
  readonly signed: boolean;
  /** Steps in one unit: 10 for a resolution of 0.1. */
  readonly perUnit: number;
}

interface CayenneType {
  readonly code: number;
  readonly name: string;
  readonly fields: readonly Field[];
}

const unsigned = (bytes: Field["bytes"], perUnit = 1): Field => ({ bytes, signed: false, perUnit });
const signed = (bytes: Field["bytes"], perUnit = 1): Field => ({ bytes, signed: true, perUnit });
const single = (code: number, name: string, field: Field): CayenneType => ({ code, name, fields: [field] });
const named = (code: number, name: string, fields: Readonly<Record<string, Field>>): CayenneType => ({
  code,
  name,
  fields: Object.entries(fields).map(([member, field]) => ({ ...field, name: member })),
});

// Types of the Cayenne documentation and the IPSO extensions in common use; a type is its IPSO object id less 3200.
const types: readonly CayenneType[] = [
  single(0, "digitalInput", unsigned(1)),
  single(1, "digitalOutput", unsigned(1)),
  single(2, "analogInput", signed(2, 100)),
  single(3, "analogOutput", signed(2, 100)),
  single(100, "genericSensor", unsigned(4)),
  single(101, "illuminanceSensor", unsigned(2)),
  single(102, "presenceSensor", unsigned(1)),
  single(103, "temperatureSensor", signed(2, 10)),
  single(104, "humiditySensor", unsigned(1, 2)),
  named(113, "accelerometer", { x: signed(2, 1000), y: signed(2, 1000), z: signed(2, 1000) }),
  single(115, "barometer", unsigned(2, 10)),
  single(116, "voltage", unsigned(2, 100)),
  single(117, "current", unsigned(2, 1000)),
  single(118, "frequency", unsigned(4)),
  single(120, "percentage", unsigned(1)),
  single(121, "altitude", signed(2)),
  single(125, "concentration", unsigned(2)),
  single(128, "power", unsigned(2)),
  single(130, "distance", unsigned(4, 1000)),
  single(131, "energy", unsigned(4, 1000)),
  single(132, "direction", unsigned(2)),
  single(133, "unixTime", unsigned(4)),
  named(134, "gyrometer", { x: signed(2, 100), y: signed(2, 100), z: signed(2, 100) }),
  named(135, "color", { r: unsigned(1), g: unsigned(1), b: unsigned(1) }),
  named(136, "gpsLocation", { latitude: signed(3, 10_000), longitude: signed(3, 10_000), altitude: signed(3, 100) }),
  single(142, "switch", unsigned(1)),
];

const typeByCode = new Map(types.map(type => [type.code, type]));
const typeByName = new Map(types.map(type => [type.name, type]));

/** Total: a frame that is cut short or has a type that is not known gives a message. */
export function decodeCayenneLpp(frame: Uint8Array): CayenneDecoded {
  const bytes = Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength);
  const object: Record<string, Record<string, CayenneValue>> = {};
  let position = 0;
  while (position < bytes.length) {
    const [channel, code] = [bytes[position], bytes[position + 1]];
    if (channel === undefined || code === undefined) return failed(`byte ${position}: the frame is cut short`);
    const type = typeByCode.get(code);
    if (type === undefined) return failed(`byte ${position + 1}: type ${code} is not known`);
    position += 2;
    const length = type.fields.reduce((sum, field) => sum + field.bytes, 0);
    if (position + length > bytes.length) return failed(`byte ${position}: ${type.name} is cut short`);
    object[type.name] = { ...object[type.name], [String(channel)]: readValue(type, bytes, position) };
    position += length;
  }
  return { kind: "decoded", object };
}

/** Channels in rising order, types in the order of their codes; values are rounded to the type's resolution. */
export function encodeCayenneLpp(object: Readonly<Record<string, unknown>>): CayenneEncoded {
  const unknown = Object.keys(object).find(name => !typeByName.has(name));
  if (unknown !== undefined) return failed(`${unknown} is no Cayenne LPP type`);
  const bytes: number[] = [];
  for (const type of types) {
    const channels = object[type.name];
    if (channels === undefined) continue;
    if (!isRecord(channels)) return failed(`${type.name} is an object with values by channel`);
    for (const channel of Object.keys(channels).sort((a, b) => Number(a) - Number(b))) {
      if (!/^\d{1,3}$/.test(channel) || Number(channel) > 255) return failed(`${type.name}: channels are 0 to 255`);
      const value = writeValue(type, channels[channel]);
      if (value === undefined) return failed(`${type.name}, channel ${channel}: missing, no number or out of range`);
      bytes.push(Number(channel), type.code, ...value);
    }
  }
  return { kind: "encoded", bytes: Uint8Array.from(bytes) };
}

function readValue(type: CayenneType, bytes: Buffer, start: number): CayenneValue {
  const members: Record<string, number> = {};
  let position = start;
  for (const { name, bytes: length, signed, perUnit } of type.fields) {
    const raw = signed ? bytes.readIntBE(position, length) : bytes.readUIntBE(position, length);
    position += length;
    if (name === undefined) return raw / perUnit;
    members[name] = raw / perUnit;
  }
  return members;
}

function writeValue(type: CayenneType, value: unknown): readonly number[] | undefined {
  const out: number[] = [];
  for (const { name, bytes, signed, perUnit } of type.fields) {
    const member = name === undefined ? value : isRecord(value) ? value[name] : undefined;
    if (typeof member !== "number") return undefined;
    const raw = Math.round(member * perUnit);
    const span = 2 ** (8 * bytes);
    const [lowest, highest] = signed ? [-span / 2, span / 2 - 1] : [0, span - 1];
    if (!(raw >= lowest && raw <= highest)) return undefined;
    const unsignedRaw = raw < 0 ? raw + span : raw;
    for (let shift = bytes - 1; shift >= 0; shift -= 1) out.push(Math.floor(unsignedRaw / 256 ** shift) % 256);
  }
  return out;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const failed = (message: string): { readonly kind: "failed"; readonly message: string } => ({
  kind: "failed",
  message: `Cayenne LPP: ${message}`,
});
