import { MalformedValue } from "../errors.ts";

export type Direction = "up" | "down";

/** Content of a command as people may read it. */
export type Fields = Readonly<Record<string, number | boolean | string>>;

/**
 * One command in one direction on the wire. `decode` accepts every payload of `length` bytes and ignores RFU bits;
 * `encode` throws MalformedValue for a field that the wire cannot carry.
 */
export interface Message<Value extends Fields> {
  readonly cid: number;
  readonly name: string;
  /** Bytes after the CID. */
  readonly length: number;
  decode(payload: DataView): Value;
  encode(value: Value, payload: DataView): void;
}

/** A message whose content is known as bytes alone. */
export interface ErasedMessage {
  readonly cid: number;
  readonly name: string;
  readonly length: number;
  describe(payload: Uint8Array): Fields;
}

export type Empty = Readonly<Record<string, never>>;

/** A command that is its CID and nothing else. */
export const emptyMessage = (cid: number, name: string): Message<Empty> => ({
  cid,
  name,
  length: 0,
  decode: () => ({}),
  encode: () => {},
});

/** CID and payload. Throws MalformedValue. */
export function encodeMessage<Value extends Fields>(message: Message<Value>, value: Value): Uint8Array {
  const bytes = new Uint8Array(1 + message.length);
  bytes[0] = message.cid;
  message.encode(value, new DataView(bytes.buffer, 1));
  return bytes;
}

/** `payload` has the message's length: the stream parser cuts it so. */
export const decodeMessage = <Value extends Fields>(message: Message<Value>, payload: Uint8Array): Value =>
  message.decode(new DataView(payload.buffer, payload.byteOffset, payload.byteLength));

export const eraseMessage = <Value extends Fields>(message: Message<Value>): ErasedMessage => ({
  cid: message.cid,
  name: message.name,
  length: message.length,
  describe: payload => decodeMessage(message, payload),
});

/** The value itself when a field of `bits` bits can carry it. Throws MalformedValue. */
export function unsigned(name: string, value: number, bits: number): number {
  if (!Number.isInteger(value) || value < 0 || value >= 2 ** bits) {
    throw new MalformedValue(`${name} is an integer from 0 to ${2 ** bits - 1}`, { name, value });
  }
  return value;
}

const highFrequencyHz = 2_400_000_000;

const stepOf = (frequencyHz: number): number => (frequencyHz >= highFrequencyHz ? 200 : 100);

/** A MAC command can carry this frequency. */
export const isWireFrequency = (frequencyHz: number): boolean => {
  const steps = frequencyHz / stepOf(frequencyHz);
  return Number.isInteger(steps) && steps > 0 && steps < 2 ** 24;
};

/**
 * 24 bits, little-endian, in steps of 100 Hz (TS001-1.0.4 5.6); from 2.4 GHz on in steps of 200 Hz (RP002-1.0.4, ISM2400).
 * Throws MalformedValue.
 */
export function writeFrequency(payload: DataView, offset: number, name: string, frequencyHz: number): void {
  const stepHz = stepOf(frequencyHz);
  const steps = frequencyHz / stepHz;
  if (!Number.isInteger(steps))
    throw new MalformedValue(`${name} is a multiple of ${stepHz} Hz`, { name, frequencyHz });
  unsigned(name, steps, 24);
  payload.setUint16(offset, steps & 0xffff, true);
  payload.setUint8(offset + 2, steps >> 16);
}

export function readFrequency(payload: DataView, offset: number): number {
  const steps = payload.getUint16(offset, true) | (payload.getUint8(offset + 2) << 16);
  return steps >= highFrequencyHz / 200 ? steps * 200 : steps * 100;
}

export const hasBit = (byte: number, bit: number): boolean => ((byte >> bit) & 1) === 1;

/** A byte with bit n set where the nth flag is. */
export const flagByte = (...flags: readonly boolean[]): number =>
  flags.reduce((byte, flag, bit) => byte | (flag ? 1 << bit : 0), 0);
