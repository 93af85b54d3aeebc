import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { MalformedValue } from "../../lorawan/errors.ts";

/** A message by the numbers of its fields, read without its schema. What is not there is 0 or empty, as in proto3. */
export interface Message {
  number(field: number): number;
  isTrue(field: number): boolean;
  bytes(field: number): Uint8Array;
  text(field: number): string;
  float(field: number): number;
  /** Packed or not. */
  numbers(field: number): readonly number[];
  /** Throws MalformedValue. */
  messages(field: number): readonly Message[];
  /** Entries of a map whose keys are numbers. */
  entries(field: number): readonly (readonly [key: number, entry: Message])[];
}

type Value = number | Uint8Array;
const fixed32 = 4;
const none = new Uint8Array(0);

/** Throws MalformedValue. */
export function readMessage(bytes: Uint8Array): Message {
  const fields = new Map<number, Value[]>();
  try {
    const reader = new BinaryReader(bytes);
    while (reader.pos < reader.len) {
      const [field, wireType] = reader.tag();
      const value = readValue(reader, field, wireType);
      fields.set(field, [...(fields.get(field) ?? []), ...(value === undefined ? [] : [value])]);
    }
  } catch (error) {
    throw new MalformedValue(`no protobuf message: ${error instanceof Error ? error.message : String(error)}`);
  }
  return messageOf(fields);
}

function readValue(reader: BinaryReader, field: number, wireType: WireType): Value | undefined {
  switch (wireType) {
    case WireType.Varint:
      return numberOf(reader);
    case WireType.LengthDelimited:
      return reader.bytes();
    case WireType.Bit32:
      return reader.skip(wireType, field).slice(0, fixed32);
    default:
      reader.skip(wireType, field);
      return undefined;
  }
}

/** A negative int32 is a number of 64 bits on the wire. */
const numberOf = (reader: BinaryReader): number => Number(BigInt.asIntN(64, BigInt(reader.uint64())));

function messageOf(fields: ReadonlyMap<number, readonly Value[]>): Message {
  const all = (field: number): readonly Value[] => fields.get(field) ?? [];
  const blobs = (field: number): readonly Uint8Array[] => all(field).filter(value => value instanceof Uint8Array);
  const message: Message = {
    number: field => all(field).findLast(value => typeof value === "number") ?? 0,
    isTrue: field => message.number(field) !== 0,
    bytes: field => blobs(field).at(-1) ?? none,
    text: field => Buffer.from(message.bytes(field)).toString("utf8"),
    float(field) {
      const bits = message.bytes(field);
      return bits.length === fixed32 ? Buffer.from(bits).readFloatLE(0) : 0;
    },
    numbers: field => all(field).flatMap(value => (typeof value === "number" ? [value] : unpacked(value))),
    messages: field => blobs(field).map(readMessage),
    entries: field => message.messages(field).map(entry => [entry.number(1), entry] as const),
  };
  return message;
}

function unpacked(bytes: Uint8Array): readonly number[] {
  const numbers: number[] = [];
  try {
    const reader = new BinaryReader(bytes);
    while (reader.pos < reader.len) numbers.push(numberOf(reader));
  } catch (error) {
    throw new MalformedValue(`no protobuf message: ${error instanceof Error ? error.message : String(error)}`);
  }
  return numbers;
}
